"""`examples/audit/electricity.toml` against a second recomputation."""

import pytest

from tests.plan.audit.recomputed_electricity import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_electricity_agrees_with_raw_numbers() -> None:
    assert disagreements_of("electricity.toml", RECOMPUTED) == []


def test_colocation_costs_more_for_a_kwh_than_electricity_does() -> None:
    found = findings("electricity.toml")
    colo = found["colo-kwh-equivalent"].recomputed
    quoted = found["power-006-008-quoted"].recomputed
    assert colo and quoted
    assert min(colo) > 2 * max(quoted)


def test_a_thousand_racks_cost_a_thousand_times_one() -> None:
    found = findings("electricity.toml")
    one, thousand = found["mr-683k"].recomputed, found["mr-683m"].recomputed
    assert one and thousand
    assert thousand[0] * 1e6 == pytest.approx(1000 * one[0])
