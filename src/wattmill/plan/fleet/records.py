"""What a fleet is chosen from, within what, for what, and what came out."""

from __future__ import annotations

from typing import Literal

import msgspec

Objective = Literal["tokens", "margin", "cost"]
RESOURCES = ("kw", "capital_usd", "racks")
"""What machines use up; fields of MachineType and of Envelope."""


class MachineType(msgspec.Struct, frozen=True):
    """A configuration that is bought as one piece, for one model.

    kw: at the meter, at full load. mtok_per_month: what it can answer in a month at the load that is
    planned, within its SLO. fixed_usd_per_month: whether it works or not (wear, idle power, space);
    variable_usd_per_mtok: what one more million tokens costs. most: how many there are to be had;
    uses: what it takes of a stock that several types share, such as cards one already has. why_not: why
    it cannot stand there at all; empty where it can.
    """

    name: str
    model: str
    kw: float
    capital_usd: float
    racks: float
    mtok_per_month: float
    fixed_usd_per_month: float = 0.0
    variable_usd_per_mtok: float = 0.0
    most: int | None = None
    meets_slo: bool = True
    uses: dict[str, float] = {}
    why_not: str = ""


class Market(msgspec.Struct, frozen=True):
    """A model that is sold: what a million tokens brings, the least that is promised a month, and
    the most that anybody buys. Mtok per month; None is without end."""

    model: str
    usd_per_mtok: float = 0.0
    least_mtok: float = 0.0
    most_mtok: float | None = None


class Envelope(msgspec.Struct, frozen=True):
    """What there is of everything; None is no limit. most_kinds: how many machine types at once;
    stocks: of what machine types use, by name."""

    kw: float | None = None
    capital_usd: float | None = None
    racks: float | None = None
    most_kinds: int | None = None
    stocks: dict[str, float] = {}


class Solver(msgspec.Struct, frozen=True):
    """When to stop: at a relative gap to the bound, or after so many seconds for each solve.

    A tenth of a percent is far below what the figures of machines are worth.
    """

    gap_frac: float = 1e-3
    time_limit_s: float = 20.0


class Chosen(msgspec.Struct, frozen=True):
    """So many of a machine type, and the Mtok a month that they answer."""

    name: str
    model: str
    count: int
    mtok_per_month: float
    kw: float
    capital_usd: float
    racks: float
    fixed_usd_per_month: float
    variable_usd_per_month: float
    revenue_usd_per_month: float


class Shadow(msgspec.Struct, frozen=True):
    """What one more unit of something scarce is worth, in units of the objective.

    relaxed: the dual of the problem where machines may be bought in parts and in as many kinds as
    one likes: the slope, exact for a small step. whole: what `step` more brings with whole machines,
    for each unit of it, and whole_error by how much the gaps of both solves may move that; None where
    it was not asked for. Of a promise it is what one more promised
    Mtok adds, so a negative number is what the promise costs.
    """

    what: str
    unit: str
    used: float
    limit: float
    relaxed: float
    step: float | None = None
    whole: float | None = None
    whole_error: float | None = None

    @property
    def is_scarce(self) -> bool:
        """Whether more of it would be used."""
        return abs(self.relaxed) > 0


class Mix(msgspec.Struct, frozen=True):
    """The best fleet that was found.

    value: of the objective; bound: what no fleet can exceed (or, for cost, go below); gap_frac: how
    far apart they are, and is_proven that this is within what was asked for. relaxed_value: with
    machines in parts. refused: machine types that were not considered, and why.
    """

    objective: Objective
    unit: str
    value: float
    bound: float
    gap_frac: float
    is_proven: bool
    relaxed_value: float
    chosen: tuple[Chosen, ...]
    used: dict[str, float]
    mtok_per_month: dict[str, float]
    revenue_usd_per_month: float
    cost_usd_per_month: float
    shadows: tuple[Shadow, ...]
    refused: tuple[tuple[str, str], ...]

    @property
    def margin_usd_per_month(self) -> float:
        """Revenue less fixed and variable cost."""
        return self.revenue_usd_per_month - self.cost_usd_per_month
