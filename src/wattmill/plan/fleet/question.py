"""What is asked of a fleet, and what of it cannot be."""

from __future__ import annotations

import msgspec
import numpy as np

from wattmill.catalog.names import nearest
from wattmill.core.errors import PlanError
from wattmill.plan.fleet.dominance import undominated
from wattmill.plan.fleet.model import Program, program
from wattmill.plan.fleet.records import (
    RESOURCES,
    Envelope,
    MachineType,
    Market,
    Objective,
    Solver,
)


class Question(msgspec.Struct, frozen=True):
    """What is asked, checked; `types` are those that may be taken."""

    types: tuple[MachineType, ...]
    markets: tuple[Market, ...]
    envelope: Envelope
    objective: Objective
    solver: Solver

    def relaxed(self) -> Question:
        """The same for as many kinds of machines as one likes."""
        free = msgspec.structs.replace(self.envelope, most_kinds=None)
        return msgspec.structs.replace(self, envelope=free)

    def program(self) -> Program:
        """The program that answers it."""
        needed = undominated(self.types, self.envelope, self.objective)
        return program(needed, self.markets, self.envelope, self.objective)


def checked(question: Question) -> None:
    """PlanError for names that are unknown or there twice, figures that cannot be, and a fleet that
    nothing limits."""
    models = [market.model for market in question.markets]
    if not models:
        raise PlanError("no model is sold", hint="give one market or more")
    for market in question.markets:
        _possible_market(market, models)
        if not any(each.model == market.model for each in question.types):
            raise PlanError(
                f"no machine type that fits answers {market.model!r} within its SLO",
                hint="give one that does, a looser SLO, or racks for more kW",
            )
    names = [each.name for each in question.types]
    for each in question.types:
        _possible_type(each, names, models)
        _limited(each, question)
    limits = {name: getattr(question.envelope, name) for name in (*RESOURCES, "most_kinds")}
    for name, limit in (limits | question.envelope.stocks).items():
        if limit is not None and not 0 <= limit < float("inf"):
            raise PlanError(f"{name} = {limit:g} cannot be", hint="give 0 or more, or leave it out")


def _possible_market(market: Market, models: list[str]) -> None:
    if models.count(market.model) > 1:
        raise PlanError(f"{market.model!r} is sold twice", hint="give one market for each model")
    most = float("inf") if market.most_mtok is None else market.most_mtok
    if not (0 <= market.least_mtok <= most and 0 <= market.usd_per_mtok < float("inf")):
        raise PlanError(
            f"{market.model!r}: {market.least_mtok:g} to {most:g} Mtok at {market.usd_per_mtok:g} USD cannot be",
            hint="promised is no more than bought, and a price is 0 or more",
        )


def _possible_type(each: MachineType, names: list[str], models: list[str]) -> None:
    if names.count(each.name) > 1:
        raise PlanError(f"two machine types are called {each.name!r}", hint="rename one of them")
    if each.model not in models:
        raise PlanError(
            f"{each.name!r} answers {each.model!r}, which nobody buys",
            hint=nearest(each.model, models),
        )
    uses = [each.uses.get(stock, 0.0) for stock in each.uses]
    figures = uses + [
        getattr(each, name) for name in (*RESOURCES, "fixed_usd_per_month", "variable_usd_per_mtok")
    ]
    if not (np.isfinite(figures).all() and min(figures) >= 0 and (each.most or 0) >= 0):
        raise PlanError(f"{each.name!r} has a figure that cannot be", hint="all are 0 or more")


def _limited(each: MachineType, question: Question) -> None:
    """Something must end the number of machines."""
    uses = any(
        getattr(question.envelope, name) is not None and getattr(each, name) > 0
        for name in RESOURCES
    ) or any(each.uses.get(stock, 0) > 0 for stock in question.envelope.stocks)
    market = next(m for m in question.markets if m.model == each.model)
    if (
        uses
        or each.most is not None
        or market.most_mtok is not None
        or question.objective == "cost"
    ):
        return
    raise PlanError(
        f"nothing limits how many of {each.name!r} there may be",
        hint="give kw, capital_usd or racks, or the most Mtok that are bought",
    )
