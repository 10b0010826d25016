"""The margin of a month: every part of the cost is somebody's, and the parts are the cost."""

from __future__ import annotations

import io
import json
import random
from datetime import datetime
from decimal import Context, Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from wattmill.core.errors import UsageError
from wattmill.core.records import METERS, Usage
from wattmill.core.roster import Pool
from wattmill.ledger.attribution import Cost
from wattmill.ledger.entries import Deliver, Settle, Void
from wattmill.ledger.export import margin_json, margin_screen
from wattmill.ledger.margin import MarginReport, TenantMargin, margin

if TYPE_CHECKING:
    from tests.ledger.conftest import Books, NewBooks

STEADY = settings(derandomize=True, deadline=None, max_examples=25)
EXACT = Context(prec=60)
BERLIN = "Europe/Berlin"
ROSTER = (
    Pool("l40s", "http://10.0.0.5:8000/v1", "vllm", "m", None, 8000.0, 1250.0, 64),
    Pool("cloud", "https://api.example.com/v1", "openai", "m", None, 0.0, 0.0, 64),
)
HOUR_OF_PREFILL = Usage(8000 * 3600)
HOUR_OF_DECODE = Usage(0, 0, 0, 1250 * 3600)


def margin_of(
    books: Books,
    month: str = "2026-11",
    until: str = "2027-01-01",
    roster: tuple[Pool, ...] = ROSTER,
) -> MarginReport:
    books.enter()
    until_s = books.at(until, BERLIN)
    return margin(books.store, books.registry, books.factory, roster, month, until_s=until_s)


def tenant(report: MarginReport, name: str) -> TenantMargin:
    return next(found for found in report.tenants if found.tenant == name)


def usd(pusd: int) -> Decimal:
    return Decimal(pusd).scaleb(-12)


def assert_whole(report: MarginReport) -> None:
    """The two equations of the books: parts are the cost, and tenants with what none bears too."""
    attributed = sum((one.attributed for one in report.tenants), Cost())
    shared = sum((one.idle_share for one in report.tenants), report.unshared)
    assert attributed == report.attributed
    assert shared == report.unbilled + report.idle + report.overhead
    assert report.cost == attributed + shared
    assert report.revenue_pusd == sum(one.revenue_pusd for one in report.tenants)
    assert report.margin_pusd == report.revenue_pusd - report.cost.total_pusd
    loaded = sum(one.margin_pusd for one in report.tenants)
    assert report.margin_pusd == loaded - report.unshared.total_pusd
    for views in (report.views, *(one.views for one in report.tenants)):
        assert [view.name for view in views] == ["zero", "electricity", "loaded"]
    assert report.views[2].margin_pusd == report.margin_pusd
    assert all(one.views[2].margin_pusd == one.margin_pusd for one in report.tenants)


# --- a month by hand ------------------------------------------------------------------------------


def test_a_month_by_hand(books: Books) -> None:
    """720 h of the l40s pool: 72 h for acme, 36 for indus, 18 for nobody; and a little cloud."""
    for _ in range(72):
        books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    for _ in range(36):
        books.serve("2026-11-11 12:00", HOUR_OF_PREFILL, tenant="indus")
    books.serve("2026-11-12 12:00", Usage(8 * 8000 * 3600), end="void")
    books.serve("2026-11-12 12:00", Usage(10 * 8000 * 3600), end="waive")
    books.serve("2026-11-13 12:00", Usage(1_000_000, 0, 0, 100_000), tenant="indus", pool="cloud")
    report = margin_of(books)
    assert_whole(report)
    wear = Decimal(64_800) * 30 * 24 / (1096 * 24)
    kwh = Decimal("0.09")
    acme, indus = tenant(report, "acme"), tenant(report, "indus")
    assert usd(acme.revenue_pusd) == 72 * 1250 * 3600 * Decimal("1.60") / 10**6
    assert usd(acme.attributed.energy_pusd) == 72 * Decimal("1.4") * kwh
    assert usd(indus.attributed.energy_pusd) == 36 * Decimal("1.4") * kwh
    assert usd(indus.attributed.charges_pusd) == Decimal("0.59") + Decimal("0.079")
    assert usd(report.unbilled.energy_pusd) == 18 * Decimal("1.4") * kwh
    assert usd(report.idle.energy_pusd) == (720 - 126) * Decimal("0.4") * kwh
    for found, hours in ((acme.attributed, 72), (indus.attributed, 36), (report.unbilled, 18)):
        assert abs(usd(found.amortisation_pusd) - wear * hours / 720) < Decimal("1e-11")
    draws = (720 * Decimal("0.4") + 126) * kwh
    assert usd(report.overhead.energy_pusd) == draws * Decimal("0.3")
    peak_kw = Decimal(4 * (350 + 150)) / 1000
    assert usd(report.overhead.space_pusd) == pytest.approx(peak_kw * Decimal("1.3") * 120)
    assert report.pools[0].busy_frac == pytest.approx(126 / 720)
    assert report.notes == ()


