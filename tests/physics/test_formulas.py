"""Pure formulas against limits, identities and simulation; and over arrays as over numbers."""

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import PlanError
from wattmill.physics import (
    agents,
    caching,
    cluster,
    disaggregation,
    energy,
    moe,
    quantisation,
    queueing,
    retrieval,
    roofline,
    speculative,
)
from wattmill.physics.numbers import larger, smaller

SHARES = st.floats(0.01, 0.98)
SIZES = st.floats(0.1, 1e6)


# --- arrays ---------------------------------------------------------------------------------------

FORMULAS: list[tuple[Callable[..., Any], tuple[float, ...]]] = [
    (roofline.ridge_flop_per_byte, (9.9e14, 3.35e12)),
    (roofline.weight_intensity_flop_per_byte, (64.0, 2.0)),
    (roofline.attention_intensity_flop_per_byte, (64.0, 8.0, 2.0)),
    (roofline.saturation_batch, (295.0, 2.0)),
    (roofline.decode_bound_tok_s, (32.0, 1.4e11, 3e8, 3.35e12, 1.4e11, 9.9e14)),
    (roofline.mixed_read_s, (2e10, 1e12, 2e10, 8e10)),
    (roofline.attention_flop, (1000.0, 80.0, 64.0, 128.0, 10.0)),
    (roofline.mbu_frac, (20.0, 1.4e11, 3.35e12)),
    (roofline.mfu_frac, (2000.0, 1.4e11, 9.9e14)),
    (speculative.tokens_per_step, (0.8, 4.0)),
    (speculative.speedup, (0.8, 4.0, 0.05, 1.1)),
    (caching.prefill_speedup, (0.5,)),
    (caching.fleet_saving_frac, (0.5, 0.8)),
    (caching.restore_speedup, (1e4, 3e5, 6e10, 1e-5, 8000.0)),
    (caching.break_even_reuses, (1.25, 0.1)),
    (caching.cached_cost_frac, (0.5, 0.1, 1.25)),
    (caching.keep_break_even_s, (1e-7, 3e5, 1e-15)),
    (queueing.md1_wait_s, (1.0, 0.5)),
    (queueing.mg1_wait_s, (1.0, 0.5, 0.7)),
    (disaggregation.kv_transfer_s, (512.0, 3e5, 5e10, 1e-5)),
    (disaggregation.prefill_time_frac, (4000.0, 400.0, 1e4, 1e3)),
    (disaggregation.interference, (32.0, 300.0, 0.1, 0.03)),
    (disaggregation.crossover_isl_tokens, (32.0, 300.0, 1e4, 0.03, 0.05)),
    (cluster.all_reduce_s, (1e6, 8.0, 4.5e11, 1e-5)),
    (cluster.reduces_s, (8.0, 8192.0, 80.0, 4.0, 4.5e11, 1e-5, 2.0)),
    (cluster.tp_efficiency_frac, (0.04, 4.0, 0.002)),
    (cluster.pipeline_bubble_frac, (4.0, 8.0)),
    (cluster.pipeline_token_s, (0.04, 4.0, 16384.0, 1e9, 1e-5)),
    (moe.coverage_frac, (256.0, 8.0, 64.0)),
    (moe.idle_frac, (2.0,)),
    (moe.transformer_params, (32.0, 4096.0, 4e7, 32e3, 32.0, 8.0, 14336.0, 0.0)),
    (quantisation.scaled_bits, (8.0, 32.0, 16.0, 0.0)),
    (quantisation.float_error_frac, (3.0,)),
    (quantisation.free_memory_gain, (160.0, 140.0, 70.0)),
    (agents.loop_hit_frac, (10.0, 1000.0, 500.0)),
    (agents.turns_until, (1e5, 1000.0, 500.0)),
    (agents.amdahl_speedup, (0.5, 3.0)),
    (retrieval.index_bytes, (1e6, 1024.0, 4.0, 0.5)),
    (energy.machines_in, (1e6, 1.2, 1e4)),
]


@pytest.mark.parametrize(("formula", "inputs"), FORMULAS, ids=[f.__name__ for f, _ in FORMULAS])
def test_an_array_gives_what_its_numbers_give(
    formula: Callable[..., Any], inputs: tuple[float, ...]
) -> None:
    others = tuple(0.97 * x for x in inputs)
    both = formula(*(np.array([a, b]) for a, b in zip(inputs, others, strict=True)))
    assert both == pytest.approx([formula(*inputs), formula(*others)], rel=1e-12)
    mixed = formula(np.array([inputs[0], others[0]]), *inputs[1:])
    assert mixed[0] == pytest.approx(formula(*inputs), rel=1e-12)


