"""Who pays whom in a chain of suppliers: sales counted once, and money that goes in a circle.

Revenues of suppliers and of their customers cannot be added up: what a cloud pays for chips is in the
revenue of both. A chain is a graph of payments. A *sale* pays for something; a *stake* is money that
is put in (equity, a loan, a prepayment) and is nobody's revenue. Members are all who sell.

    gross = all sales              intra = sales to members, counted again further up
    net   = gross - intra          = what final buyers pay = the sum of the value that members add

A round trip is money that comes back to whom it came from: a maker puts it into a customer, who buys.
How much of the sales it can have paid for is the greatest circulation in the graph (Ford and
Fulkerson, Flows in Networks, 1962): money has no name, so this is the most, not what did happen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from wattmill.core.errors import PlanError

MOST_FLOWS = 400
"""More would not be a chain that a person wrote down."""

Kind = Literal["sale", "stake"]


class Flow(msgspec.Struct, frozen=True):
    """Money from `payer` to `payee` in the period that is looked at."""

    payer: str
    payee: str
    usd: float
    kind: Kind = "sale"


class Circle(msgspec.Struct, frozen=True):
    """Each member pays the next, and the last one the first, `usd`."""

    members: tuple[str, ...]
    usd: float


class Cascade(msgspec.Struct, frozen=True):
    """A chain counted once. All in USD of the period.

    revenue_usd, value_added_usd: by member; value added is sales less purchases in the chain, below 0
    for one who lives on stakes. round_trip_usd: sales that money in a circle can have paid for.
    fresh_usd: net sales less those. circles: one way to lay the round trips out, largest first.
    """

    gross_usd: float
    intra_usd: float
    net_usd: float
    round_trip_usd: float
    fresh_usd: float
    revenue_usd: Mapping[str, float]
    value_added_usd: Mapping[str, float]
    circles: tuple[Circle, ...]


def cascade(flows: Sequence[Flow]) -> Cascade:
    """All of it at once; PlanError for payments that cannot be."""
    circling = _most_circling(flows, [flow.kind == "sale" for flow in _checked(flows)])
    net = net_usd(flows)
    return Cascade(
        gross_usd=gross_usd(flows),
        intra_usd=gross_usd(flows) - net,
        net_usd=net,
        round_trip_usd=_sales(flows, circling),
        fresh_usd=net - _circling_to_final_buyers(flows),
        revenue_usd=revenue_usd(flows),
        value_added_usd=value_added_usd(flows),
        circles=_circles(flows, circling),
    )


def gross_usd(flows: Sequence[Flow]) -> float:
    """The sum of all sales, as if one could add up the layers of a chain."""
    return math.fsum(flow.usd for flow in _checked(flows) if flow.kind == "sale")


def net_usd(flows: Sequence[Flow]) -> float:
    """Sales to those who sell nothing on: each dollar once.

    Machines that a member buys count as purchases of the year, since payments do not say for how
    long they serve.
    """
    members = _members(_checked(flows))
    final = (f.usd for f in flows if f.kind == "sale" and f.payer not in members)
    return math.fsum(final)


def revenue_usd(flows: Sequence[Flow]) -> dict[str, float]:
    """What each member sells, in the order in which they occur."""
    return {
        member: math.fsum(f.usd for f in flows if f.kind == "sale" and f.payee == member)
        for member in _members(_checked(flows))
    }


def value_added_usd(flows: Sequence[Flow]) -> dict[str, float]:
    """Sales of each member less what it pays to other members."""
    return {
        member: sold - math.fsum(f.usd for f in flows if f.kind == "sale" and f.payer == member)
        for member, sold in revenue_usd(flows).items()
    }


def round_trip_usd(flows: Sequence[Flow]) -> float:
    """The most sales that money in a circle can have paid for: its greatest circulation."""
    counts = [flow.kind == "sale" for flow in _checked(flows)]
    return _sales(flows, _most_circling(flows, counts))


def _circling_to_final_buyers(flows: Sequence[Flow]) -> float:
    members = _members(flows)
    counts = [flow.kind == "sale" and flow.payer not in members for flow in flows]
    circling = _most_circling(flows, counts)
    return math.fsum(usd for usd, counted in zip(circling, counts, strict=True) if counted)


def _most_circling(flows: Sequence[Flow], counts: Sequence[bool]) -> list[float]:
    """Of each flow, the part that circles, so that those that count add up to the most.

    max Σ counted x_f, where as much goes into each node as out of it and 0 ≤ x_f ≤ flow.
    Error: the solver's 1e-7 of the largest flow.
    """
    if not any(counts):
        return [0.0] * len(flows)
    from scipy.optimize import linprog  # here: it takes half a second to load
    from scipy.sparse import coo_array

    nodes = {name: i for i, name in enumerate(_names(flows))}
    rows = [i for f in flows for i in (nodes[f.payer], nodes[f.payee])]
    columns = [k for k in range(len(flows)) for _ in range(2)]
    signs = [-1.0, 1.0] * len(flows)
    largest = max(f.usd for f in flows) or 1.0  # so that the solver sees numbers near 1
    found = linprog(
        [-float(c) for c in counts],
        A_eq=coo_array((signs, (rows, columns)), shape=(len(nodes), len(flows))),
        b_eq=[0.0] * len(nodes),
        bounds=[(0.0, f.usd / largest) for f in flows],
        method="highs",
    )
    if not found.success:
        raise PlanError(f"no circulation was found: {found.message}", hint="check the amounts")
    return [float(x) * largest for x in found.x]


def _circles(flows: Sequence[Flow], circling: Sequence[float]) -> tuple[Circle, ...]:
    """A circulation taken apart: walk along it until a node comes again, take that circle out."""
    least = 1e-9 * max(circling, default=0.0)
    left = list(circling)
    found: list[Circle] = []
    while (start := next((k for k, usd in enumerate(left) if usd > least), None)) is not None:
        walk = _circle_from(flows, left, start, least)
        usd = min(left[k] for k in walk)
        for k in walk:
            left[k] -= usd
        is_closed = flows[walk[-1]].payee == flows[walk[0]].payer
        if is_closed and usd > least and any(flows[k].kind == "sale" for k in walk):
            found.append(Circle(tuple(flows[k].payer for k in walk), usd))
    return tuple(sorted(found, key=lambda circle: -circle.usd))


def _circle_from(
    flows: Sequence[Flow], left: Sequence[float], start: int, least: float
) -> list[int]:
    """The flows of a circle that is met when one goes on from flow `start`.

    Where rounding has left no way on, the dead end alone, which its own amount then removes.
    """
    walk, seen = [start], {flows[start].payer: 0}
    while (node := flows[walk[-1]].payee) not in seen:
        seen[node] = len(walk)
        onward = [k for k, f in enumerate(flows) if f.payer == node and left[k] > least]
        if not onward:
            return walk[-1:]
        walk.append(max(onward, key=lambda k: left[k]))
    return walk[seen[node] :]


def _sales(flows: Sequence[Flow], circling: Sequence[float]) -> float:
    pairs = zip(flows, circling, strict=True)
    return math.fsum(usd for flow, usd in pairs if flow.kind == "sale")


def _members(flows: Iterable[Flow]) -> list[str]:
    """Who sells something, in the order in which they occur."""
    return list(dict.fromkeys(flow.payee for flow in flows if flow.kind == "sale"))


def _names(flows: Iterable[Flow]) -> list[str]:
    return list(dict.fromkeys(name for flow in flows for name in (flow.payer, flow.payee)))


def _checked(flows: Sequence[Flow]) -> Sequence[Flow]:
    if not 0 < len(flows) <= MOST_FLOWS:
        raise PlanError(f"{len(flows)} payments are no chain", hint=f"give 1 to {MOST_FLOWS}")
    for flow in flows:
        if not 0 <= flow.usd < math.inf:
            raise PlanError(
                f"{flow.payer} cannot pay {flow.usd} USD", hint="turn the payment round"
            )
        if flow.payer == flow.payee:
            raise PlanError(f"{flow.payer} pays itself", hint="leave it out")
    return flows
