"""What the tables that lay out a choice may say, and the records that they become."""

from __future__ import annotations

from collections.abc import Sequence

from wattmill.catalog.factory.choices import (
    CHANGE_KINDS,
    OFFER_KINDS,
    Candidate,
    Change,
    Demand,
    Offer,
)
from wattmill.catalog.factory.money_tables import frac, months, rate
from wattmill.catalog.factory.records import ENGINES
from wattmill.catalog.factory.table import Table
from wattmill.catalog.factory.tables import prices_per_mtok
from wattmill.catalog.precision import WEIGHT_BITS

ANY_OFFER = ("name", "kind", "setup_usd", "other_usd_per_month", "available", "months")
MACHINES = ("hardware", "model", "precision", "engine")
OWNED = (*MACHINES, "kw", "life_months")
KEYS_OF_OFFER: dict[str, tuple[str, ...]] = {
    "rent": (*ANY_OFFER, *MACHINES, "usd_per_hour", "billed_frac"),
    "buy": (*ANY_OFFER, *OWNED, "usd", "resale_usd"),
    "lease": (*ANY_OFFER, *OWNED, "usd_per_month", "buyout_usd", "deposit_usd", "resale_usd"),
    "api": (*ANY_OFFER, "model", "api", "usd_per_mtok"),
    "hybrid": (*ANY_OFFER, "parts"),
}
"""What an offer of each kind can say."""

NEEDED_BY_OFFER: dict[str, tuple[str, ...]] = {
    "rent": ("hardware",),
    "buy": ("hardware",),
    "lease": ("hardware", "usd_per_month", "months"),
    "api": (),
    "hybrid": ("parts",),
}
"""What it must say."""

NEEDED_BY_CHANGE: dict[str, tuple[str, ...]] = {
    "distill": ("model",),
    "finetune": (),
    "cache": ("hit_frac",),
    "quantise": ("precision",),
    "rag": ("prompt_tokens",),
    "second-node": ("hardware",),
}
"""What a change of each kind must say."""

OWN_ENGINES = tuple(engine for engine, default in ENGINES.items() if default is not None)


def demand(t: Table) -> Demand:
    """`[demand]`: both sorts of tokens or neither."""
    found = Demand(
        input_mtok_per_month=t.number("input_mtok_per_month", None),
        output_mtok_per_month=t.number("output_mtok_per_month", None, above=0),
        cached_frac=frac(t, "cached_frac", 0.0),
        peak_to_mean=t.number("peak_to_mean", 3.0, low=1, high=1000),
        growth_frac_per_year=rate(t, "growth_frac_per_year", 0.0),
        isl=t.count("isl", 1000, high=10**8),
        osl=t.count("osl", 300, high=10**8),
        ttft_ms=t.number("ttft_ms", None, above=0, high=1e7),
        tpot_ms=t.number("tpot_ms", None, above=0, high=1e7),
    )
    given, other = "input_mtok_per_month", "output_mtok_per_month"
    if found.input_mtok_per_month is None:
        given, other = other, given
    if (found.input_mtok_per_month is None) != (found.output_mtok_per_month is None):
        t.fail(given, f"{given} needs {other}", f"add {other} = …, which APIs price apart")
    return found


def check_parts(rows: Sequence[tuple[Table, Offer]]) -> None:
    """The parts of hybrids are other offers, and none is in itself."""
    kinds = {offer.name: offer.kind for _, offer in rows}
    for t, offer in rows:
        for part in offer.parts:
            t.refers("parts", part, set(kinds) - {offer.name})
            if kinds[part] == "hybrid":
                t.fail("parts", f"{part} is a hybrid itself", "name its parts")


def offer(t: Table) -> Offer:
    """`[[offer]]`: what its kind can say, and what it must."""
    kind = t.required(t.one_of("kind", None, OFFER_KINDS), "kind")
    article = "an" if kind == "api" else "a"
    for key in t.values:
        if key not in KEYS_OF_OFFER[kind]:
            kinds = ", ".join(k for k, keys in KEYS_OF_OFFER.items() if key in keys)
            t.fail(key, f"{article} {kind} offer has no {key}", f"it belongs to {kinds}")
    for key in NEEDED_BY_OFFER[kind]:
        t.required(t.values.get(key), key)
    return Offer(
        name=t.name("name"),
        kind=kind,
        hardware=t.word("hardware", None),
        model=t.word("model", None),
        precision=t.one_of("precision", None, WEIGHT_BITS),
        engine=t.one_of("engine", None, OWN_ENGINES),
        usd=t.number("usd", None),
        usd_per_hour=t.number("usd_per_hour", None, high=1e5),
        usd_per_month=t.number("usd_per_month", None),
        setup_usd=t.number("setup_usd", 0.0),
        other_usd_per_month=t.number("other_usd_per_month", 0.0),
        months=t.count("months", None, high=600),
        buyout_usd=t.number("buyout_usd", None),
        deposit_usd=t.number("deposit_usd", 0.0),
        billed_frac=t.number("billed_frac", 1.0, above=0, high=1),
        api=t.word("api", None),
        uusd_per_mtok=prices_per_mtok(t),
        parts=t.lines("parts"),
        life_months=months(t, "life_months", 36, low=1),
        resale_usd=t.number("resale_usd", None),
        kw=t.number("kw", None, above=0),
        available=t.date("available"),
    )


def candidate(t: Table) -> Candidate:
    """`[[candidate]]`."""
    return Candidate(
        name=t.name("name"),
        hardware=t.required(t.word("hardware", None), "hardware"),
        model=t.word("model", None),
        precision=t.one_of("precision", None, WEIGHT_BITS),
        usd=t.number("usd", None),
        usd_per_hour=t.number("usd_per_hour", None, high=1e5),
        available=t.date("available"),
        kw=t.number("kw", None, above=0),
        tok_per_s=t.number("tok_per_s", None, above=0),
        most=t.count("most", None),
        life_months=months(t, "life_months", 36, low=1),
    )


def change(t: Table, pools: set[str]) -> Change:
    """`[[change]]`: a pool of this file, and what its kind must say."""
    kind = t.required(t.one_of("kind", None, CHANGE_KINDS), "kind")
    for key in NEEDED_BY_CHANGE[kind]:
        t.required(t.values.get(key), key)
    pool = t.word("pool", None)
    found = Change(
        name=t.name("name"),
        kind=kind,
        pool=None if pool is None else t.refers("pool", pool, pools),
        usd=t.number("usd", 0.0),
        usd_per_month=t.number("usd_per_month", 0.0),
        months=months(t, "months", 0),
        repeat_months=t.count("repeat_months", None, high=600),
        repeat_usd=t.number("repeat_usd", None),
        traffic_frac=frac(t, "traffic_frac", 1.0),
        retry_frac=frac(t, "retry_frac", 0.0),
        model=t.word("model", None),
        precision=t.one_of("precision", None, WEIGHT_BITS),
        hardware=t.word("hardware", None),
        prompt_tokens=t.count("prompt_tokens", 0, low=-(10**8), high=10**8),
        hit_frac=t.number("hit_frac", None, high=1),
    )
    if found.repeat_usd is not None and found.repeat_months is None:
        t.fail("repeat_usd", "repeat_usd needs repeat_months", "say how often: repeat_months = 12")
    return found
