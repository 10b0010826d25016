"""Machine types from sizing: pieces that can be bought, that meet the SLO, with what they take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from wattmill.core.errors import PlanError
from wattmill.physics.performance import Workload
from wattmill.plan.fleet.candidates import (
    Room,
    answer_usd_per_mtok,
    machine_types,
    stocks,
    within,
)
from wattmill.plan.fleet.mix import best_mix
from wattmill.plan.fleet.records import Envelope, MachineType, Market
from wattmill.plan.sizing.money import Terms
from wattmill.plan.sizing.options import SizeQuestion
from wattmill.plan.sizing.size import size
from wattmill.plan.sizing.slo import Slo

TODAY = date(2026, 11, 21)
LOAD = Workload(isl=2000, osl=500)


def question(*hardware: str, tpot_s: float = 0.05, **terms: float) -> SizeQuestion:
    """Llama 3.1 8B on some hardware."""
    return SizeQuestion(
        "llama-3.1-8b", LOAD, Slo(ttft_s=2.0, tpot_s=tpot_s), rps=1.0, hardware=hardware,
        terms=Terms(**terms),  # type: ignore[arg-type]
    )  # fmt: skip


def types(*hardware: str, **options: float) -> tuple[MachineType, ...]:
    return machine_types(question(*hardware, **options), TODAY)


def test_every_type_is_possible_and_has_a_name_of_its_own() -> None:
    found = types("L40S", "H100")
    assert len({each.name for each in found}) == len(found) > 4
    for each in found:
        assert min(each.kw, each.capital_usd, each.racks, each.mtok_per_month) > 0
        assert each.fixed_usd_per_month > each.capital_usd / 36
        assert each.variable_usd_per_mtok > 0


def test_a_type_answers_as_much_as_sizing_says() -> None:
    """A fleet of one L40S carries as many requests as `size` gives an L40S for."""
    one = next(each for each in types("L40S") if each.name.startswith("1x L40S fp8"))
    per_s = one.mtok_per_month * 1e6 / 0.7 / (730 * 3600) / LOAD.osl
    asked = SizeQuestion(
        "llama-3.1-8b",
        LOAD,
        Slo(2.0, 0.05),
        rps=per_s * 0.99,
        hardware=("L40S",),
        precisions=("fp8",),
    )
    more = SizeQuestion(
        "llama-3.1-8b",
        LOAD,
        Slo(2.0, 0.05),
        rps=per_s * 1.02,
        hardware=("L40S",),
        precisions=("fp8",),
    )
    assert min(option.cards for option in size(asked, TODAY).options) == 1
    assert min(option.cards for option in size(more, TODAY).options) == 2


def test_a_tighter_slo_answers_less() -> None:
    slow, fast = ({t.name: t for t in types("H100", tpot_s=s)} for s in (0.05, 0.012))
    for name, each in fast.items():
        assert each.mtok_per_month < slow[name].mtok_per_month


def test_cooling_and_prices_go_where_they_belong() -> None:
    usual, hot = (types("L40S", pue=pue)[0] for pue in (1.2, 1.8))
    assert hot.kw == pytest.approx(1.5 * usual.kw)
    assert hot.variable_usd_per_mtok == pytest.approx(1.5 * usual.variable_usd_per_mtok)
    assert (hot.racks, hot.capital_usd) == (usual.racks, usual.capital_usd)
    let = machine_types(question("L40S", pue=1.2), TODAY, Room(usd_per_kw_month=200))[0]
    assert let.fixed_usd_per_month == pytest.approx(
        usual.fixed_usd_per_month + 200 * usual.kw / 1.2
    )


def test_counted_cards_are_a_stock_of_all_layouts() -> None:
    asked = question("4x L40S")
    found = machine_types(asked, TODAY)
    assert stocks(asked, TODAY) == {"L40S": 4.0}
    envelope = within(Envelope(), asked, TODAY)
    mix = best_mix(found, [Market("llama-3.1-8b", 1.0)], envelope, "tokens", steps=False)
    by_name = {each.name: each for each in found}
    assert sum(by_name[c.name].uses["L40S"] * c.count for c in mix.chosen) <= 4


def test_whole_systems_stand_in_racks() -> None:
    """A DGX H100 works at 5 to 10.2 kW and is 8 U high: as many in a rack as power and height allow."""
    for rack_kw in (12, 25, 40, 200):
        for each in machine_types(question("DGX-H100", pue=1.2), TODAY, Room(rack_kw)):
            systems = int(each.name.partition("x")[0])
            per_rack = min(rack_kw // round(each.kw / 1.2 / systems, 6), 42 // 8)
            assert each.racks == pytest.approx(systems / per_rack)
            assert not each.why_not


def test_a_rack_that_is_sold_whole_is_one_rack_where_there_is_power_for_it(
    own_catalog: Callable[[str], Path],
) -> None:
    own_catalog(
        """[[quote]]
of = "GB200-NVL72"
what = "new"
usd = 3.4e6
source = "my quote"
as_of = "2026-10"
"""
    )
    few, enough = (machine_types(question("GB200-NVL72"), TODAY, Room(kw)) for kw in (40.0, 160.0))
    assert all("in a rack for 40 kW" in each.why_not for each in few)
    assert all(each.racks == int(each.name.partition("x")[0]) for each in enough)
    assert not any(each.why_not for each in enough)
    market, envelope = [Market("llama-3.1-8b", 1.0)], Envelope(kw=1000)
    with pytest.raises(PlanError, match="that fits"):
        best_mix(few, market, envelope, "tokens", steps=False)
    mix = best_mix((*few, *types("L40S")), market, envelope, "tokens", steps=False)
    assert {name for name, _ in mix.refused} == {each.name for each in few}
    assert mix.chosen


def test_a_price_with_its_prompts() -> None:
    assert answer_usd_per_mtok(LOAD, 0.5, 2.0) == pytest.approx(2.0 + 4 * 0.5)
    half = Workload(isl=2000, osl=500, hit_frac=0.5)
    assert answer_usd_per_mtok(half, 0.5, 2.0, 0.1) == pytest.approx(2.0 + 4 * 0.3)


def test_an_slo_that_nothing_meets_is_refused() -> None:
    with pytest.raises(PlanError, match="within the SLO") as caught:
        types("L40S", tpot_s=1e-6)
    assert caught.value.hint
