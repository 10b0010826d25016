"""What `[demand]` says by the month and by the request is one thing, in every study."""

import pytest

from tests.plan.studies.choices import BOX, choice, plain
from tests.plan.studies.factories import LETS, TODAY, factory
from wattmill.core.errors import PlanError, WattmillError
from wattmill.physics.performance import Workload
from wattmill.plan.studies.decide.study import study as decide
from wattmill.plan.studies.selling import workload
from wattmill.plan.studies.sourced import Sources

MONTH = "[demand]\ninput_mtok_per_month = 800\noutput_mtok_per_month = 100\n"


def shape(demand: str) -> Workload:
    found = factory(LETS + demand)
    return workload(found, Sources(found))


def test_the_length_of_a_request_follows_from_the_tokens_of_a_month() -> None:
    assert shape(MONTH) == Workload(2_400, 300, 0.0)
    assert shape(MONTH + "isl = 4_000") == Workload(4_000, 500, 0.0)
    assert shape(MONTH + "isl = 800\nosl = 100") == Workload(800, 100, 0.0)


def test_without_tokens_of_a_month_it_is_as_the_file_says() -> None:
    assert shape("[demand]\nisl = 700\n") == Workload(700, 300, 0.0)


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(PlanError, match="do not add up") as raised:
        shape(MONTH + "isl = 1_000\nosl = 500")
    assert "give isl = 4000" in (raised.value.hint or "")


def test_pools_that_are_all_too_slow_are_told_so() -> None:
    hasty = MONTH + "ttft_ms = 1\n"
    change = '[[change]]\nname = "it"\nkind = "cache"\npool = "box"\nhit_frac = 0.5\n'
    two = (BOX, BOX.replace('"box"', '"second"'), change)
    with pytest.raises(PlanError, match="users would wait too long"):
        decide("cache", choice(*two, demand=hasty, finance=plain()), TODAY)


def test_a_change_of_machines_that_are_too_slow_is_not_weighed() -> None:
    """Even where the change would make them quick enough: there is nothing to compare it with."""
    slow = BOX.replace('"4x L40S"', '"1x H200"')
    change = '[[change]]\nname = "it"\nkind = "distill"\npool = "box"\nmodel = "llama-3.1-8b"\n'
    hasty = MONTH + "tpot_ms = 8\n"
    with pytest.raises(PlanError, match="box: users would wait too long on it") as raised:
        decide("distill", choice(slow, change, demand=hasty, finance=plain()), TODAY)
    assert "tpot_ms" in (raised.value.hint or "")


@pytest.mark.parametrize("key", ["input", "output"])
@pytest.mark.parametrize("lengths", ["", "isl = 500\n", "osl = 100\n"])
def test_no_tokens_in_or_out_are_no_demand(key: str, lengths: str) -> None:
    amounts = {"input": 300, "output": 100} | {key: 0}
    text = "[demand]\n" + "".join(f"{k}_mtok_per_month = {v}\n" for k, v in amounts.items())
    with pytest.raises(WattmillError, match="0"):
        shape(text + lengths)
