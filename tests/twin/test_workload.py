"""Traffic and trouble from a seed."""

from statistics import mean

import pytest

from wattmill.twin.scenes import random_scene
from wattmill.twin.workload import Job, Mix, poisson_jobs, random_failures

MIX = Mix(keys=("a", "b"), models=("m",), hungry=("b",))
JOBS = poisson_jobs(1, 5000, MIX, start_s=100.0)


def test_a_seed_repeats_its_jobs_and_another_does_not() -> None:
    assert poisson_jobs(7, 50, MIX) == poisson_jobs(7, 50, MIX)
    assert poisson_jobs(7, 50, MIX) != poisson_jobs(8, 50, MIX)
    assert poisson_jobs(7, 50, MIX)[:20] == poisson_jobs(7, 20, MIX)


def test_jobs_arrive_in_order_and_at_the_rate_asked_for() -> None:
    assert [job.request for job in JOBS] == list(range(1, 5001))
    arrivals = [job.arrival_s for job in JOBS]
    assert arrivals == sorted(arrivals) and arrivals[0] > 100.0
    assert 5000 / (arrivals[-1] - 100.0) == pytest.approx(MIX.arrivals_per_s, rel=0.05)


def test_what_the_gateway_knows_bounds_what_is_true() -> None:
    for job in JOBS:
        assert 0 <= job.cached_tokens < job.prompt_tokens <= job.input_bound
        assert 1 <= job.generated_tokens <= job.output_tokens
        assert job.generated_tokens <= (job.output_bound or job.output_tokens)


def test_the_mix_is_what_was_asked_for() -> None:
    assert mean(job.stream for job in JOBS) == pytest.approx(MIX.stream_frac, abs=0.02)
    assert mean(job.cached_tokens > 0 for job in JOBS) == pytest.approx(MIX.cached_frac, abs=0.03)
    assert mean(job.prompt_tokens for job in JOBS) == pytest.approx(200.5, rel=0.05)
    leaving = [job for job in JOBS if job.leaves_after or job.leaves_at_s]
    assert len(leaving) / 5000 == pytest.approx(MIX.leaves_frac, abs=0.02)
    assert all(job.stream for job in JOBS if job.leaves_after)
    assert all(job.leaves_at_s > job.arrival_s for job in JOBS if job.leaves_at_s)


def test_a_hungry_key_asks_for_far_more_than_it_uses() -> None:
    assert {job.output_bound for job in JOBS if job.key == "b"} == {MIX.hungry_output}


@pytest.mark.parametrize(("bound", "generated"), [(None, 10), (3, 3), (99, 10), (0, 0)])
def test_an_answer_ends_where_the_model_or_the_client_says(
    bound: int | None, generated: int
) -> None:
    assert Job(1, 0.0, "a", "m", True, 5, 0, 10, 5, bound).generated_tokens == generated


def test_failures_come_in_order_and_as_often_as_asked() -> None:
    failures = random_failures(3, ("p", "q"), 0.0, 10_000.0, every_s=10.0)
    assert failures == random_failures(3, ("p", "q"), 0.0, 10_000.0, every_s=10.0)
    assert [f.at_s for f in failures] == sorted(f.at_s for f in failures)
    assert len(failures) == pytest.approx(2000, rel=0.1)
    assert mean(f.down_for_s for f in failures) == pytest.approx(1.0, rel=0.1)


def test_a_scene_is_its_seed() -> None:
    assert random_scene(5) == random_scene(5)
    assert random_scene(5) != random_scene(6)
    assert len(random_scene(5, jobs=9).jobs) == 9
