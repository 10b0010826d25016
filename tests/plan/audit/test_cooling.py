"""`examples/audit/cooling.toml` against a second recomputation."""

import pytest

from tests.plan.audit.recomputed_cooling import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_cooling_agrees_with_raw_numbers() -> None:
    assert disagreements_of("cooling.toml", RECOMPUTED) == []


def test_the_air_that_is_said_to_suffice_is_a_third_of_what_is_needed() -> None:
    found = findings("cooling.toml")
    flow, rise = found["mr-cfm"].recomputed, found["mr-cfm-rise"].recomputed
    assert flow and rise
    assert flow[1] / 3000 == pytest.approx(rise[0] / 20)