def test_fully_loaded_idle_goes_by_what_tenants_cost_on_own_machines(books: Books) -> None:
    for name, hours in (("acme", 3), ("indus", 1)):
        for _ in range(hours):
            books.serve("2026-11-10 12:00", HOUR_OF_DECODE, tenant=name)
    books.serve("2026-11-10 12:00", Usage(10**9), tenant="bosch-gym", pool="cloud")
    report = margin_of(books)
    assert_whole(report)
    acme, indus, gym = (tenant(report, name) for name in ("acme", "indus", "bosch-gym"))
    assert abs(acme.idle_share.total_pusd - 3 * indus.idle_share.total_pusd) < 20
    assert gym.idle_share == Cost()
    assert gym.margin_pusd == gym.margin_before_idle_pusd == gym.revenue_pusd - 590 * 10**12


def test_three_views_of_the_same_tokens(books: Books) -> None:
    books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    books.serve("2026-11-10 12:00", Usage(1_000_000), pool="cloud")
    report = margin_of(books)
    zero, electricity, loaded = report.views
    assert zero.cost_pusd == 590_000_000_000
    assert electricity.cost_pusd == zero.cost_pusd + report.cost.energy_pusd
    assert loaded.cost_pusd == report.cost.total_pusd
    assert zero.cost_pusd < electricity.cost_pusd < loaded.cost_pusd
    tokens = 1250 * 3600 + 1_000_000
    assert loaded.uusd_per_mtok == round(Decimal(loaded.cost_pusd) / tokens)
    assert all(view.complete for view in report.views)


def test_prefix_hits_cost_no_prefill(books: Books) -> None:
    books.serve("2026-11-10 12:00", Usage(8_000_000))
    books.serve("2026-11-10 12:00", Usage(0, 8_000_000), tenant="indus")
    report = margin_of(books)
    assert tenant(report, "acme").attributed.energy_pusd > 0
    assert tenant(report, "indus").attributed == Cost()


def test_a_month_without_usage_is_all_idle_and_nobodys(books: Books) -> None:
    report = margin_of(books)
    assert_whole(report)
    assert report.attributed == report.unbilled == Cost()
    assert report.unshared == report.idle + report.overhead == report.cost
    assert all(view.uusd_per_mtok is None for view in report.views)
    assert [one.margin_pusd for one in report.tenants] == [0, 0, 0]


def test_what_is_not_confirmed_is_neither_revenue_nor_a_tenants_cost(books: Books) -> None:
    for end in ("pending", "waive", "void"):
        books.serve("2026-11-10 12:00", HOUR_OF_DECODE, end=end)
    report = margin_of(books)
    assert_whole(report)
    assert (report.revenue_pusd, tenant(report, "acme").attributed) == (0, Cost())
    assert usd(report.unbilled.energy_pusd) == 3 * Decimal("1.4") * Decimal("0.09")


def test_what_a_cloud_charged_for_nothing_is_unbilled(books: Books) -> None:
    books.serve("2026-11-10 12:00", Usage(1_000_000), pool="cloud", end="void")
    assert margin_of(books).unbilled == Cost(charges_pusd=590_000_000_000)


