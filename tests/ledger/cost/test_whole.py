"""Whatever happened in a month, its parts are its cost: over random months, pools, meters, requests."""

from __future__ import annotations

import random
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.cost.conftest import NewCostBooks
from tests.ledger.cost.cost_books import (
    FACTORY,
    NAMES,
    CostBooks,
    assert_whole,
    instant_us,
)

from wattmill.core.records import METERS, Usage
from wattmill.ledger.cost.margin import report
from wattmill.ledger.cost.meter_files import Reading
from wattmill.ledger.cost.readings import record_readings
from wattmill.ledger.cost.report import MarginReport
from wattmill.ledger.cost.schedule import SCHEDULES
from wattmill.ledger.cost.site_month import SiteMonth
from wattmill.ledger.periods import month_named

STEADY = settings(derandomize=True, deadline=None, max_examples=20)
MONTHS = ("2026-03", "2026-10", "2026-11", "2027-02", "2027-03")
KOLKATA = "Asia/Kolkata"
ZONES = ("Europe/Berlin", "America/New_York", KOLKATA, "Australia/Lord_Howe", "UTC")

served = st.fixed_dictionaries(
    {
        "part": st.floats(-0.02, 1.0),
        "usage": st.builds(Usage, **{meter: st.integers(0, 10**7) for meter in METERS}),
        "took_s": st.floats(0, 3 * 3600),
        "tenant": st.sampled_from(NAMES),
        "model": st.sampled_from(["house-large", "house-small"]),
        "pool": st.sampled_from(["l40s", "l40s", "cloud", "attic", None]),
        "state": st.sampled_from(["charged", "charged", "waived", "void"]),
    }
)
readings = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 10**9), st.booleans()), max_size=12)
bought = st.sampled_from(["2026-01-31", "2026-10-25", "2026-11-17", "2027-03-28", "2030-01-01"])


def factory_text(zone: str, day: str, chance: random.Random) -> str:
    text = FACTORY.replace("Europe/Berlin", zone).replace("2026-06-01", day)
    if chance.random() < 0.2:
        text = text.replace("idle_w = 400\nbusy_w = 1400\n", "").replace("4x L40S", "a toaster")
    return text


def measure(books: CostBooks, span: tuple[int, int], found: list[tuple[float, int, bool]]) -> None:
    """A meter with gaps: times between cuts, some of them left out."""
    start_us, end_us = span
    cuts = sorted({start_us - 10**9 + round(at * (end_us - start_us)) for at, _, _ in found})
    spans = zip(pairwise(cuts), found, strict=False)
    rows = [Reading(*span, mwh) for span, (_, mwh, read) in spans if read]
    with books.store.transaction() as connection:
        record_readings(connection, "l40s", rows, source="pdu.csv", recorded_us=1)


@STEADY
@given(
    st.sampled_from(MONTHS),
    st.sampled_from(ZONES),
    bought,
    st.lists(served, max_size=25),
    readings,
    st.floats(0.0001, 1.2),
    st.randoms(use_true_random=False),
)
def test_the_parts_are_the_cost_whatever_happened(
    new_cost_books: NewCostBooks,
    name: str,
    zone: str,
    day: str,
    requests: list[dict[str, Any]],
    meter: list[tuple[float, int, bool]],
    over: float,
    chance: random.Random,
) -> None:
    books = new_cost_books(factory_text(zone, day, chance))
    span = month_named(name, zone)
    start_us, end_us = round(span.start_s * 1e6), round(span.end_s * 1e6)
    measure(books, (start_us, end_us), meter)
    for request in requests:
        at_us = start_us + round(request.pop("part") * (end_us - start_us - 1))
        books.serve(at_us, **request)
    until_s = span.start_s + over * (span.end_s - span.start_s)
    month = books.read(name, until_s)
    for schedule in SCHEDULES:
        assert_whole(report(month, schedule))
    assert_whole_pools(month, report(month, "book"))


def assert_whole_pools(month: SiteMonth, found: MarginReport) -> None:
    """What pools cost by their meters and schedules is what was given away."""
    machines = month.totals["l40s"]
    assert found.cost.amortisation_pusd == (machines.wear_pusd["book"] or 0)
    loss = found.cost.energy_pusd - machines.energy_pusd
    assert abs(loss - Fraction(3, 10) * machines.energy_pusd) <= 745
    assert 0 <= machines.measured_us <= machines.service_us
    window = month.window
    assert machines.service_us <= window.until_us - window.start_us


@settings(STEADY, max_examples=6)
@given(st.lists(served, max_size=25))
def test_work_is_by_hand_what_every_request_took(
    new_cost_books: NewCostBooks, requests: list[dict[str, Any]]
) -> None:
    """Seconds of the pool by tenant, one request after the other, in three months together."""
    books = new_cost_books()
    seconds: defaultdict[tuple[str, bool], Fraction] = defaultdict(Fraction)
    start_us, end_us = instant_us("2026-11-01"), instant_us("2026-12-01")
    for request in requests:
        at_us = start_us + round(request.pop("part") * (end_us - start_us - 1))
        books.serve(at_us, **request)
        used = request["usage"]
        computed = used.input_tokens - used.input_cached
        if request["pool"] == "l40s":
            paid = request["state"] == "charged"
            seconds[request["tenant"], paid] += Fraction(computed, 8000) + Fraction(
                used.output_tokens, 1250
            )
    found: defaultdict[tuple[str, bool], int] = defaultdict(int)
    for name in ("2026-10", "2026-11", "2026-12"):
        for who, tally in books.month(name).use.by_whose.items():
            found[who.tenant, who.charged] += tally.busy_us
    for key in {*seconds, *found}:
        assert abs(found[key] - seconds[key] * 10**6) <= len(requests)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_months_add_up_to_the_quarter(cost_books: CostBooks, schedule: Any) -> None:
    """Wear of October to December is what the pool lost from the first to the last instant."""
    found = [cost_books.report(f"2026-{month}", schedule=schedule) for month in (10, 11, 12)]
    first, last = (
        cost_books.report(name, schedule=schedule).pools[0] for name in ("2026-09", "2026-12")
    )
    before, after = (
        (one.book_value_pusd if schedule == "book" else one.market_value_pusd) or 0
        for one in (first, last)
    )
    assert sum(one.cost.amortisation_pusd for one in found) == before - after