@given(SIZES, SIZES)
def test_larger_and_smaller_are_max_and_min(a: float, b: float) -> None:
    assert larger(a, b) == pytest.approx(max(a, b))
    assert smaller(a, b) == pytest.approx(min(a, b))


# --- rooflines ------------------------------------------------------------------------------------


@given(st.floats(1, 1e4), SIZES, SIZES, SIZES)
def test_at_the_saturation_batch_memory_and_arithmetic_take_equally_long(
    ridge: float, bandwidth: float, params: float, width: float
) -> None:
    flops = ridge * bandwidth
    batch = roofline.saturation_batch(ridge, width)
    read_s = params * width / bandwidth
    compute_s = batch * roofline.forward_flop(params, 1.0) / flops
    assert compute_s == pytest.approx(read_s)


def test_attention_counts_every_pair_once() -> None:
    pairs = sum(10 + i for i in range(1000))
    whole = roofline.attention_flop(1000.0, 1.0, 1.0, 1.0, 10.0)
    assert whole == pytest.approx(4 * pairs, rel=1e-3)


# --- speculation ----------------------------------------------------------------------------------


def test_tokens_per_step_is_the_mean_of_many_steps() -> None:
    random.seed(1)
    total = 0
    for _ in range(20_000):
        run = 0
        while run < 4 and random.random() < 0.7:
            run += 1
        total += run + 1
    assert total / 20_000 == pytest.approx(speculative.tokens_per_step(0.7, 4.0), rel=0.01)


@given(st.floats(0.05, 0.95), st.floats(0.01, 0.4))
def test_no_other_draft_length_is_better_than_the_best(acceptance: float, cost: float) -> None:
    best = speculative.best_drafts(acceptance, cost)
    at_best = speculative.speedup(acceptance, float(best), cost, 1.0)
    for other in (best - 1, best + 1):
        if 0 <= other < speculative.MOST_DRAFTS:
            assert speculative.speedup(acceptance, float(other), cost, 1.0) <= at_best


@given(st.integers(1, 16), st.floats(0.0, 0.5))
def test_break_even_is_where_the_speedup_is_one(drafts: int, cost: float) -> None:
    acceptance = speculative.break_even_acceptance_frac(float(drafts), cost, 1.0)
    assert speculative.speedup(acceptance, float(drafts), cost, 1.0) == pytest.approx(1.0)


# --- queues ---------------------------------------------------------------------------------------


def simulated_wait_s(servers: int, arrivals_per_s: float, service: Callable[[], float]) -> float:
    free, clock, waited, n = [0.0] * servers, 0.0, 0.0, 200_000
    for _ in range(n):
        clock += random.expovariate(arrivals_per_s)
        i = free.index(min(free))
        start = max(clock, free[i])
        free[i] = start + service()
        waited += start - clock
    return waited / n


def test_waits_are_those_of_a_simulation() -> None:
    random.seed(2)
    fixed = simulated_wait_s(1, 0.7, lambda: 1.0)
    assert queueing.md1_wait_s(0.7, 1.0) == pytest.approx(fixed, rel=0.05)
    several = simulated_wait_s(3, 2.4, lambda: random.expovariate(1.0))
    assert queueing.mmc_wait_s(2.4, 1.0, 3) == pytest.approx(several, rel=0.08)


@given(SHARES, st.floats(0.01, 10))
def test_the_queues_agree_where_they_are_the_same(busy: float, service_s: float) -> None:
    arrivals = busy / service_s
    one = queueing.mmc_wait_s(arrivals, service_s, 1)
    assert one == pytest.approx(queueing.mm1_wait_s(arrivals, service_s))
    assert queueing.mg1_wait_s(arrivals, service_s, 1.0) == pytest.approx(one)
    assert queueing.mg1_wait_s(arrivals, service_s, 0.0) == pytest.approx(one / 2)
    assert queueing.md1_wait_s(arrivals, service_s) == pytest.approx(one / 2)


@given(SHARES, st.integers(1, 50))
def test_erlang_c_is_a_probability_and_not_below_b(busy: float, servers: int) -> None:
    lost = queueing.erlang_b_frac(busy * servers, servers)
    waiting = queueing.erlang_c_frac(busy * servers, servers)
    assert 0 <= lost <= waiting <= 1


@given(SHARES, st.integers(1, 20), st.floats(0.5, 0.999))
def test_the_quantile_of_the_wait_is_where_so_many_wait_no_longer(
    busy: float, servers: int, quantile: float
) -> None:
    wait = queueing.mmc_wait_quantile_s(busy * servers, 1.0, servers, quantile)
    waiting = queueing.erlang_c_frac(busy * servers, servers)
    longer = waiting * math.exp(-wait * servers * (1 - busy))
    assert longer == pytest.approx(1 - quantile) or (wait == 0 and waiting <= 1 - quantile)


