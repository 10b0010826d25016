"""The tables of `wattmill site`; the terminal and the page show the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wattmill.plan.studies.site import money_tables as money
from wattmill.plan.studies.site import room_tables as room
from wattmill.plan.studies.site.report import SiteReport
from wattmill.plan.studies.site.words import Sheet

TABLES: tuple[Callable[[SiteReport], Sheet | None], ...] = (
    room.power,
    room.racks,
    room.feeders,
    room.chains,
    room.cooling,
    room.floor,
    money.building,
    money.later,
    money.classes,
    money.quote,
    money.contracts,
    money.plants,
    money.speed,
    money.places,
    money.calendar,
    money.delay,
)
"""In the order in which a site is planned."""


def sheets(report: SiteReport) -> Iterator[Sheet]:
    """Every table that has rows; the one of places says something without them as well."""
    for table in TABLES:
        made = table(report)
        if made is not None and (made.rows or made.key == "places"):
            yield made
