"""`examples/audit/capital.toml` against a second recomputation."""

from tests.plan.audit.recomputed_capital import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_capital_agrees_with_raw_numbers() -> None:
    assert disagreements_of("capital.toml", RECOMPUTED) == []


def test_the_ceiling_and_the_years_that_it_takes_are_one_sum() -> None:
    found = findings("capital.toml")
    ceiling, needed = found["cap-total-5-6-7"].recomputed, found["cap-total-years"].recomputed
    assert ceiling and needed
    assert [round(ceiling[0] / 5 * years, 6) for years in needed] == [5.6, 6.7]


def test_newer_spending_only_ever_needs_more_revenue() -> None:
    found = findings("capital.toml")
    needed = [found[name].recomputed for name in ("cahn-600", "gap-600-own-170", "gap-600-fy26")]
    values = [value[0] for value in needed if value]
    assert len(values) == 3
    assert values == sorted(values)
