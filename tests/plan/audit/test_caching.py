"""`examples/audit/caching.toml` agrees with a recomputation that shares no code with wattmill."""

from tests.plan.audit.recomputed_caching import RECOMPUTED
from tests.plan.audit.support import disagreements_of


def test_every_claim_agrees_with_the_second_recomputation_and_its_verdict() -> None:
    assert disagreements_of("caching.toml", RECOMPUTED) == []
