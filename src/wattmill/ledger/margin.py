"""The margin of a month: what tenants pay less what serving them cost on hardware really paid for.

The month is one of the site's calendar. Cost accrues for the hours that have passed and that the
books know of. Attributed + unbilled + idle + overhead is the cost, to the pUSD, or it is an error.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from wattmill.catalog.factory import Factory, Site
from wattmill.core import roster
from wattmill.core.errors import LedgerError, UsageError
from wattmill.ledger.attribution import Cost, PoolAccount, has_hardware, pool_account
from wattmill.ledger.hardware import US_PER_S, colo_pusd, draw
from wattmill.ledger.periods import Month, month_named
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store
from wattmill.ledger.usage import UsageGroup, books_begin_s, usage

NOTHING = Cost()


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
    all the rest (idleness, unbilled work, overhead), by what it cost on own machines."""

    tenant: str
    requests: int
    tokens: int
    revenue_pusd: int
    attributed: Cost
    margin_before_idle_pusd: int
    idle_share: Cost
    margin_pusd: int
    views: tuple[CostView, ...]


class PoolMargin(Struct, frozen=True):
    """One pool; ``None`` is unknown, or does not apply to a cloud. ``busy_frac`` above 1 says that
    the rates of the pool are too slow. ``energy_pusd`` is before cooling."""

    pool: str
    own_hardware: bool
    requests: int
    tokens: int
    service_s: float
    busy_s: float
    busy_frac: float | None
    energy_pusd: int | None
    amortisation_pusd: int | None
    charges_pusd: int


class MarginReport(Struct, frozen=True):
    """Revenue less cost of a site from ``start`` to ``until``.

    ``cost`` = ``attributed`` to tenants + ``unbilled`` work + ``idle`` + ``overhead`` (PUE loss and
    space), exactly. ``unshared`` is what no tenant bears in the loaded view, because none used own
    machines. Costs that are not known are left out and named in ``notes``.
    """

    site: str
    month: str
    timezone: str
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
    pools: tuple[PoolMargin, ...]
    views: tuple[CostView, ...]
    notes: tuple[str, ...]


class _Window(Struct, frozen=True):
    """The part of a month that cost accrues for, in µs since the epoch."""

    month: Month
    start_us: int
    until_us: int


class _Known(Struct, frozen=True):
    """Whether every own machine's electricity, and its wear, is known."""

    energy: bool
    wear: bool


def margin(
    store: Store,
    registry: Registry,
    factory: Factory,
    pools: Iterable[roster.Pool],
    month_name: str,
    *,
    until_s: float,
) -> MarginReport:
    """The margin of a month (``2026-11``) up to ``until_s``, on the pools of the factory.

    ``pools`` are those of the roster: they carry the rates that requests are attributed by.
    ``UsageError`` for a month that has not begun or a pool without rates.
    """
    month = month_named(month_name, factory.site.timezone)
    if until_s <= month.start_s:
        raise UsageError(f"the month {month.name} has not begun", hint="name one that has")
    groups = usage(store, month.start_s, min(until_s, month.end_s))
    window = _window(month, until_s, books_begin_s(store), groups)
    served = {pool.name: pool for pool in pools}
    span = window.start_us, window.until_us
    accounts = [
        pool_account(spec, factory.site, served.get(spec.name), *span, groups)
        for spec in factory.pools
    ]
    names = sorted({row.name for row in registry.tenants()})
    return _report(factory, window, accounts, groups, names)


def _window(
    month: Month, until_s: float, begin_s: float | None, groups: Iterable[UsageGroup]
) -> _Window:
    """Hours before the books begin were not metered: they are unknown, not idle."""
    start_us = round(month.start_s * US_PER_S)
    until_us = round(min(until_s, month.end_s) * US_PER_S)
    if begin_s is not None:
        begin_us = min(round(begin_s * US_PER_S), until_us)
        start_us = max(start_us, min([begin_us, *(group.first_held_us for group in groups)]))
    return _Window(month, start_us, until_us)


