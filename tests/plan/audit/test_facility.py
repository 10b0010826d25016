"""`examples/audit/facility.toml` against a second recomputation."""

from tests.plan.audit.recomputed_facility import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_buildings_agrees_with_raw_numbers() -> None:
    assert disagreements_of("facility.toml", RECOMPUTED) == []


def test_slots_and_their_price_are_one_megawatt() -> None:
    found = findings("facility.toml")
    for slots, price, mw in (
        ("slots-h100", "slotcost-h100-2025", 20e6),
        ("slots-b300", "slotcost-b300-2026", 35e6),
    ):
        count, usd = found[slots].recomputed, found[price].recomputed
        assert count and usd
        assert round(count[0] * usd[0]) == mw


def test_a_building_of_thirty_percent_and_one_with_its_machines_never_meet() -> None:
    found = findings("facility.toml")
    split, all_in = found["capex-split-vs-allin"], found["fac-allin-30-40"]
    assert split.recomputed and all_in.recomputed
    assert min(split.recomputed) > max(all_in.recomputed) > 40


def test_the_cheapest_year_is_below_every_other() -> None:
    found = findings("facility.toml")
    cheapest, usual = found["large-500k-cheapest"].recomputed, found["large-500k"].recomputed
    assert cheapest and usual
    assert cheapest[0] < min(usual)
