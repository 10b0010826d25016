"""The mixed-integer program of a fleet.

For machine types i, models m: n_i whole machines, x_i Mtok a month that they answer, y_i (0 or 1)
whether there are any, only where kinds are limited.

    x_i ≤ mtok_i n_i                       what they can answer
    Σ kw_i n_i ≤ kw, and so for capital and racks
    least_m ≤ Σ_{i of m} x_i ≤ most_m      what is promised, what is bought
    n_i ≤ most_i y_i,  Σ y_i ≤ kinds

    tokens: max Σ x_i                      margin: max Σ (price_m - variable_i) x_i - fixed_i n_i
    cost: min Σ variable_i x_i + fixed_i n_i

x is counted in machines (x_i / mtok_i) and every row is divided by its limit, so that tolerances mean
the same everywhere. `cost` is minimised as the negative of a maximum, so all duals have one sign.
"""

from __future__ import annotations

from math import floor

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattmill.plan.fleet.records import (
    RESOURCES,
    Envelope,
    MachineType,
    Market,
    Objective,
)

Array = NDArray[np.float64]
NO_END = 1e30
TIGHT = 1e-9
"""By how much of itself a limit may be exceeded, or a count miss a whole number."""


class Row(msgspec.Struct, frozen=True):
    """A constraint: low ≤ values · z ≤ high, before it is divided by `scale`. what: a resource, or
    `least` or `most` of a model, or `kinds`; empty for what nobody sets."""

    what: str
    of: str
    values: Array
    low: float
    high: float
    scale: float


class Program(msgspec.Struct, frozen=True):
    """max gains · z over columns of n (t), x (t) and, where kinds are limited, y (t).

    upper: ends of the columns; those of n follow from the rows, rounded down, except for machines
    that are counted. loose: the same where rows alone end n, so that their duals are whole.
    """

    types: tuple[MachineType, ...]
    gains: Array
    upper: Array
    loose: Array
    is_whole: NDArray[np.bool_]
    rows: tuple[Row, ...]


def program(
    types: tuple[MachineType, ...],
    markets: tuple[Market, ...],
    envelope: Envelope,
    objective: Objective,
) -> Program:
    """The program of a question; everything in it is finite and checked by the caller."""
    count = len(types)
    has_kinds = envelope.most_kinds is not None
    columns = count * (3 if has_kinds else 2)
    most = np.array([_most(each, envelope, markets) for each in types])
    rows = [*_work_rows(types, columns), *_resource_rows(types, envelope, columns)]
    rows += _market_rows(types, markets, columns)
    if has_kinds:
        rows += _kind_rows(most, envelope.most_kinds or 0, columns)
    is_whole = np.zeros(columns, dtype=bool)
    is_whole[:count] = is_whole[2 * count :] = True
    counted = np.array([NO_END if each.most is None else each.most for each in types])
    loose = np.minimum(counted, 2 * most + 1)
    ones = np.ones(columns - 2 * count)
    return Program(
        types=types,
        gains=_gains(types, markets, objective, columns),
        upper=np.concatenate((most, most, ones)),
        loose=np.concatenate((loose, loose, ones)),
        is_whole=is_whole,
        rows=tuple(rows),
    )


def _most(each: MachineType, envelope: Envelope, markets: tuple[Market, ...]) -> float:
    """More of a type than that cannot be, or would be idle; every column has an end."""
    room = [float(each.most)] if each.most is not None else []
    for resource in RESOURCES:
        limit, need = getattr(envelope, resource), getattr(each, resource)
        if limit is not None and need > 0:
            room.append(floor(limit / need * (1 + TIGHT)))
    for stock, limit in envelope.stocks.items():
        if each.uses.get(stock, 0) > 0:
            room.append(floor(limit / each.uses[stock] * (1 + TIGHT)))
    for market in markets:
        if market.model == each.model and market.most_mtok is not None:
            room.append(np.ceil(market.most_mtok / each.mtok_per_month))
        elif market.model == each.model and not room:
            room.append(np.ceil(market.least_mtok / each.mtok_per_month))
    return min(room)


def _gains(
    types: tuple[MachineType, ...], markets: tuple[Market, ...], objective: Objective, columns: int
) -> Array:
    count = len(types)
    price = {market.model: market.usd_per_mtok for market in markets}
    gains = np.zeros(columns)
    for i, each in enumerate(types):
        per_mtok = {
            "tokens": 1.0,
            "margin": price[each.model] - each.variable_usd_per_mtok,
            "cost": -each.variable_usd_per_mtok,
        }[objective]
        gains[count + i] = per_mtok * each.mtok_per_month
        gains[i] = 0.0 if objective == "tokens" else -each.fixed_usd_per_month
    return gains


def _row(what: str, of: str, values: Array, low: float, high: float) -> Row:
    ends = [abs(end) for end in (low, high) if abs(end) < NO_END and end]
    scale = max(ends, default=float(np.abs(values).max(initial=0.0)) or 1.0)
    return Row(what, of, values, low, high, scale)


def _work_rows(types: tuple[MachineType, ...], columns: int) -> list[Row]:
    count, rows = len(types), []
    for i in range(count):
        values = np.zeros(columns)
        values[i], values[count + i] = -1.0, 1.0
        rows.append(_row("", "", values, -NO_END, 0.0))
    return rows


def _resource_rows(types: tuple[MachineType, ...], envelope: Envelope, columns: int) -> list[Row]:
    rows = []
    for resource in RESOURCES:
        limit = getattr(envelope, resource)
        if limit is not None:
            values = np.zeros(columns)
            values[: len(types)] = [getattr(each, resource) for each in types]
            rows.append(_row(resource, "", values, -NO_END, float(limit)))
    for stock, limit in envelope.stocks.items():
        values = np.zeros(columns)
        values[: len(types)] = [each.uses.get(stock, 0.0) for each in types]
        rows.append(_row("stock", stock, values, -NO_END, float(limit)))
    return rows


def _market_rows(
    types: tuple[MachineType, ...], markets: tuple[Market, ...], columns: int
) -> list[Row]:
    count, rows = len(types), []
    for market in markets:
        values = np.zeros(columns)
        for i, each in enumerate(types):
            if each.model == market.model:
                values[count + i] = each.mtok_per_month
        if market.least_mtok:
            rows.append(_row("least_mtok", market.model, values, market.least_mtok, NO_END))
        if market.most_mtok is not None:
            rows.append(_row("most_mtok", market.model, values, -NO_END, market.most_mtok))
    return rows


def _kind_rows(most: Array, kinds: int, columns: int) -> list[Row]:
    count, rows = len(most), []
    for i in range(count):
        values = np.zeros(columns)
        values[i], values[2 * count + i] = 1.0, -most[i]
        rows.append(_row("", "", values, -NO_END, 0.0))
    values = np.zeros(columns)
    values[2 * count :] = 1.0
    return [*rows, _row("most_kinds", "", values, -NO_END, float(kinds))]
