"""Small fleets for the tests, and what is best for them by trying everything."""

from __future__ import annotations

from itertools import product

import msgspec
from hypothesis import strategies as st

from wattmill.plan.fleet.records import Envelope, MachineType, Market, Objective

NOTHING = float("-inf")


USUAL = MachineType("a", "m", kw=2.0, capital_usd=10e3, racks=0.1, mtok_per_month=100.0)


def machine(name: str = "a", model: str = "m", **figures: object) -> MachineType:
    """A machine of 2 kW for 10,000 USD in a tenth of a rack that answers 100 Mtok."""
    return msgspec.structs.replace(USUAL, name=name, model=model, **figures)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[MachineType], list[Market], Envelope]:
    """Up to three machine types for up to two models, at most five of each."""
    figure = st.integers(1, 9)
    types = [
        MachineType(
            f"t{i}", draw(st.sampled_from(["m", "n"])), draw(figure), draw(figure), draw(figure),
            draw(figure), draw(st.integers(0, 3)), draw(st.sampled_from([0.0, 0.5, 2.0])),
            draw(st.integers(1, 5)),
        )
        for i in range(draw(st.integers(1, 3)))
    ]  # fmt: skip
    markets = [_market(draw, model) for model in sorted({each.model for each in types})]
    limit = st.none() | st.integers(5, 30).map(float)
    kinds = draw(st.none() | st.integers(1, 2))
    return types, markets, Envelope(draw(limit), draw(limit), draw(limit), kinds)


def _market(draw: st.DrawFn, model: str) -> Market:
    least = draw(st.sampled_from([0.0, 0.0, 1.0, 4.0]))
    most = draw(st.none() | st.integers(4, 30).map(float))
    return Market(model, draw(st.integers(0, 4)), least, most)


def best_by_trying(
    types: list[MachineType], markets: list[Market], envelope: Envelope, objective: Objective
) -> float | None:
    """The best worth of all whole numbers of machines; None where none keeps what is promised."""
    worths = [
        _worth(types, counts, markets, objective)
        for counts in product(*(range((each.most or 0) + 1) for each in types))
        if _fits(types, counts, envelope)
    ]
    best = max(worths, default=NOTHING)
    return None if best == NOTHING else best


def _fits(types: list[MachineType], counts: tuple[int, ...], envelope: Envelope) -> bool:
    for name in ("kw", "capital_usd", "racks"):
        limit = getattr(envelope, name)
        used = sum(n * getattr(each, name) for n, each in zip(counts, types, strict=True))
        if limit is not None and used > limit:
            return False
    kinds = sum(n > 0 for n in counts)
    return envelope.most_kinds is None or kinds <= envelope.most_kinds


def _worth(
    types: list[MachineType], counts: tuple[int, ...], markets: list[Market], objective: Objective
) -> float:
    """Of so many machines, with the work given to those that gain most from it."""
    worth = 0.0
    if objective != "tokens":
        worth -= sum(n * each.fixed_usd_per_month for n, each in zip(counts, types, strict=True))
    for market in markets:
        able = [
            (_gain(each, market, objective), n * each.mtok_per_month)
            for n, each in zip(counts, types, strict=True)
            if each.model == market.model
        ]
        worth += _work(able, market)
    return worth


def _gain(each: MachineType, market: Market, objective: Objective) -> float:
    if objective == "tokens":
        return 1.0
    price = market.usd_per_mtok if objective == "margin" else 0.0
    return price - each.variable_usd_per_mtok


def _work(able: list[tuple[float, float]], market: Market) -> float:
    done = worth = 0.0
    most = float("inf") if market.most_mtok is None else market.most_mtok
    for gain, mtok in sorted(able, reverse=True):
        wanted = most if gain > 0 else market.least_mtok
        work = max(0.0, min(mtok, wanted - done))
        done, worth = done + work, worth + gain * work
    return worth if done >= market.least_mtok else NOTHING
