"""What a margin report says: frozen records, amounts in whole pUSD."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from wattmill.ledger.cost.attribution import Cost
from wattmill.ledger.cost.schedule import ScheduleName

Verdict = Literal["covered at a load", "beyond full load", "never", "at any load", "unknown"]


class CostView(Struct, frozen=True):
    """The same tokens under one view of what they cost.

    ``zero``: own machines count as free. ``electricity``: they cost what they draw. ``loaded``:
    everything, idleness and overhead too. Cloud charges are in all three. ``uusd_per_mtok`` is per
    million tokens that are charged, ``None`` when there are none. A view that is not ``complete``
    lacks a cost that nobody told us.
    """

    name: str
    cost_pusd: int
    margin_pusd: int
    uusd_per_mtok: int | None
    complete: bool


class TenantMargin(Struct, frozen=True):
    """One tenant. ``attributed`` is what its charged requests caused; ``idle_share`` its part of
    all the rest (idleness, unbilled work, overhead) of the pools that it used."""

    tenant: str
    requests: int
    tokens: int
    revenue_pusd: int
    attributed: Cost
    margin_before_idle_pusd: int
    idle_share: Cost
    margin_pusd: int
    views: tuple[CostView, ...]


class ModelMargin(Struct, frozen=True):
    """One model, by the name that clients ask for; as ``TenantMargin``."""

    model: str
    requests: int
    tokens: int
    revenue_pusd: int
    attributed: Cost
    margin_before_idle_pusd: int
    idle_share: Cost
    margin_pusd: int
    views: tuple[CostView, ...]


class PoolMargin(Struct, frozen=True):
    """One pool; ``None`` is unknown, or does not apply to a cloud.

    ``requests`` and ``tokens`` are of all work, ``revenue_pusd`` of what is charged. ``busy_frac``
    above 1 says that the rates of the pool are too slow. ``energy_pusd`` is before cooling, and
    ``measured_frac`` the share of the time for which a meter was read. ``cost`` is everything, and
    the margin is after it. Values are of the machines at the end of the time.
    """

    pool: str
    own_hardware: bool
    requests: int
    tokens: int
    revenue_pusd: int
    service_s: float
    busy_s: float
    busy_frac: float | None
    measured_frac: float | None
    energy_pusd: int | None
    amortisation_pusd: int | None
    charges_pusd: int
    attributed: Cost
    unbilled: Cost
    idle: Cost
    overhead: Cost
    cost: Cost
    margin_pusd: int
    book_value_pusd: int | None
    market_value_pusd: int | None


class DayMargin(Struct, frozen=True):
    """One day of the site's clock, ``hours`` long (23 or 25 where the clocks change).

    Revenue is of requests held on that day, cost of the work done and the time that passed on it.
    """

    day: date
    hours: float
    requests: int
    tokens: int
    revenue_pusd: int
    attributed: Cost
    unbilled: Cost
    idle: Cost
    overhead: Cost
    cost: Cost
    margin_pusd: int


class ScheduleMargin(Struct, frozen=True):
    """The whole site under one schedule of wear; not ``complete`` where a pool's wear is unknown."""

    schedule: ScheduleName
    amortisation_pusd: int
    cost: Cost
    margin_pusd: int
    uusd_per_mtok: int | None
    complete: bool


class ResellerMargin(Struct, frozen=True):
    """A reseller: what its clients are charged, what it pays for that, and what is left to it."""

    party: str
    requests: int
    sold_pusd: int
    bought_pusd: int
    margin_pusd: int


class BreakEven(Struct, frozen=True):
    """From which load on the price of a plan covers everything that a pool costs.

    For the mix of tokens that tenants had of the pool, or else of the site. ``model`` and ``band``
    (times of the week) are those that the price is for, ``None`` is any. ``price_`` and
    ``marginal_uusd_per_mtok`` are of that mix; marginal is what one more of them costs: electricity
    above idle with cooling, or the cloud's charge. ``busy_frac`` is the share of the pool's time,
    ``tokens_per_month`` what that is in this month. ``never``: every token is sold below what it
    costs. ``beyond full load``: the pool would have to do more than it can.
    """

    pool: str
    plan: str
    price_version: int
    verdict: Verdict
    model: str | None = None
    band: str | None = None
    busy_frac: float | None = None
    tokens_per_month: int | None = None
    price_uusd_per_mtok: int | None = None
    marginal_uusd_per_mtok: int | None = None


class MarginReport(Struct, frozen=True):
    """Revenue less cost of a site from ``start`` to ``until``, with wear by ``schedule``.

    ``cost`` = ``attributed`` to tenants + ``unbilled`` work + ``idle`` + ``overhead`` (PUE loss and
    space), exactly. ``unshared`` is what no tenant bears in the loaded view, because none used own
    machines. Revenue is the site's: what resellers keep is not in it. Costs that are not known are
    left out and named in ``notes``.
    """

    site: str
    month: str
    timezone: str
    schedule: ScheduleName
    start: datetime
    until: datetime
    revenue_pusd: int
    cost: Cost
    margin_pusd: int
    attributed: Cost
    unbilled: Cost
    idle: Cost
    overhead: Cost
    unshared: Cost
    tenants: tuple[TenantMargin, ...]
    models: tuple[ModelMargin, ...]
    pools: tuple[PoolMargin, ...]
    days: tuple[DayMargin, ...]
    schedules: tuple[ScheduleMargin, ...]
    resellers: tuple[ResellerMargin, ...]
    break_even: tuple[BreakEven, ...]
    views: tuple[CostView, ...]
    notes: tuple[str, ...]
