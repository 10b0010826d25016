"""Prices by meter, as they are written: a number, tiers, or packages; and what is free."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from wattmill.catalog.factory.table import Table, times
from wattmill.core.records import METERS
from wattmill.core.terms import (
    ZERO,
    Card,
    Flat,
    Graduated,
    Package,
    Rate,
    Scheme,
    Tier,
    TierBounds,
    Volume,
)

METER_OF = dict(
    zip(
        (
            "input",
            "cached_input",
            "cache_write",
            "output",
            "reasoning",
            "audio_in",
            "audio_out",
            "image_in",
        ),
        METERS,
        strict=True,
    )
)
"""The meter that each key of the file stands for."""

KIND_OF = {
    "cached_input": "input",
    "cache_write": "input",
    "audio_in": "input",
    "image_in": "input",
    "reasoning": "output",
    "audio_out": "output",
}
"""A meter that is not named costs what its kind does, and is counted together with it."""

TIER_KEYS = ("up_to_mtok", "usd_per_mtok", "flat_usd")
TIERED_KEYS = ("graduated", "volume", "flat_at_zero", "bound")
PACKAGE_KEYS = ("package_mtok", "package_usd")


class Prices(msgspec.Struct, frozen=True):
    """Keys of meters: how each is priced, and how many Mtok of it are free in a month."""

    schemes: Mapping[str, Scheme] = {}
    free: Mapping[str, Decimal] = {}

    def over(self, other: Prices) -> Prices:
        """These, and those of the other for what is not said here."""
        return Prices({**other.schemes, **self.schemes}, {**other.free, **self.free})

    @property
    def is_whole(self) -> bool:
        """Whether every meter has a price, its own or that of its kind."""
        return "input" in self.schemes and "output" in self.schemes

    @property
    def is_empty(self) -> bool:
        return not self.schemes and not self.free

    def percent(self, percent: Decimal) -> Prices:
        """The same, with so many hundredths of every price."""
        schemes = {key: _percent(each, percent) for key, each in self.schemes.items()}
        return Prices(schemes, self.free)


def read_prices(t: Table) -> Prices:
    """What a table says in `usd_per_mtok` and `free_mtok`; empty where it says nothing."""
    prices, free = t.table("usd_per_mtok", METER_OF), t.table("free_mtok", METER_OF)
    return Prices(
        {key: _scheme(prices, key) for key in prices.values} if prices else {},
        {key: free.mtok(key, ZERO) for key in free.values} if free else {},
    )


def card(
    prices: Prices,
    *,
    model: str | None = None,
    pool: str | None = None,
    band: str | None = None,
    note: str = "",
) -> Card:
    """Whole prices as the books keep them: meters that share a price share their count."""
    named = [key for key in METER_OF if key in prices.schemes or key in prices.free]
    rates = []
    for key in named:
        kind = key if key in prices.schemes else KIND_OF[key]
        members = [key, *(each for each in METER_OF if KIND_OF.get(each) == key)]
        meters = tuple(METER_OF[each] for each in members if each == key or each not in named)
        rates.append(Rate(meters, prices.schemes[kind], prices.free.get(key, ZERO)))
    return Card(tuple(rates), model, pool, band, note)


def _scheme(t: Table, key: str) -> Scheme:
    if not isinstance(t.values[key], dict):
        return Flat(t.usd(key, ZERO))
    scheme = t.table(key, (*TIERED_KEYS, *PACKAGE_KEYS))
    assert scheme is not None
    kinds = [kind for kind in ("graduated", "volume", "package_mtok") if kind in scheme.values]
    if len(kinds) != 1:
        hint = "write one of graduated = […], volume = […], package_mtok = … with package_usd = …"
        t.fail(key, f"{key} is priced in {len(kinds)} ways at once", hint)
    return _package(scheme) if kinds == ["package_mtok"] else _tiered(scheme, kinds[0])


def _package(t: Table) -> Package:
    _refuse(t, TIERED_KEYS, "packages")
    size = t.mtok("package_mtok", ZERO)
    if not size:
        t.fail("package_mtok", "package_mtok must be more than 0", "say how much is in a package")
    return Package(size, t.required(t.usd("package_usd", None), "package_usd"))


def _tiered(t: Table, kind: str) -> Graduated | Volume:
    _refuse(t, PACKAGE_KEYS, "tiers")
    rows = t.tables(kind, TIER_KEYS)
    if not rows:
        t.fail(kind, f"{kind} has no tier", f"write {kind} = [{{ usd_per_mtok = … }}]")
    tiers = tuple(_tier(row, is_last=row is rows[-1]) for row in rows)
    for row, low, high in zip(rows[1:], tiers, tiers[1:], strict=False):
        if high.up_to is not None and low.up_to is not None and high.up_to <= low.up_to:
            message = "up_to_mtok is not more than that of the tier before"
            row.fail("up_to_mtok", message, "write tiers from the smallest to the largest")
    bound: TierBounds = "up_to_included"
    if t.one_of("bound", "included", ["included", "excluded"]) == "excluded":
        bound = "up_to_excluded"
    make = Graduated if kind == "graduated" else Volume
    return make(tiers, t.flag("flat_at_zero", False), bound)


def _tier(t: Table, *, is_last: bool) -> Tier:
    up_to = t.mtok("up_to_mtok", None)
    if is_last and up_to is not None:
        t.fail("up_to_mtok", "the last tier ends", "leave up_to_mtok out of the last tier")
    if not is_last and not up_to:
        t.fail("up_to_mtok", "a tier that is not the last needs its end", "add up_to_mtok = …")
    return Tier(up_to, t.usd("usd_per_mtok", ZERO), t.usd("flat_usd", ZERO))


def _refuse(t: Table, keys: tuple[str, ...], what: str) -> None:
    for key in keys:
        if key in t.values:
            t.fail(key, f"{key} does not go with {what}", "leave it out")


def _percent(scheme: Scheme, percent: Decimal) -> Scheme:
    match scheme:
        case Flat(unit):
            return Flat(times(unit, percent))
        case Package(size, price):
            return Package(size, times(price, percent))
        case Graduated() | Volume():
            return msgspec.structs.replace(
                scheme,
                tiers=tuple(
                    Tier(tier.up_to, times(tier.unit, percent), times(tier.flat, percent))
                    for tier in scheme.tiers
                ),
            )
        case _:
            raise AssertionError(f"no plan of a factory file has a {type(scheme).__name__}")
