"""Loans by month: what every loan keeps, what each kind does, and how much can be borrowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wattmill.core.errors import PlanError
from wattmill.finance import debt
from wattmill.finance.annuity import pmt
from wattmill.finance.debt import LoanSchedule, LoanTerms

Floats = NDArray[np.float64]


def cash(*months: float) -> Floats:
    return np.array([0.0, *months])


def falling(months: int, start: float = 100.0, factor: float = 0.98) -> Floats:
    return cash(*(start * factor**t for t in range(months)))


@st.composite
def loans(draw: Any, kinds: tuple[str, ...] = debt.KINDS) -> LoanTerms:
    kind = draw(st.sampled_from(kinds))
    months = draw(st.integers(1, 48))
    return LoanTerms(
        "any",
        draw(st.floats(1, 1e7)),
        draw(st.sampled_from([0.0]) | st.floats(1e-6, 0.3)),
        months,
        kind,
        interest_only_months=draw(st.integers(0, months - 1)),
        balloon_frac=draw(st.floats(0.01, 0.99)) if kind == "balloon" else 0.0,
        fee_frac=draw(st.floats(0, 0.1)),
        draw_months=draw(st.integers(0, 6)),
        start_month=draw(st.integers(0, 3)),
    )


def run(terms: LoanTerms) -> LoanSchedule:
    return debt.schedule(terms, falling(60))


@given(loans())
def test_every_loan_adds_up_and_ends_at_nothing(terms: LoanTerms) -> None:
    loan = run(terms)
    owed = loan.balance_usd
    before = np.concatenate([[0.0], owed[:-1]])
    assert owed == pytest.approx(before + loan.draw_usd - loan.principal_usd)
    assert loan.interest_usd == pytest.approx(before * terms.rate_frac_per_year / 12)
    assert loan.principal_usd.sum() == pytest.approx(loan.draw_usd.sum())
    drawn = loan.draw_usd.sum() - loan.capitalised_usd.sum()
    assert drawn == pytest.approx(terms.principal_usd)
    assert owed[terms.maturity_month :].tolist() == [0.0] * (61 - terms.maturity_month)
    arrays = (owed, loan.interest_usd, loan.principal_usd, loan.draw_usd, loan.service_usd)
    assert min(values.min() for values in arrays) >= -1e-9 * drawn


@given(loans())
def test_the_lender_earns_the_rate_when_there_is_no_fee(terms: LoanTerms) -> None:
    loan = run(terms)
    months = np.arange(len(loan.balance_usd))
    flow = loan.flow_usd + loan.fee_usd
    worth = flow * (1 + terms.rate_frac_per_month) ** -months
    assert worth.sum() == pytest.approx(0, abs=1e-9 * np.abs(worth).sum())


def test_a_level_loan_pays_the_same_every_month() -> None:
    loan = debt.schedule(LoanTerms("l", 100_000, 0.12, 36))
    assert loan.service_usd[1:] == pytest.approx(np.full(36, -pmt(0.01, 36, 100_000)))
    assert loan.balance_usd[1] == pytest.approx(97_678.57, abs=0.01)


def test_the_kinds_by_hand() -> None:
    def service(kind: str, **more: Any) -> list[float]:
        terms = LoanTerms(kind, 1200.0, 0.12, 3, kind, **more)
        return [round(usd, 2) for usd in debt.schedule(terms).service_usd.tolist()]

    assert service("linear") == [0, 412, 408, 404]
    assert service("interest_only") == [0, 12, 12, 1212]
    assert service("bullet") == [0, 0, 0, 1236.36]
    assert service("level", interest_only_months=1) == [0, 12, 609.01, 609.01]
    assert service("balloon", balloon_usd=300.0) == [0, 309.02, 309.02, 609.02]
    assert service("balloon", balloon_frac=0.25) == service("balloon", balloon_usd=300.0)


def test_the_balloon_of_a_published_loan() -> None:
    terms = LoanTerms("b", 1_000_000, 0.15, 48, "balloon", balloon_usd=200_000)
    loan = debt.schedule(terms)
    assert loan.service_usd[1:48] == pytest.approx(np.full(47, 24_764.598613181), abs=1e-9)
    assert loan.service_usd[48] == pytest.approx(224_764.598613181, abs=1e-6)


def test_interest_is_lent_until_the_last_draw() -> None:
    loan = debt.schedule(LoanTerms("d", 300.0, 0.12, 2, "linear", draws=(0.5, 0.25, 0.25)))
    assert loan.draw_usd[:3] == pytest.approx([150, 76.5, 75 + 2.265])
    assert loan.service_usd[:3].tolist() == [0, 0, 0]
    assert loan.balance_usd[2] == pytest.approx(303.765)
    same = debt.schedule(LoanTerms("d", 300.0, 0.12, 2, draw_months=3, start_month=2))
    assert (same.draw_usd - same.capitalised_usd)[2:5] == pytest.approx([100, 100, 100])


CFADS = st.lists(st.floats(50, 100), min_size=36, max_size=36).map(
    lambda months: np.array([0.0, *sorted(months, reverse=True)])
)


@given(CFADS, st.floats(1.05, 3), st.floats(0, 0.2), st.integers(0, 4))
def test_a_sculpted_loan_has_a_flat_dscr(
    cfads: Floats, cover: float, rate: float, draws: int
) -> None:
    terms = LoanTerms("s", None, rate, 24, "sculpted", dscr=cover, draw_months=draws)
    loan = debt.schedule(terms, cfads)
    paid = slice(terms.drawn_month + 1, terms.maturity_month + 1)
    assert cfads[paid] / loan.service_usd[paid] == pytest.approx(np.full(24, cover))
    owed = debt.debt_capacity(cfads[paid], rate / 12, cover)
    assert loan.balance_usd[terms.drawn_month] == pytest.approx(float(owed))


@given(CFADS, st.floats(1.05, 3), st.floats(0, 0.2), st.sampled_from(["level", "linear"]))
def test_other_loans_are_sized_by_their_worst_month(
    cfads: Floats, cover: float, rate: float, kind: str
) -> None:
    loan = debt.schedule(LoanTerms("l", None, rate, 24, kind, dscr=cover, draw_months=2), cfads)
    assert (cfads[2:26] / loan.service_usd[2:26]).min() == pytest.approx(cover)


def test_a_share_of_the_cost_limits_the_debt_and_raises_the_dscr() -> None:
    cfads = falling(24)
    terms = LoanTerms("s", None, 0.12, 24, "sculpted", dscr=1.3, max_share_frac=0.6)
    loan = debt.schedule(terms, cfads, cost_usd=1000.0)
    assert loan.balance_usd[0] == pytest.approx(600)
    covers = cfads[1:] / loan.service_usd[1:]
    assert covers == pytest.approx(np.full(24, covers[0])) and covers[0] > 1.3
    free = debt.schedule(terms, cfads, cost_usd=1e6)
    assert (cfads[1:] / free.service_usd[1:]).min() == pytest.approx(1.3)


def test_an_agreed_amount_is_sculpted_to_the_dscr_that_it_leaves() -> None:
    cfads = falling(24)
    loan = debt.schedule(LoanTerms("s", 500.0, 0.12, 24, "sculpted"), cfads)
    left = float(debt.debt_capacity(cfads[1:], 0.01, 500.0))
    assert cfads[1:] / loan.service_usd[1:] == pytest.approx(np.full(24, left))
    with pytest.raises(PlanError, match=r"leaves a DSCR of .* below the 9"):
        debt.schedule(LoanTerms("s", 500.0, 0.12, 24, "sculpted", dscr=9.0), cfads)


def test_paths_are_what_each_would_be_alone() -> None:
    paths = np.stack([falling(24), falling(24, 200, 0.97)])
    for terms in (
        LoanTerms("s", None, 0.12, 20, "sculpted", dscr=1.3, interest_only_months=2),
        LoanTerms("l", None, 0.12, 20, dscr=1.3, fee_frac=0.02, sweep_frac=0.5),
        LoanTerms("w", 300.0, 0.12, 20, "linear", sweep_frac=0.3),
    ):
        both = debt.schedule(terms, paths)
        for path, cfads in enumerate(paths):
            alone = debt.schedule(terms, cfads)
            for name in ("balance_usd", "interest_usd", "principal_usd"):
                assert getattr(both, name)[path] == pytest.approx(getattr(alone, name))
            assert np.broadcast_to(both.fee_usd, paths.shape)[path] == pytest.approx(alone.fee_usd)


def test_a_loan_that_does_not_depend_on_the_cash_has_no_paths() -> None:
    paths = np.stack([falling(24)] * 3)
    loan = debt.schedule(LoanTerms("l", 100.0, 0.12, 36), paths)
    assert loan.balance_usd.shape == (25,)
    assert loan.balance_usd[-1] > 0  # it outlives the study


@given(loans(("level", "linear", "interest_only")), st.floats(0, 1), st.floats(0.9, 3))
def test_a_sweep_ends_a_loan_sooner_and_lowers_interest(
    terms: LoanTerms, share: float, cover: float
) -> None:
    plain = run(terms)
    cfads = plain.service_usd * cover
    loan = debt.swept(plain, cfads, share)
    assert loan.principal_usd.sum() == pytest.approx(plain.principal_usd.sum())
    assert (loan.balance_usd <= plain.balance_usd * (1 + 1e-9) + 1e-9).all()
    assert loan.interest_usd.sum() <= plain.interest_usd.sum() * (1 + 1e-9)
    swept = loan.early_usd > 1e-9 * plain.service_usd.max()
    spent = loan.paid_usd <= np.maximum(cfads, plain.service_usd) * (1 + 1e-9) + 1e-9
    assert (loan.service_usd <= plain.service_usd * (1 + 1e-9) + 1e-9).all()
    assert spent[: terms.maturity_month].all() and (cover > 1 or not swept[:-1].any())


@given(
    loans(("level", "linear", "interest_only")),
    st.floats(0.01, 0.99),
    st.floats(0.0, 1.0),
    st.sampled_from(["term", "payment"]),
)
def test_prepaying_lowers_interest(terms: LoanTerms, share: float, when: float, keeps: str) -> None:
    plain = run(terms)
    month = terms.drawn_month + int(when * (terms.months - 1))
    extra = share * float(plain.balance_usd[month])
    loan = debt.prepay(plain, month, extra, keeps)
    assert loan.principal_usd.sum() == pytest.approx(plain.principal_usd.sum())
    assert loan.balance_usd[-1] == 0
    later = plain.interest_usd[month + 1 :].sum()
    assert loan.interest_usd.sum() <= plain.interest_usd.sum() - share * later * 0.999999 * (
        keeps == "term"
    )
    assert loan.balance_usd[month] == pytest.approx(plain.balance_usd[month] - extra)


def test_prepaying_keeps_the_term_or_the_payment() -> None:
    plain = debt.schedule(LoanTerms("l", 1000.0, 0.12, 24))
    half = float(plain.balance_usd[12]) / 2
    term = debt.prepay(plain, 12, half)
    assert term.service_usd[13:] == pytest.approx(plain.service_usd[13:] / 2)
    assert term.service_usd[12] == pytest.approx(plain.service_usd[12]), "prepaid, not due"
    assert term.paid_usd[12] == pytest.approx(plain.service_usd[12] + half)
    payment = debt.prepay(plain, 12, half, "payment")
    assert payment.service_usd[13:18] == pytest.approx(plain.service_usd[13:18])
    assert payment.balance_usd[19] == 0 < term.balance_usd[19]
    assert payment.interest_usd.sum() < term.interest_usd.sum() < plain.interest_usd.sum()


def test_a_fee_makes_a_loan_dearer_than_its_rate() -> None:
    free = debt.all_in_rate_frac_per_year(debt.schedule(LoanTerms("l", 1000.0, 0.12, 24)))
    assert free == pytest.approx(1.01**12 - 1)
    dear = debt.schedule(LoanTerms("l", 1000.0, 0.12, 24, fee_frac=0.03))
    assert debt.all_in_rate_frac_per_year(dear) > free + 0.02


def test_a_loan_that_is_repaid_before_its_end_costs_its_rate_and_the_fee_over_less_time() -> None:
    free, dear = LoanTerms("l", 1000.0, 0.12, 48), LoanTerms("l", 1000.0, 0.12, 48, fee_frac=0.03)
    cut = debt.schedule(free, falling(24))
    assert cut.balance_usd[-1] > 0
    assert debt.all_in_rate_frac_per_year(cut) == pytest.approx(1.01**12 - 1)
    sooner = debt.all_in_rate_frac_per_year(debt.schedule(dear, falling(24)))
    assert sooner > debt.all_in_rate_frac_per_year(debt.schedule(dear))


def test_sculpting_that_needs_a_rising_balance_says_how_long_to_wait() -> None:
    ramp = cash(*np.minimum(np.arange(36) * 10.0, 100.0))
    with pytest.raises(PlanError, match="month 1 covers less than the interest") as caught:
        debt.schedule(LoanTerms("s", None, 0.12, 36, "sculpted", dscr=1.3), ramp)
    assert "interest_only_months = 1" in caught.value.hint
    patient = LoanTerms("s", None, 0.12, 36, "sculpted", 6, dscr=1.3)
    assert debt.schedule(patient, ramp).balance_usd[36] == 0


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        (LoanTerms("x", 100.0, 0.1, 12, "levle"), "not known"),
        (LoanTerms("x", 100.0, 0.1, 0), "do not fit"),
        (LoanTerms("x", 100.0, 0.1, 12, interest_only_months=12), "do not fit"),
        (LoanTerms("x", 100.0, -0.1, 12), "0 or more"),
        (LoanTerms("x", -100.0, 0.1, 12), "0 or more"),
        (LoanTerms("x", 100.0, 0.1, 12, fee_frac=2.0), "not within 0 and 1"),
        (LoanTerms("x", 100.0, 0.1, 12, draws=(0.5, 0.4)), "do not add up"),
        (LoanTerms("x", 100.0, 0.1, 12, draws=(0.5, 0.5), draw_months=3), "do not fit"),
        (LoanTerms("x", 100.0, 0.1, 12, balloon_frac=0.2), "contradict"),
        (LoanTerms("x", 100.0, 0.1, 12, "balloon"), "contradict"),
        (LoanTerms("x", 100.0, 0.1, 12, "balloon", balloon_usd=101.0), "more than the loan"),
        (LoanTerms("x", None, 0.1, 12), "not known"),
        (LoanTerms("x", None, 0.1, 12, "bullet", dscr=1.3), "not known"),
        (LoanTerms("x", None, 0.1, 12, dscr=0.0), "not above 0"),
        (LoanTerms("x", 100.0, 0.1, 12, dscr=1.3), "an amount and a DSCR"),
        (LoanTerms("x", 100.0, 0.1, 12, "bullet", sweep_frac=0.5), "nothing can be swept"),
        (LoanTerms("x", 100.0, 0.1, 12, max_share_frac=0.5), "a share of what"),
        (LoanTerms("x", None, 0.1, 12, dscr=1.3), "not given"),
        (LoanTerms("x", 100.0, 0.1, 12, sweep_frac=0.5), "not given"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms: LoanTerms, says: str) -> None:
    with pytest.raises(PlanError, match=says) as caught:
        debt.schedule(terms)
    assert caught.value.hint


def test_cash_that_cannot_carry_a_loan_is_refused() -> None:
    sized = LoanTerms("x", None, 0.1, 24, "sculpted", dscr=1.3)
    with pytest.raises(PlanError, match="known to month 12"):
        debt.schedule(sized, falling(12))
    with pytest.raises(PlanError, match="carries no debt"):
        debt.schedule(sized, -falling(24))
    with pytest.raises(PlanError, match="above its share of the cost"):
        debt.schedule(LoanTerms("x", 100.0, 0.1, 12, max_share_frac=0.5), None, 150.0)


def test_prepayments_that_cannot_be_are_refused() -> None:
    loan = debt.schedule(LoanTerms("x", 100.0, 0.1, 12, draw_months=3))
    with pytest.raises(PlanError, match="more than is owed"):
        debt.prepay(loan, 4, 101.0)
    with pytest.raises(PlanError, match="still to come"):
        debt.prepay(loan, 0, 1.0)
    with pytest.raises(PlanError, match="not known"):
        debt.prepay(loan, 4, 1.0, "both")
    with pytest.raises(PlanError, match="not within 0 and 1"):
        debt.swept(loan, np.zeros(15), 2.0)