def _report(
    factory: Factory,
    window: _Window,
    accounts: Sequence[PoolAccount],
    groups: Sequence[UsageGroup],
    names: Sequence[str],
) -> MarginReport:
    by_tenant = _attributed(accounts, names)
    attributed = sum(by_tenant.values(), NOTHING)
    unbilled = sum((account.attribution.unbilled for account in accounts), NOTHING)
    idle = sum((account.attribution.idle for account in accounts), NOTHING)
    overhead = _overhead(factory, window, accounts)
    cost = attributed + unbilled + idle + overhead
    _require_whole(cost, accounts, overhead.space_pusd)
    known = _known(accounts)
    rest, unshared = _spread(unbilled + idle + overhead, list(by_tenant.values()))
    tenants = tuple(
        _tenant(name, _charged_to(name, groups), by_tenant[name], share, known)
        for name, share in zip(names, rest, strict=True)
    )
    revenue_pusd = sum(tenant.revenue_pusd for tenant in tenants)
    tokens = sum(tenant.tokens for tenant in tenants)
    timezone = ZoneInfo(factory.site.timezone)
    return MarginReport(
        site=factory.site.name,
        month=window.month.name,
        timezone=factory.site.timezone,
        start=datetime.fromtimestamp(window.start_us / US_PER_S, timezone),
        until=datetime.fromtimestamp(window.until_us / US_PER_S, timezone),
        revenue_pusd=revenue_pusd,
        cost=cost,
        margin_pusd=revenue_pusd - cost.total_pusd,
        attributed=attributed,
        unbilled=unbilled,
        idle=idle,
        overhead=overhead,
        unshared=unshared,
        tenants=tenants,
        pools=tuple(_pool_margin(account) for account in accounts),
        views=_views(revenue_pusd, tokens, cost, known),
        notes=tuple(_notes(factory.site, window, accounts, groups)),
    )


# --- cost and whose it is -------------------------------------------------------------------------


def _attributed(accounts: Iterable[PoolAccount], names: Iterable[str]) -> dict[str, Cost]:
    """What each tenant's charged requests caused, on all pools."""
    costs = dict.fromkeys(names, NOTHING)
    for account in accounts:
        for tenant, cost in account.attribution.tenants.items():
            costs[tenant] += cost
    return costs


def _overhead(factory: Factory, window: _Window, accounts: Iterable[PoolAccount]) -> Cost:
    """What is the site's and nobody's: what cooling and conversion take, and its space."""
    draws = [found for spec in factory.pools if has_hardware(spec) and (found := draw(spec))]
    month_us = round((window.month.end_s - window.month.start_s) * US_PER_S)
    return Cost(
        energy_pusd=sum(account.pue_loss_pusd for account in accounts),
        space_pusd=colo_pusd(factory.site, draws, window.until_us - window.start_us, month_us),
    )


def _require_whole(cost: Cost, accounts: Iterable[PoolAccount], space_pusd: int) -> None:
    """The parts are the cost that the pools had, or ``LedgerError``."""
    whole_pusd = space_pusd + sum(
        (account.hardware.energy_pusd or 0)
        + (account.hardware.amortisation_pusd or 0)
        + account.pue_loss_pusd
        + account.charges_pusd
        for account in accounts
    )
    if cost.total_pusd != whole_pusd:
        raise LedgerError(
            f"the cost is {whole_pusd} pUSD, its parts add up to {cost.total_pusd} pUSD",
            hint="this is a fault of wattmill: please report it with your factory file",
        )


def _spread(rest: Cost, attributed: Sequence[Cost]) -> tuple[list[Cost], Cost]:
    """The rest over the tenants by what they cost on own machines, and what nobody bears."""
    weights = [cost.energy_pusd + cost.amortisation_pusd for cost in attributed]
    if any(weights):
        return rest.split(weights), NOTHING
    return [NOTHING] * len(attributed), rest


def _charged_to(tenant: str, groups: Iterable[UsageGroup]) -> list[UsageGroup]:
    return [group for group in groups if group.tenant == tenant and group.state == "charged"]


def _tenant(
    name: str, charged: Sequence[UsageGroup], attributed: Cost, idle_share: Cost, known: _Known
) -> TenantMargin:
    revenue_pusd = sum(group.amount_pusd for group in charged)
    tokens = sum(group.tokens for group in charged)
    cost = attributed + idle_share
    return TenantMargin(
        tenant=name,
        requests=sum(group.requests for group in charged),
        tokens=tokens,
        revenue_pusd=revenue_pusd,
        attributed=attributed,
        margin_before_idle_pusd=revenue_pusd - attributed.total_pusd,
        idle_share=idle_share,
        margin_pusd=revenue_pusd - cost.total_pusd,
        views=_views(revenue_pusd, tokens, cost, known),
    )


