"""`examples/audit/market.toml` against a second recomputation."""

from tests.plan.audit.recomputed_market import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_markets_agrees_with_raw_numbers() -> None:
    assert disagreements_of("market.toml", RECOMPUTED) == []


def test_a_growth_that_is_of_other_years_says_of_which() -> None:
    remedy = findings("market.toml")["tam-total-ai"].remedies[0]
    assert (remedy.input, remedy.needed) == ("years", "8.21 year")


def test_layers_counted_once_are_less_than_their_sum() -> None:
    found = findings("market.toml")
    net, added_up = found["layers-net-2026"].recomputed, found["layers-sum-2026"].recomputed
    assert net and added_up
    assert net[0] < min(added_up) / 2


def test_what_is_not_stated_stays_unknown_but_is_computed() -> None:
    derived = [f for f in findings("market.toml").values() if f.stated == "not stated"]
    assert len(derived) > 20
    assert {f.verdict for f in derived} == {"unknown"}
    assert all(f.recomputed for f in derived)
