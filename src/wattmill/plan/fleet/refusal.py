"""Why no fleet keeps what is promised: the limit that stands in the way, and how much it lacks."""

from __future__ import annotations

from itertools import combinations
from typing import NoReturn

import msgspec
import numpy as np

from wattmill.core.errors import PlanError
from wattmill.plan.fleet.model import program
from wattmill.plan.fleet.records import Envelope, MachineType, Market, Solver
from wattmill.plan.fleet.solving import solve

WORDS = {
    "kw": ("power", "kW"),
    "capital_usd": ("capital", "USD"),
    "racks": ("space", "racks"),
    "most_kinds": ("the number of machine types", "types"),
    "stocks": ("stock", "pieces"),
}
Types = tuple[MachineType, ...]
Markets = tuple[Market, ...]


def refuse(types: Types, markets: Markets, envelope: Envelope, solver: Solver) -> NoReturn:
    """Raise the PlanError that names the fewest limits without which there would be a fleet."""
    limits = [name for name in WORDS if getattr(envelope, name) not in (None, {})]
    for size in range(1, len(limits) + 1):
        guilty = [
            dropped
            for dropped in combinations(limits, size)
            if _is_possible(types, markets, _without(envelope, dropped), solver)
        ]
        if guilty:
            raise _error(types, markets, envelope, solver, guilty)
    raise PlanError(
        f"there are not enough machines for what is promised: {_promises(markets)}",
        hint="raise `most` of a machine type, or promise less",
    )


def _without(envelope: Envelope, dropped: tuple[str, ...]) -> Envelope:
    return msgspec.structs.replace(
        envelope, **{name: {} if name == "stocks" else None for name in dropped}
    )


def _is_possible(types: Types, markets: Markets, envelope: Envelope, solver: Solver) -> bool:
    made = program(types, _only_promises(markets), envelope, "cost")
    return solve(made, solver).status != "infeasible"


def _only_promises(markets: Markets) -> Markets:
    """What may be sold does not make a promise harder to keep."""
    return tuple(msgspec.structs.replace(each, most_mtok=None) for each in markets)


def _error(
    types: Types,
    markets: Markets,
    envelope: Envelope,
    solver: Solver,
    guilty: list[tuple[str, ...]],
) -> PlanError:
    said = [_lacks(types, markets, envelope, solver, dropped) for dropped in guilty]
    words = " or ".join(" and ".join(WORDS[name][0] for name in dropped) for dropped in guilty)
    return PlanError(
        f"no fleet keeps what is promised ({_promises(markets)}): {'; '.join(said)}",
        hint=f"give more {words}, or promise less",
    )


def _lacks(
    types: Types, markets: Markets, envelope: Envelope, solver: Solver, dropped: tuple[str, ...]
) -> str:
    """What a fleet needs at the least of the limits that are dropped."""
    wider = _without(envelope, dropped)
    return " and ".join(_lack(types, markets, envelope, wider, solver, name) for name in dropped)


def _lack(
    types: Types, markets: Markets, envelope: Envelope, wider: Envelope, solver: Solver, name: str
) -> str:
    if name == "stocks":
        held = ", ".join(f"{limit:,.4g} of {stock}" for stock, limit in envelope.stocks.items())
        return f"there are only {held}"
    least = _least(types, markets, wider, solver, name)
    unit, limit = WORDS[name][1], getattr(envelope, name)
    return f"{least:,.4g} {unit} at the least, there are {limit:,.4g}"


def _least(
    types: Types, markets: Markets, envelope: Envelope, solver: Solver, resource: str
) -> float:
    """The least of one resource that a fleet for the promises takes."""
    made = program(types, _only_promises(markets), envelope, "cost")
    gains, count = np.zeros_like(made.gains), len(types)
    if resource == "most_kinds":
        return float(_fewest_kinds(types, markets, envelope, solver))
    gains[:count] = [-getattr(each, resource) for each in types]
    return -solve(msgspec.structs.replace(made, gains=gains), solver).objective


def _fewest_kinds(types: Types, markets: Markets, envelope: Envelope, solver: Solver) -> int:
    for kinds in range(1, len(types) + 1):
        wider = msgspec.structs.replace(envelope, most_kinds=kinds)
        if _is_possible(types, markets, wider, solver):
            return kinds
    return len(types)


def _promises(markets: Markets) -> str:
    return ", ".join(f"{m.least_mtok:,.4g} Mtok of {m.model}" for m in markets if m.least_mtok)