@given(st.floats(0.1, 50), st.floats(0.001, 1))
def test_one_server_less_waits_too_long(arrivals: float, wait_s: float) -> None:
    servers = queueing.servers_for_wait(arrivals, 1.0, wait_s)
    assert queueing.mmc_wait_s(arrivals, 1.0, servers) <= wait_s
    if servers - 1 > arrivals:
        assert queueing.mmc_wait_s(arrivals, 1.0, servers - 1) > wait_s


def test_more_servers_than_can_be_stepped_through_are_refused() -> None:
    assert queueing.servers_for_wait(90_000.0, 1.0, 1e-3) < queueing.MOST_SERVERS
    for arrivals, wait_s in ((1e12, 1.0), (99_999.5, 1e-9), (1e5, 1.0)):
        with pytest.raises(PlanError):
            queueing.servers_for_wait(arrivals, 1.0, wait_s)


def test_an_overloaded_server_has_no_wait() -> None:
    for call in (
        lambda: queueing.md1_wait_s(2.0, 0.5),
        lambda: queueing.mmc_wait_s(8.0, 1.0, 8),
        lambda: queueing.erlang_c_frac(3.0, 2),
        lambda: queueing.mm1_wait_s(np.array([0.1, 3.0]), np.array([1.0, 1.0])),
    ):
        with pytest.raises(PlanError):
            call()


# --- experts --------------------------------------------------------------------------------------


def test_coverage_is_that_of_tokens_that_choose_at_random() -> None:
    random.seed(3)
    touched = [
        len({e for _ in range(20) for e in random.sample(range(64), 4)}) for _ in range(2000)
    ]
    expected = 64 * moe.coverage_frac(64.0, 4.0, 20.0)
    assert sum(touched) / 2000 == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("groups", "mean"), [(8, 4.0), (64, 1.0), (8, 100.0)])
def test_imbalance_is_that_of_tokens_that_fall_at_random(groups: int, mean: float) -> None:
    generator = np.random.default_rng(4)
    loads = generator.poisson(mean, size=(20_000, groups)).max(axis=1)
    assert moe.expected_imbalance(groups, mean) == pytest.approx(loads.mean() / mean, rel=0.01)


def test_imbalance_goes_over_into_its_limit_and_falls_with_load() -> None:
    below, above = moe.expected_imbalance(64, 499.9), moe.expected_imbalance(64, 500.1)
    assert below == pytest.approx(above, rel=0.01)
    values = [moe.expected_imbalance(64, m) for m in (0.1, 1.0, 10.0, 100.0, 1000.0, 1e6)]
    assert values == sorted(values, reverse=True) and values[-1] > 1
    assert moe.expected_imbalance(1, 3.0) == 1.0


@given(st.floats(0, 0.99))
def test_idle_and_imbalance_are_each_others_inverse(idle: float) -> None:
    assert moe.idle_frac(moe.imbalance_of_idle(idle)) == pytest.approx(idle, abs=1e-12)


# --- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "group"), [(4, 32), (4, 128), (8, 32), (6, 64)])
def test_the_rounding_error_is_that_of_rounded_normal_weights(bits: int, group: int) -> None:
    weights = np.random.default_rng(5).normal(size=(2000, group))
    step = np.abs(weights).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    error = np.sqrt(((np.round(weights / step) * step - weights) ** 2).mean())
    assert quantisation.rounding_error_frac(bits, group) == pytest.approx(error, rel=0.2)


@pytest.mark.parametrize("mantissa", [1, 3, 7])
def test_the_float_error_is_that_of_rounded_floats(mantissa: int) -> None:
    values = np.exp2(np.random.default_rng(6).uniform(-3, 3, 200_000))
    step = np.exp2(np.floor(np.log2(values)) - mantissa)
    relative = np.sqrt((((np.round(values / step) * step - values) / values) ** 2).mean())
    assert quantisation.float_error_frac(float(mantissa)) == pytest.approx(relative, rel=0.03)


# --- agents, clusters, caches ---------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(1, 10_000), st.integers(0, 5_000))
def test_a_loop_is_the_sum_of_its_turns(turns: int, start: int, growth: int) -> None:
    prompts = [start + i * growth for i in range(turns)]
    n, s, g = float(turns), float(start), float(growth)
    assert agents.loop_input_tokens(n, s, g) == sum(prompts)
    assert agents.context_tokens(n, s, g) == prompts[-1]
    assert agents.loop_hit_frac(n, s, g) == pytest.approx(1 - prompts[-1] / sum(prompts))