# --- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("month", "hours"), [("2026-10", 745), ("2026-11", 720), ("2027-03", 743), ("2026-06", 720)]
)
def test_cost_accrues_for_the_hours_that_the_clocks_say(
    books: Books, month: str, hours: int
) -> None:
    report = margin_of(books, month, until="2028-01-01")
    assert usd(report.cost.energy_pusd) == hours * Decimal("0.4") * Decimal("0.09") * Decimal("1.3")
    assert report.pools[0].service_s == hours * 3600


def test_a_month_that_is_not_over_costs_its_elapsed_hours(books: Books) -> None:
    books.serve("2026-11-01 00:30", HOUR_OF_DECODE)
    report = margin_of(books, until="2026-11-01 10:00")
    assert_whole(report)
    assert report.pools[0].service_s == 10 * 3600
    assert report.notes == ("the month is not over; cost is counted up to 2026-11-01 10:00 CET",)


def test_a_month_that_has_not_begun_has_no_margin(books: Books) -> None:
    with pytest.raises(UsageError, match="has not begun"):
        margin_of(books, until="2026-11-01")


def test_hours_before_the_books_begin_are_unknown_not_idle(new_books: NewBooks) -> None:
    begin_s = datetime(2026, 11, 10, 12, tzinfo=ZoneInfo(BERLIN)).timestamp()
    books = new_books(loaded_s=begin_s)
    books.serve(begin_s + 60, HOUR_OF_DECODE)
    report = margin_of(books, until="2026-11-10 22:00")
    assert_whole(report)
    assert report.pools[0].service_s == 10 * 3600
    assert "the books begin 2026-11-10 12:00 CET; cost before that is not counted" in report.notes


def test_entries_from_before_the_file_was_loaded_move_the_beginning(new_books: NewBooks) -> None:
    begin_s = datetime(2026, 12, 24, tzinfo=ZoneInfo(BERLIN)).timestamp()
    books = new_books(loaded_s=begin_s)
    books.serve(books.at("2026-11-30 14:00", BERLIN), HOUR_OF_DECODE)
    report = margin_of(books)
    assert_whole(report)
    assert report.pools[0].service_s == 10 * 3600


# --- what is not known ----------------------------------------------------------------------------


def test_rates_that_are_too_slow_are_said_and_scaled(books: Books) -> None:
    for _ in range(30):
        books.serve("2026-11-01 00:00", HOUR_OF_DECODE, zone=BERLIN)
    report = margin_of(books, until="2026-11-01 10:00")
    assert_whole(report)
    assert report.idle == Cost()
    assert report.pools[0].busy_frac == 3.0
    assert usd(report.attributed.energy_pusd) == 14 * Decimal("0.09")
    assert "work took 30.00 h of the 10.00 h in service" in report.notes[1]


def test_unknown_costs_are_left_out_and_named(new_books: NewBooks, books: Books) -> None:
    text = books.text.replace("paid_usd = 72_000\nresale_usd = 7_200\n", "")
    text = text.replace("idle_w = 400\nbusy_w = 1400\n", "").replace('hardware = "4x L40S"\n', "")
    poor = new_books(text)
    poor.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    report = margin_of(poor)
    assert_whole(report)
    assert report.cost == Cost()
    assert report.pools[0].energy_pusd is None and report.pools[0].amortisation_pusd is None
    assert [view.complete for view in report.views] == [True, False, False]
    assert report.notes == (
        "l40s: its wear is unknown; give paid_usd",
        "l40s: its power (and so its space) is unknown; give idle_w and busy_w",
    )


def test_a_pool_that_left_the_file_is_named(new_books: NewBooks, books: Books) -> None:
    books.serve("2026-11-10 12:00", Usage(1_000_000), pool="attic")
    report = margin_of(books)
    assert_whole(report)
    assert report.revenue_pusd == 400_000_000_000
    assert report.notes == (
        "attic: it served 1,000,000 tokens and is not in the factory file; its cost is unknown",
    )


def test_own_machines_that_worked_need_their_rates(books: Books) -> None:
    assert margin_of(books, roster=()).revenue_pusd == 0
    books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    with pytest.raises(UsageError, match="not in the roster"):
        margin_of(books, roster=())


# --- over random books ----------------------------------------------------------------------------