def _pool_margin(account: PoolAccount) -> PoolMargin:
    cost = account.hardware
    return PoolMargin(
        pool=account.spec.name,
        own_hardware=has_hardware(account.spec),
        requests=sum(group.requests for group in account.groups),
        tokens=sum(group.tokens for group in account.groups),
        service_s=cost.service_us / US_PER_S,
        busy_s=account.busy_us / US_PER_S,
        busy_frac=account.busy_us / cost.service_us if cost.service_us else None,
        energy_pusd=cost.energy_pusd,
        amortisation_pusd=cost.amortisation_pusd,
        charges_pusd=account.charges_pusd,
    )


def _views(revenue_pusd: int, tokens: int, cost: Cost, known: _Known) -> tuple[CostView, ...]:
    def view(name: str, cost_pusd: int, complete: bool) -> CostView:
        per_mtok = _per_mtok(cost_pusd, tokens)
        return CostView(name, cost_pusd, revenue_pusd - cost_pusd, per_mtok, complete)

    return (
        view("zero", cost.charges_pusd, True),
        view("electricity", cost.charges_pusd + cost.energy_pusd, known.energy),
        view("loaded", cost.total_pusd, known.energy and known.wear),
    )


def _per_mtok(cost_pusd: int, tokens: int) -> int | None:
    """pUSD per token is µUSD per million tokens; halves go up."""
    return (2 * cost_pusd + tokens) // (2 * tokens) if tokens else None


# --- what is not known ----------------------------------------------------------------------------


def _known(accounts: Iterable[PoolAccount]) -> _Known:
    own = [account.hardware for account in accounts if has_hardware(account.spec)]
    return _Known(
        energy=all(cost.energy_pusd is not None for cost in own),
        wear=all(cost.amortisation_pusd is not None for cost in own),
    )


def _notes(
    site: Site, window: _Window, accounts: Sequence[PoolAccount], groups: Iterable[UsageGroup]
) -> list[str]:
    own = [account for account in accounts if has_hardware(account.spec)]
    of_pools = [note for account in own for note in _pool_notes(account, site)]
    known = {account.spec.name for account in accounts}
    return _window_notes(window, site.timezone) + of_pools + _gone_notes(groups, known)


def _window_notes(window: _Window, timezone: str) -> list[str]:
    notes = []
    if window.start_us > window.month.start_s * US_PER_S:
        begin = _shown(window.start_us, timezone)
        notes.append(f"the books begin {begin}; cost before that is not counted")
    if window.until_us < window.month.end_s * US_PER_S:
        until = _shown(window.until_us, timezone)
        notes.append(f"the month is not over; cost is counted up to {until}")
    return notes


def _shown(at_us: int, timezone: str) -> str:
    return f"{datetime.fromtimestamp(at_us / US_PER_S, ZoneInfo(timezone)):%Y-%m-%d %H:%M %Z}"


def _pool_notes(account: PoolAccount, site: Site) -> list[str]:
    spec, cost, notes = account.spec, account.hardware, []
    if cost.amortisation_pusd is None:
        notes.append(f"{spec.name}: its wear is unknown; give paid_usd")
    elif spec.bought is None:
        notes.append(f"{spec.name}: without the date bought it counts as within its life")
    if cost.energy_pusd is None:
        space = " (and so its space)" if site.colo_usd_per_kw_month else ""
        notes.append(f"{spec.name}: its power{space} is unknown; give idle_w and busy_w")
    if account.busy_us > cost.service_us:
        notes.append(
            f"{spec.name}: at its rates the work took {account.busy_us / 3.6e9:.2f} h of the"
            f" {cost.service_us / 3.6e9:.2f} h in service; shares are scaled to fit,"
            " and the rates are too slow"
        )
    return notes


def _gone_notes(groups: Iterable[UsageGroup], known: set[str]) -> list[str]:
    tokens: defaultdict[str, int] = defaultdict(int)
    for group in groups:
        if group.pool is not None and group.pool not in known:
            tokens[group.pool] += group.tokens
    return [
        f"{pool}: it served {count:,} tokens and is not in the factory file; its cost is unknown"
        for pool, count in sorted(tokens.items())
    ]
