"""Rate plans as they are written, and the terms that they mean.

A plan is kept as written until every table is read, because a tenant may replace single rates of it; `terms_of` then
makes of it what the books keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from wattmill.catalog.factory.bands import BAND_KEYS, overlap, read_band
from wattmill.catalog.factory.records import Pool, RatePlan
from wattmill.catalog.factory.schemes import METER_OF, Prices, card, read_prices
from wattmill.catalog.factory.table import Table, times
from wattmill.core.records import Band
from wattmill.core.terms import ZERO, Card, Commitment, Flat, Terms

RATE_KEYS = ("model", "pool", "band", "usd_per_mtok", "free_mtok")
COMMITMENT_KEYS = ("usd", "months", "starts", "due", "overage_percent")
PLAN_KEYS = (
    "name",
    "usd_per_mtok",
    "valid_from",
    "free_mtok",
    "markup_percent",
    "rate",
    "band",
    "timezone",
    "fee_usd_per_month",
    "seat_usd_per_month",
    "minimum_usd_per_month",
    "maximum_usd_per_month",
    "free_usd_per_month",
    "commitment",
    "proration",
)
OVERRIDE_KEYS = (
    "usd_per_mtok",
    "free_mtok",
    "rate",
    "markup_percent",
    "seats",
    "minimum_usd_per_month",
    "commitment",
)
"""What a tenant may have of its own; everything else is as in its plan."""

MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")

Where = tuple[str | None, str | None, str | None]
"""Model, pool and band that prices are for."""

ANYWHERE: Where = (None, None, None)
NOTHING = Prices()


class Names(msgspec.Struct, frozen=True):
    """What rates may refer to."""

    models: set[str]
    pools: set[str]


class Draft(msgspec.Struct, frozen=True):
    """A rate plan as written. `terms` is all of it but its cards; a band may have a discount instead of prices."""

    name: str
    valid_from: date | None
    prices: Mapping[Where, Prices]
    discounts: Mapping[str, Decimal]
    markup_percent: Decimal | None
    terms: Terms

    def whole(self, where: Where) -> Prices:
        """The prices somewhere, with those of the plan for what is not said there."""
        return self.prices.get(where, NOTHING).over(self.prices.get(ANYWHERE, NOTHING))


def read_plan(t: Table, site_timezone: str, names: Names) -> Draft:
    """A `[[rate_plan]]`."""
    bands, discounts, by_band = _bands(t, t.timezone("timezone", site_timezone))
    prices = _prices(t, names, {band.name for band in bands}) | by_band
    made = _commitment(t)
    minimum = t.usd("minimum_usd_per_month", ZERO)
    _refuse_both(t, minimum, made)
    draft = Draft(
        name=t.name("name"),
        valid_from=t.date("valid_from"),
        prices=prices,
        discounts=discounts,
        markup_percent=t.percent("markup_percent", None),
        terms=Terms(
            cards=(),
            bands=tuple(bands),
            fee=t.usd("fee_usd_per_month", ZERO),
            seat_fee=t.usd("seat_usd_per_month", ZERO),
            minimum=minimum,
            maximum=t.usd("maximum_usd_per_month", None),
            allowance=t.usd("free_usd_per_month", ZERO),
            commitment=made,
            proration=t.choice("proration", "elapsed", ("elapsed", "whole")),
        ),
    )
    _require_prices(t, draft)
    return draft


def own_plan(t: Table, plan: Draft, tenant: str, names: Names) -> Draft | None:
    """The plan of a tenant that has rates, seats or a commitment of its own; None where it has not."""
    if not any(key in t.values for key in OVERRIDE_KEYS):
        return None
    seats = t.count("seats", 0, low=0)
    if seats and not plan.terms.seat_fee:
        t.fail("seats", f"the rate plan {plan.name!r} has no price for seats", "seat_usd_per_month")
    minimum = t.usd("minimum_usd_per_month", plan.terms.minimum)
    made = _commitment(t) or plan.terms.commitment
    _refuse_both(t, minimum, made)
    own = _prices(t, names, {band.name for band in plan.terms.bands})
    merged = {where: prices.over(plan.prices.get(where, NOTHING)) for where, prices in own.items()}
    draft = replace(
        plan,
        name=f"{plan.name}@{tenant}",
        prices={**plan.prices, **merged},
        markup_percent=t.percent("markup_percent", plan.markup_percent),
        terms=replace(plan.terms, seats=seats, minimum=minimum, commitment=made),
    )
    _require_prices(t, draft)
    return draft


def rate_plan(draft: Draft, pools: Iterable[Pool], tenant: str | None = None) -> RatePlan:
    """What the books keep of it."""
    cards = (*_own_cards(draft), *_pass_through(draft, pools))
    return RatePlan(draft.name, replace(draft.terms, cards=cards), draft.valid_from, tenant)


def _own_cards(draft: Draft) -> Iterable[Card]:
    for where in draft.prices:
        model, pool, band = where
        yield card(draft.whole(where), model=model, pool=pool, band=band)
        for name, percent in draft.discounts.items():
            if band is None and (model, pool, name) not in draft.prices:
                reduced = draft.whole(where).percent(100 - percent)
                note = f"{percent:f} % off"
                yield card(reduced, model=model, pool=pool, band=name, note=note)


def _pass_through(draft: Draft, pools: Iterable[Pool]) -> Iterable[Card]:
    """What each cloud charges, and the markup."""
    percent = draft.markup_percent
    if percent is None:
        return
    for pool in pools:
        if pool.uusd_per_mtok is not None and (None, pool.name, None) not in draft.prices:
            cost = msgspec.structs.astuple(pool.uusd_per_mtok)
            usd = (times(Decimal(uusd).scaleb(-6), 100 + percent) for uusd in cost)
            prices = {key: Flat(each) for key, each in zip(METER_OF, usd, strict=True)}
            note = f"{pool.name} + {percent:f} %"
            yield card(Prices(prices), pool=pool.name, note=note)


def _bands(t: Table, timezone: str) -> tuple[list[Band], dict[str, Decimal], dict[Where, Prices]]:
    """The bands, and for each either a discount or prices of its own."""
    bands: list[Band] = []
    discounts: dict[str, Decimal] = {}
    prices: dict[Where, Prices] = {}
    for row in t.tables("band", BAND_KEYS):
        band = read_band(row, timezone)
        _refuse_overlap(row, band, bands)
        bands.append(band)
        own, percent = read_prices(row), row.percent("discount_percent", None, high=100)
        if own.is_empty == (percent is None):
            hint = "write discount_percent = …, or usd_per_mtok = { … }"
            row.fail("name", f"the band {band.name!r} must have a discount or prices", hint)
        if percent is None:
            prices[None, None, band.name] = own
        else:
            discounts[band.name] = percent
    return bands, discounts, prices


def _refuse_overlap(t: Table, band: Band, others: list[Band]) -> None:
    for other in others:
        if other.name == band.name:
            t.fail("name", f"a second band is called {band.name!r}", "give each its own name")
        if overlap(other, band):
            message = f"the bands {other.name!r} and {band.name!r} overlap"
            t.fail("name", message, "let each minute of the week be in one band at the most")


def _prices(t: Table, names: Names, bands: set[str]) -> dict[Where, Prices]:
    """The prices of a plan or a tenant, in general and for models, pools and bands."""
    general = read_prices(t)
    found = {} if general.is_empty else {ANYWHERE: general}
    for row in t.tables("rate", RATE_KEYS):
        where = (
            _refers(row, "model", names.models),
            _refers(row, "pool", names.pools),
            _refers(row, "band", bands),
        )
        prices = read_prices(row)
        if where == ANYWHERE or where in found or prices.is_empty:
            message = "a rate must be for a model, pool or band of its own, and have a price"
            row.fail("usd_per_mtok", message, 'write model = "…" and usd_per_mtok = { … }')
        found[where] = prices
    return found


def _refers(t: Table, key: str, known: set[str]) -> str | None:
    named = t.word(key, None)
    return None if named is None else t.refers(key, named, known)


def _require_prices(t: Table, draft: Draft) -> None:
    """Whatever a price is for, it must say what prompts and answers cost."""
    if not draft.prices and draft.markup_percent is None:
        t.required(None, "usd_per_mtok")
    for where in draft.prices:
        if not draft.whole(where).is_whole:
            what = " ".join(part for part in where if part) or "the plan"
            message = f"the prices for {what} do not say what input and output cost"
            t.fail("usd_per_mtok", message, "add input = … and output = …")


def _commitment(t: Table) -> Commitment | None:
    made = t.table("commitment", COMMITMENT_KEYS)
    if made is None:
        return None
    months = made.count("months", 1, high=120)
    starts = made.word("starts", None)
    if starts is not None and not MONTH.fullmatch(starts):
        made.fail("starts", f"starts {starts!r} is not a month", 'write starts = "2026-01"')
    if months > 1 and starts is None:
        made.required(starts, "starts")
    return Commitment(
        amount=made.required(made.usd("usd", None), "usd"),
        months=months,
        starts=starts,
        due=made.choice("due", "end", ("start", "end")),
        overage=times(Decimal(1), made.percent("overage_percent", Decimal(100))),
    )


def _refuse_both(t: Table, minimum: Decimal, made: Commitment | None) -> None:
    if minimum and made is not None:
        message = "a minimum and a commitment would be charged for the same usage"
        t.fail("commitment", message, "keep minimum_usd_per_month or commitment")
