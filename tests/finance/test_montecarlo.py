"""Distributions of a project's figures, beside closed forms and single statements."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from wattmill.core.errors import PlanError
from wattmill.finance import montecarlo, outcome
from wattmill.finance.assets import Asset, Cost, Power, Price, Sale
from wattmill.finance.cashflow import irr, monthly_rate, npv, yearly_rate
from wattmill.finance.debt import LoanTerms
from wattmill.finance.montecarlo import simulate
from wattmill.finance.outcome import Outcome
from wattmill.finance.path_figures import Yardsticks
from wattmill.finance.processes import PriceProcess, log_moments, paths
from wattmill.finance.project import Project
from wattmill.finance.statement import statement

MONTHS = 36
RENT = PriceProcess(2.35, 2.0, -0.2, 9, 0.4, 1.6, 0.25, 9)
CERTAIN = PriceProcess(2.35, 2.35, -0.2)
SERVER = Asset(
    name="servers",
    units=10,
    paid_usd_per_unit=200_000,
    resale_frac_per_year=0.6,
    resale_path="resale",
    busy_kw_per_unit=10,
    sales=(Sale("hours", 8 * 730 * 0.8, Price(2.35, path="rent")),),
)
BOUGHT = Project(months=MONTHS, assets=(SERVER,), power=Power(Price(0.09), pue=1.3))
LENT = replace(BOUGHT, loans=(LoanTerms("senior", 1.6e6, 0.12, 36),))
COVENANT = Yardsticks(dscr_floor=1.2, trailing_months=3, fans=("rent", "dscr", "ltv"))


def study(
    project: Project, rent: PriceProcess, yard: Yardsticks | None = None, **how: int
) -> Outcome:
    processes = {"rent": rent, "resale": PriceProcess(1, 1, 0, 12, 0.25 if rent is RENT else 0.0)}
    given = {"count": 2000, "seed": 1, **how}
    return simulate(project, processes, {"rent:resale": 0.8}, yardsticks=yard, **given)


@pytest.fixture(scope="module")
def lent() -> Outcome:
    return study(LENT, RENT, COVENANT)


def test_without_chance_every_path_is_the_statement() -> None:
    found = study(BOUGHT, CERTAIN, count=20)
    sale = Sale("hours", 8 * 730 * 0.8, Price(2.35, growth_frac_per_year=-0.2))
    certain = statement(replace(BOUGHT, assets=(replace(SERVER, sales=(sale,)),)))
    flows = certain.project_flow_usd.tolist()
    rate = monthly_rate(0.12)
    assert found.npv_usd.percentiles["P5"] == pytest.approx(npv(rate, flows))
    assert found.npv_usd.percentiles["P95"] == pytest.approx(npv(rate, flows))
    assert found.irr_frac_per_year
    assert found.irr_frac_per_year.mean == pytest.approx(yearly_rate(irr(flows)))
    costs = certain.opex_usd + certain.capex_usd - certain.resale_usd
    assert found.levelised_usd
    assert found.levelised_usd.mean == pytest.approx(
        npv(rate, costs.tolist()) / npv(rate, certain.sold["hours"].tolist())
    )


def test_the_mean_value_is_that_of_the_mean_prices() -> None:
    """Without tax and debt NPV is linear in prices, whose means are known."""
    calm = replace(RENT, scarcity_starts_per_year=0.0)
    found = study(replace(BOUGHT, assets=(replace(SERVER, resale_path=None),)), calm)
    mean, variance = log_moments(calm, MONTHS)
    rents = np.exp(mean + variance / 2)
    expected = statement(
        replace(BOUGHT, assets=(replace(SERVER, resale_path=None),)), {"rent": rents}
    )
    exact = npv(monthly_rate(0.12), expected.project_flow_usd.tolist())
    assert found.npv_usd.error
    assert found.npv_usd.mean == pytest.approx(exact, abs=5 * found.npv_usd.error)
    assert found.npv_usd.error < 0.002 * SERVER.paid_usd


def test_standard_errors_tell_how_far_another_seed_is() -> None:
    means = [study(BOUGHT, RENT, count=400, seed=seed).npv_usd for seed in range(8)]
    spread = np.std([each.mean for each in means], ddof=1)
    told = np.mean([each.error for each in means if each.error])
    assert 0.4 < spread / told < 2.5


def test_a_seed_fixes_the_outcome() -> None:
    first, again, other = (study(BOUGHT, RENT, count=64, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.npv_usd.mean != other.npv_usd.mean


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = study(LENT, RENT, COVENANT, count=200)
    monkeypatch.setattr(montecarlo, "CHUNK_CELLS", 7 * (MONTHS + 1))
    assert study(LENT, RENT, COVENANT, count=200).npv_usd.mean == pytest.approx(whole.npv_usd.mean)


def test_percentiles_are_in_order_and_shares_are_shares(lent: Outcome) -> None:
    for figure in (lent.npv_usd, lent.equity_npv_usd, lent.min_dscr, lent.max_ltv):
        assert figure
        assert list(figure.percentiles.values()) == sorted(figure.percentiles.values())
        assert sum(figure.histogram.counts) == pytest.approx(0.98 * lent.count, rel=0.01)
    for chance in (lent.loss, lent.equity_loss, lent.breach, lent.underwater):
        assert 0 < chance.frac < 1
        assert 0 < chance.error < 0.05


def test_a_breach_has_a_month_and_a_lowest_cover_below_the_floor(lent: Outcome) -> None:
    assert lent.breach_month
    assert lent.breach_month.has_frac == pytest.approx(lent.breach.frac)
    assert 3 <= lent.breach_month.percentiles["P5"] <= MONTHS
    assert lent.underwater_month
    assert lent.underwater_month.has_frac == pytest.approx(lent.underwater.frac)


def test_figures_of_debt_are_those_of_each_path(lent: Outcome) -> None:
    """The covenant by hand, on the paths of one replicate."""
    seed = int(np.random.SeedSequence(1).generate_state(10, np.uint64)[0])
    processes = {"rent": RENT, "resale": PriceProcess(1, 1, 0, 12, 0.25)}
    drawn = paths(processes, {"rent:resale": 0.8}, MONTHS, 200, seed)
    found = statement(LENT, drawn)
    breached = 0
    for cfads in found.cfads_usd + (np.arange(MONTHS + 1) == MONTHS) * found.resale_usd:
        windows = np.arange(3, MONTHS + 1)
        cash = np.array([cfads[t - 2 : t + 1].sum() for t in windows])
        service = np.array([found.service_usd[t - 2 : t + 1].sum() for t in windows])
        breached += bool((cash / service < 1.2).any())
    assert lent.breach.frac == pytest.approx(breached / 200, abs=0.08)


def test_cover_is_not_tested_when_the_debt_is_repaid() -> None:
    """Running costs that the rent of the last year does not pay are no concern of a lender who has his money."""
    costs = replace(BOUGHT, costs=(Cost("idle", 2e6, first_month=25),))
    short = replace(costs, loans=(LoanTerms("senior", 0.5e6, 0.12, 24),))
    found = study(short, CERTAIN, COVENANT, count=20)
    assert found.breach.frac == 0
    assert found.min_dscr and found.min_dscr.mean > 1.2
    assert set(found.fans["dscr"].percentiles["P50"][25:]) == {np.inf}


def test_the_last_sale_counts_for_cover_only_beyond_what_it_repays() -> None:
    """A loan that outlives the study: its rest takes the sale, and more."""
    long = replace(LENT, loans=(LoanTerms("senior", 1.9e6, 0.12, 120),))
    last = replace(COVENANT, trailing_months=1)
    found, s = study(long, CERTAIN, last, count=20), statement(long)
    owed = s.loans["senior"].balance_usd[-1]
    sold = SERVER.paid_usd * 0.6**3
    assert owed > sold
    low = found.fans["dscr"].percentiles["P50"]
    assert low[-1] < 0 < min(low[1:-1])
    assert found.breach.frac == 1


def test_a_loan_moves_the_owner_and_not_the_project(lent: Outcome) -> None:
    alone = study(BOUGHT, RENT)
    assert alone.npv_usd.mean == pytest.approx(lent.npv_usd.mean)
    assert alone.equity_npv_usd == alone.npv_usd
    assert alone.min_dscr is None
    assert alone.breach.frac == alone.underwater.frac == 0
    assert lent.equity_npv_usd.percentiles["P5"] < lent.npv_usd.percentiles["P5"] + 0.1e6


def test_lines_have_fans(lent: Outcome) -> None:
    rent = lent.fans["rent"].percentiles
    assert rent["P5"][0] == rent["P95"][0] == 2.35
    assert all(
        low <= mid <= high
        for low, mid, high in zip(rent["P10"], rent["P50"], rent["P90"], strict=True)
    )
    assert lent.fans["dscr"].percentiles["P50"][1] == np.inf  # not tested yet
    assert 0 < lent.fans["ltv"].percentiles["P50"][12] < 2


def test_an_outcome_is_json(lent: Outcome) -> None:
    read = msgspec.json.decode(msgspec.json.encode(lent))
    assert read["npv_usd"]["percentiles"]["P50"] == lent.npv_usd.percentiles["P50"]
    assert "NaN" not in msgspec.json.encode(lent).decode()


def test_paths_without_a_return_are_told_and_not_averaged() -> None:
    hopeless = replace(SERVER, paid_usd_per_unit=3e6, resale_path=None, resale_frac_per_year=0.0)
    found = study(replace(BOUGHT, assets=(hopeless,), months=MONTHS), RENT, count=40)
    free = replace(SERVER, paid_usd_per_unit=0.0, resale_path=None)
    gift = study(replace(BOUGHT, assets=(free,)), RENT, count=40)
    assert found.irr_frac_per_year
    assert found.irr_frac_per_year.percentiles["P95"] < 0
    assert gift.irr_frac_per_year is None
    assert gift.npv_usd.percentiles["P5"] > 0


def test_the_owner_may_discount_at_another_rate() -> None:
    yard = Yardsticks(discount_frac_per_year=0.0, equity_discount_frac_per_year=0.3)
    found = study(BOUGHT, RENT, yard, count=40)
    assert found.equity_npv_usd.mean < found.npv_usd.mean


@pytest.mark.parametrize(
    ("yard", "how", "message"),
    [
        (Yardsticks(sold=("Mtok",)), {}, "not sold"),
        (Yardsticks(fans=("cfad_usd",)), {}, "'cfad_usd'"),
        (Yardsticks(discount_frac_per_year=-1.0), {}, "above -1"),
        (None, {"count": 10}, "10 paths in 10 replicates"),
        (None, {"replicates": 1}, "in 1 replicates"),
    ],
)
def test_a_study_that_cannot_be(yard: Yardsticks | None, how: dict[str, int], message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        study(BOUGHT, RENT, yard, **how)
    assert caught.value.hint


def test_a_figure_that_no_path_has_is_none() -> None:
    assert outcome.measure([np.zeros(0), np.zeros(0)], 10) is None
    one = outcome.measure([np.array([1.0, 3.0]), np.zeros(0)], 8)
    assert one
    assert (one.mean, one.error, one.percentile_errors, one.has_frac) == (2, None, {}, 0.25)
