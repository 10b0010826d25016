"""`examples/audit/debt.toml` against a second recomputation."""

from tests.plan.audit.recomputed_debt import RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_debt_agrees_with_raw_numbers() -> None:
    assert disagreements_of("debt.toml", RECOMPUTED) == []


def test_a_leverage_of_16_says_how_little_equity_it_takes() -> None:
    remedies = {one.input: one.needed for one in findings("debt.toml")["vci-16x"].remedies}
    assert remedies["equity"] == "337,500,000 USD"


def test_a_gpu_is_worth_less_than_its_loan_long_before_the_year_that_is_named() -> None:
    found = findings("debt.toml")
    first, owed = found["loan-underwater-first"].recomputed, found["loan-underwater-y3"].recomputed
    assert first and owed
    assert first[0] < 36 / 2
    assert owed[0] > 10_000
