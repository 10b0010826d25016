"""What `wattmill decide` answers, as frozen records.

Amounts are in the currency of the factory file, flows at the ends of months, rates by the year.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from wattmill.plan.studies.demand import Asked
from wattmill.plan.studies.sourced import Sourced

Verdict = Literal["pays", "too late", "never", "nothing is saved"]


class Saved(msgspec.Struct, frozen=True):
    """What a change saves in a month, by how: electricity, work that was waiting, machines that can go, an API's bill.

    idle_frac: of the capacity that becomes free, what nobody uses and no whole machine can leave.
    """

    power_usd: float = 0.0
    waiting_usd: float = 0.0
    machines_usd: float = 0.0
    api_usd: float = 0.0
    machines_less: int = 0
    idle_frac: float = 0.0

    @property
    def usd(self) -> float:
        """All of it."""
        return self.power_usd + self.waiting_usd + self.machines_usd + self.api_usd


class ChangeReport(msgspec.Struct, frozen=True):
    """One `[[change]]`, in the first month in which it works, and over the study.

    speed_up: of the requests that it takes over; None on an API. load: of full load, before and
    after. list_usd_per_month: what the work that is spared would cost at an API's prices, which is
    not what an own machine saves. upkeep: with a month's share of doing it again. break_even: from
    the start, with all repeats. pays_from: the load, in Mtok of output a month of today, from which
    it pays within the study; None: at none up to a hundred times the demand. reached: the month in
    which the demand has grown to that. alone_tok_per_s: of one answer at a time, on the pool, and if
    it shared every layer with a second one over a link.
    """

    name: str
    kind: str
    pool: str
    is_own: bool
    speed_up: float | None
    freed_frac: float
    load_frac: float | None
    load_after_frac: float | None
    saved: Saved
    saved_usd_per_month: float
    list_usd_per_month: float
    upkeep_usd_per_month: float
    once_usd: float
    works_from: str
    break_even_months: float | None
    break_even: str | None
    npv_usd: float
    verdict: Verdict
    because: str
    pays_from_output_mtok: float | None
    reached: str | None
    alone_tok_per_s: dict[str, float]
    flow_usd: tuple[float, ...]
    saved_by_month_usd: tuple[float, ...]
    by_load: tuple[tuple[float, float], ...]


class DecideReport(msgspec.Struct, frozen=True):
    """The whole study, one row for each change of the kind."""

    factory: str
    currency: str
    kind: str
    start: date
    months: int
    discount_frac_per_year: float
    demand: Asked
    changes: tuple[ChangeReport, ...]
    inputs: tuple[Sourced, ...]
    notes: tuple[str, ...]
