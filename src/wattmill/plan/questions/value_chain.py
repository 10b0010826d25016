"""Chains of suppliers: sales counted once, and money that goes in a circle.

A chain is written as payments, one a line or with `;` between them: `->` pays for something, `=>` puts
money in. `OpenAI -> Oracle: 60 GUSD; NVIDIA => OpenAI: 30 GUSD`.
"""

import re
from collections.abc import Sequence
from typing import Annotated

from wattmill.catalog.names import nearest
from wattmill.core.errors import PlanError, UsageError
from wattmill.finance import value_chain
from wattmill.finance.value_chain import Flow
from wattmill.plan.questions.lists import USD, measured, pieces
from wattmill.plan.questions.registry import Found, Input, question
from wattmill.plan.questions.units import short

CHAIN = "Definition: sales to final buyers; national accounts net intermediate sales in this way"
CIRCLES = "Greatest circulation of a graph of payments (Ford and Fulkerson, 1962), by HiGHS"
LONGEST = 200

_PAYMENT = re.compile(r"(?P<payer>[^:]+?)\s*(?P<arrow>->|=>)\s*(?P<payee>[^:]+?)\s*:\s*(?P<usd>.+)")
_ARROWS: dict[str, value_chain.Kind] = {"->": "sale", "=>": "stake"}


def flows_of(text: str) -> tuple[Flow, ...]:
    """Payments as they are written; UsageError for what is none."""
    return tuple(_flow(piece) for piece in pieces(text))


def flows_text(flows: Sequence[Flow]) -> str:
    """Payments as `flows_of` reads them."""
    arrows = {kind: arrow for arrow, kind in _ARROWS.items()}
    return "; ".join(f"{f.payer} {arrows[f.kind]} {f.payee}: {short(f.usd)} USD" for f in flows)


def _flow(text: str) -> Flow:
    found = _PAYMENT.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        hint = "write it like `OpenAI -> Oracle: 60 GUSD`, or => for money that is put in"
        raise UsageError(f"{text[:60]!r} is no payment", hint=hint)
    usd = measured(found["usd"], USD, "payment")
    return Flow(found["payer"], found["payee"], usd, _ARROWS[found["arrow"]])


Flows = Annotated[
    tuple[Flow, ...],
    Input('payments, like "A -> B: 60 GUSD; C => A: 30 GUSD"', kind="flows", find=flows_of,
          written=flows_text),
]  # fmt: skip


@question("market", gives="USD", source="Definition: the sum of all sales")
def gross_sales(flows: Flows) -> float:
    """The sum of all sales of a chain, each dollar as often as it is passed on."""
    return value_chain.gross_usd(flows)


@question("market", gives="USD", source=CHAIN)
def net_sales(flows: Flows) -> float:
    """Sales of a chain to those who sell nothing on: each dollar once."""
    return value_chain.net_usd(flows)


@question("market", gives="%", source=CHAIN)
def double_counting(flows: Flows) -> float:
    """Share of the sum of a chain's sales that is counted again further up."""
    gross = value_chain.gross_usd(flows)
    return 1 - value_chain.net_usd(flows) / gross


@question("market", gives="USD", source=CHAIN)
def value_added(
    flows: Flows, member: Annotated[str, Input("who", kind="member", find=str)]
) -> float:
    """Sales of one member of a chain less what it pays to others of it; below 0 it lives on stakes."""
    added = value_chain.value_added_usd(flows)
    if member not in added:
        raise PlanError(f"{member!r} sells nothing here", hint=nearest(member, added))
    return added[member]


@question("market", gives="USD", source=CIRCLES)
def round_trips(flows: Flows) -> Found:
    """The most sales that money which came from their sellers can have paid for.

    Money has no name: it is a bound, and the circles of the note are one way to reach it.
    """
    found = value_chain.cascade(flows)
    circles = (
        f"{' → '.join((*c.members, c.members[0]))} {short(c.usd)} USD" for c in found.circles[:3]
    )
    return Found(found.round_trip_usd, note="; ".join(circles) or "no money goes in a circle")


@question("market", gives="%", source=CIRCLES)
def round_trip_share(flows: Flows) -> float:
    """Share of the sum of a chain's sales that money in a circle can have paid for."""
    return value_chain.round_trip_usd(flows) / value_chain.gross_usd(flows)


@question("market", gives="USD", source=CIRCLES)
def fresh_sales(flows: Flows) -> float:
    """Sales to final buyers less the most that the chain itself can have put into their hands."""
    return value_chain.cascade(flows).fresh_usd