@given(SIZES, st.floats(1, 64), SIZES)
def test_links_never_make_sharing_better_than_ideal(step: float, cards: float, link: float) -> None:
    assert 0 < cluster.tp_efficiency_frac(step, cards, link) <= 1


def test_one_card_reduces_nothing() -> None:
    assert cluster.all_reduce_s(1e6, 1.0, 1e9, 1e-5) == 0.0


@given(SIZES, SIZES, st.floats(1, 1e5))
def test_at_the_break_even_bandwidth_fetching_takes_as_long_as_computing(
    kv: float, prefill: float, tokens: float
) -> None:
    bandwidth = caching.break_even_bytes_per_s(kv, prefill)
    assert caching.restore_speedup(tokens, kv, bandwidth, 0.0, prefill) == pytest.approx(1.0)


@given(st.floats(1.01, 3), st.floats(0, 0.9))
def test_after_the_break_even_reuses_a_cache_costs_as_much_as_none(
    write: float, read: float
) -> None:
    reuses = caching.break_even_reuses(write, read)
    assert write + reuses * read == pytest.approx(1 + reuses)


@given(SIZES, SIZES, SIZES, st.floats(0.001, 0.1), st.floats(1.1, 4))
def test_at_the_crossover_the_target_is_just_met(
    batch: float, osl: float, prefill: float, step_s: float, times: float
) -> None:
    target_s = step_s * times
    isl = disaggregation.crossover_isl_tokens(batch, osl, prefill, step_s, target_s)
    shared = disaggregation.interference(batch, osl, isl / prefill, step_s) * step_s
    assert shared == pytest.approx(target_s)


# --- what cannot be -------------------------------------------------------------------------------

IMPOSSIBLE: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (roofline.ridge_flop_per_byte, (1.0, 0.0)),
    (roofline.ridge_flop_per_byte, (np.array([1.0, 1.0]), np.array([1.0, -1.0]))),
    (speculative.tokens_per_step, (1.0, 4.0)),
    (speculative.tokens_per_step, (1.2, 4.0)),
    (speculative.tokens_per_step, (0.5, -1.0)),
    (speculative.speedup, (0.5, 4.0, -0.1, 1.0)),
    (speculative.break_even_acceptance_frac, (4.0, 2.0, 1.0)),
    (caching.prefill_speedup, (1.0,)),
    (caching.break_even_reuses, (1.25, 1.0)),
    (disaggregation.crossover_isl_tokens, (8.0, 300.0, 1e4, 0.05, 0.04)),
    (cluster.all_reduce_s, (1.0, 0.5, 1.0, 0.0)),
    (cluster.pipeline_bubble_frac, (0.0, 1.0)),
    (moe.coverage_frac, (8.0, 9.0, 1.0)),
    (moe.coverage_frac, (8.0, 0.5, 1.0)),
    (moe.expected_imbalance, (0, 1.0)),
    (moe.idle_frac, (0.5,)),
    (moe.imbalance_of_idle, (1.0,)),
    (quantisation.rounding_error_frac, (1.0, 32.0)),
    (quantisation.free_memory_gain, (100.0, 140.0, 70.0)),
    (agents.loop_input_tokens, (0.0, 1.0, 1.0)),
    (agents.turns_until, (10.0, 20.0, 1.0)),
    (agents.amdahl_speedup, (1.2, 3.0)),
    (energy.machines_in, (1e6, 0.9, 1e3)),
    (queueing.erlang_b_frac, (1.0, 0)),
    (queueing.mmc_wait_quantile_s, (1.0, 0.5, 1, 1.0)),
]


@pytest.mark.parametrize(("formula", "inputs"), IMPOSSIBLE, ids=[f.__name__ for f, _ in IMPOSSIBLE])
def test_what_cannot_be_is_refused_with_a_hint(
    formula: Callable[..., Any], inputs: tuple[Any, ...]
) -> None:
    with pytest.raises(PlanError) as refused:
        formula(*inputs)
    assert refused.value.hint


@pytest.mark.parametrize("mean", [1e-9, 0.3, 7.0, 77.7, 123.4, 333.3, 499.9])
@pytest.mark.parametrize("groups", [2, 1000, 99_999, 100_000])
def test_the_most_loaded_of_many_groups_is_found_and_bounded(groups: int, mean: float) -> None:
    """However the chances are rounded; never below the mean, never above all that one group of all could get."""
    imbalance = moe.expected_imbalance(groups, mean)
    assert 1 <= imbalance <= groups