requests = st.fixed_dictionaries(
    {
        "at": st.floats(1_793_487_600.0, 1_796_079_500.0),
        "usage": st.builds(Usage, **{meter: st.integers(0, 10**7) for meter in METERS}),
        "tenant": st.sampled_from(["acme", "indus", "bosch-gym"]),
        "pool": st.sampled_from(["l40s", "cloud"]),
        "end": st.sampled_from(["deliver", "deliver", "waive", "void", "pending"]),
    }
)


def served_by_hand(books: Books) -> dict[tuple[str, str], Decimal]:
    """Seconds of the l40s pool by tenant (``*`` is nobody), one entry after the other."""
    delivered = {entry.request for entry in books.entries if isinstance(entry, Deliver)}
    seconds: dict[tuple[str, str], Decimal] = {}
    for entry in books.entries:
        if not isinstance(entry, Settle | Void) or entry.pool is None:
            continue
        used, who = entry.usage, entry.tenant if entry.request in delivered else "*"
        computed = used.input_uncached + used.cache_write + used.audio_in + used.image_in
        took = Decimal(computed) / 8000 + Decimal(used.output_tokens) / 1250
        key = (entry.pool, who)
        seconds[key] = EXACT.add(seconds.get(key, Decimal(0)), took)
    return seconds


@STEADY
@given(st.lists(requests, max_size=25), st.randoms(use_true_random=False))
def test_the_parts_are_the_cost_whatever_happened(
    new_books: NewBooks, served: list[dict[str, object]], chance: random.Random
) -> None:
    books = new_books()
    for request in served:
        books.serve(**request)  # type: ignore[arg-type]
    chance.shuffle(books.entries)
    report = margin_of(books)
    assert_whole(report)
    seconds = served_by_hand(books)
    own = {who: took for (pool, who), took in seconds.items() if pool == "l40s"}
    assert report.pools[0].busy_s == pytest.approx(float(sum(own.values())), abs=1e-5)
    for one in report.tenants:
        kwh = own.get(one.tenant, Decimal(0)) * Decimal("1.4") / 3600
        assert usd(one.attributed.energy_pusd) == pytest.approx(
            kwh * Decimal("0.09"), abs=Decimal("1e-9")
        )


# --- on screen and as JSON ------------------------------------------------------------------------


def screen_of(report: MarginReport, width: int = 80) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(margin_screen(report))
    return file.getvalue()


@pytest.fixture
def report(books: Books) -> MarginReport:
    for _ in range(72):
        books.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    books.serve("2026-11-13 12:00", Usage(1_000_000, 0, 0, 100_000), tenant="indus", pool="cloud")
    return margin_of(books, until="2026-11-30 12:00")


def test_the_screen_shows_what_it_adds_up_to(report: MarginReport) -> None:
    screen = screen_of(report)
    for text in ("Margin of cellar, 2026-11", "518.40", "10.17 %", "Unbilled work", "Idle"):
        assert text in screen
    for text in ("machines free", "electricity only", "fully loaded", "the month is not over"):
        assert text in screen
    assert f"{usd(report.cost.total_pusd):,.2f}" in screen


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_a_narrow_screen_loses_no_digit(report: MarginReport, width: int) -> None:
    assert "…" not in screen_of(report, width)


def test_an_incomplete_view_is_a_lower_bound(new_books: NewBooks, books: Books) -> None:
    poor = new_books(books.text.replace("paid_usd = 72_000\nresale_usd = 7_200\n", ""))
    poor.serve("2026-11-10 12:00", HOUR_OF_DECODE)
    screen = screen_of(margin_of(poor))
    assert "≥ " in screen and "unknown" in screen


def test_json_is_exact_and_adds_up(report: MarginReport) -> None:
    document = json.loads(margin_json(report))
    assert document["schema"] == "wattmill.margin/1"
    parts = [Decimal(document[name]["total_usd"]) for name in ("attributed", "unbilled", "idle")]
    whole = sum(parts) + Decimal(document["overhead"]["total_usd"])
    assert whole == Decimal(document["cost"]["total_usd"])
    assert Decimal(document["margin_usd"]) == Decimal(document["revenue_usd"]) - whole
    assert document["tenants"][1]["views"][0]["usd_per_mtok"] is None
    assert document["until"] == "2026-11-30T12:00:00+01:00"
    assert document["pools"][1]["own_hardware"] is False
