"""The kinds of rows that the catalog has: their file, what a list of them is called, how they age."""

from __future__ import annotations

from typing import NamedTuple

SHEET = "data_sheet"


class Kind(NamedTuple):
    """One kind of row, `[[name]]` in its file and in a catalog file of one's own.

    listed: what `wattmill catalog list` calls all of them. ages_as: its key in
    `staleness.HALF_LIFE_MONTHS`. key: the field that says what a row is about.
    """

    name: str
    file: str
    listed: str
    ages_as: str = SHEET
    key: str = "name"


ELECTRICAL, FACILITIES = "electrical.toml", "facilities.toml"

KINDS = {
    kind.name: kind
    for kind in (
        Kind("accelerator", "accelerators.toml", "accelerators"),
        Kind("model", "models.toml", "models"),
        Kind("link", "links.toml", "links"),
        Kind("system", "systems.toml", "systems"),
        Kind("api", "api_prices.toml", "apis", "api"),
        Kind("quote", "market.toml", "market", "rent", "of"),
        Kind("conductor", ELECTRICAL, "conductors"),
        Kind("delivery_stage", ELECTRICAL, "delivery-stages"),
        Kind("delivery_chain", ELECTRICAL, "delivery-chains"),
        Kind("breakers", ELECTRICAL, "breakers"),
        Kind("metal", ELECTRICAL, "metals"),
        Kind("bus_bar", ELECTRICAL, "bus-bars"),
        Kind("coolant", ELECTRICAL, "coolants"),
        Kind("cooling", ELECTRICAL, "cooling", "cooling"),
        Kind("floor", ELECTRICAL, "floors"),
        Kind("build", FACILITIES, "buildings", "build"),
        Kind("lead_time", FACILITIES, "lead-times", "lead_time"),
        Kind("attrition", FACILITIES, "attrition", "attrition"),
        Kind("colo_fee", FACILITIES, "colo-fees", "colo_fee"),
        Kind("colo_rule", FACILITIES, "colo-rules", "colo_rule"),
        Kind("grid", FACILITIES, "grids", "grid", "region"),
        Kind("fuel", FACILITIES, "fuels", "fuel"),
        Kind("generator", FACILITIES, "generators", "generator"),
        Kind("storage", FACILITIES, "storage", "storage"),
    )
}
"""By name. A quote ages by what it is a price of."""

OF_MANY_DATES = ("api", "quote")
"""Kinds that have a row for each day on which a price was seen; the others have one for each thing."""

SITE = tuple(kind.name for kind in KINDS.values() if kind.file in (ELECTRICAL, FACILITIES))
"""Kinds that a study of a site reads."""
