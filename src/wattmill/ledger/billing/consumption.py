"""What a party is billed for: its own requests, and those of the clients that it resells to.

A tenant's own usage is at its own price. What a reseller's clients use is at the price at which the
reseller buys (table ``resale``), with corrections of those requests.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal, or_, select

from wattmill.core.errors import LedgerError
from wattmill.core.money import round_whole
from wattmill.core.records import METERS, Price
from wattmill.ledger import chain, schema
from wattmill.ledger.billing.documents import ClientUsage, Facts, Tally
from wattmill.ledger.periods import Month
from wattmill.ledger.retention.reading import amount_of, meters_of, retired_resale_rows
from wattmill.ledger.retention.tables import retired_resale
from wattmill.ledger.schema import QUARTER_US
from wattmill.ledger.usage import UsageGroup, joined, limbs, merged, usage_seen

Prices = dict[int, Price]


class Resold(Struct, frozen=True):
    """What one client used, at the price of the reseller above it."""

    client: str
    group: UsageGroup


class Consumption(Struct, frozen=True):
    """A month of a party: its own groups in every state, and what its clients were charged."""

    own: tuple[UsageGroup, ...]
    resold: tuple[Resold, ...]

    @property
    def charged(self) -> list[UsageGroup]:
        """All that is rated."""
        own = [group for group in self.own if group.state == "charged"]
        return [*own, *(one.group for one in self.resold)]

    @property
    def absorbed_pusd(self) -> int:
        """What was rated and is not charged, because prepaid credit must not go below zero."""
        return sum(group.absorbed_pusd for group in self.own)

    @property
    def charged_pusd(self) -> int:
        """What was charged to the party as it went, at the price of each request."""
        return sum(group.amount_pusd for group in self.charged)


def consumption(
    connection: Connection, party: str, month: Month, up_to_block: int, prices: Prices
) -> Consumption:
    """What the books knew of a party's month at a block.

    ``LedgerError`` when amounts in the books are not their tokens at their price.
    """
    own_bound = _bound(connection, up_to_block)
    own = usage_seen(connection, month.start_s, month.end_s, party, own_bound)
    resold = _resold(connection, party, month, up_to_block, prices)
    found = Consumption(tuple(own), tuple(resold))
    for group in found.charged:
        require_rated(group, prices)
    return found


def _bound(connection: Connection, up_to_block: int) -> int | None:
    """``None`` when nothing came in later: then the sums by quarter of an hour say the same, however many requests."""
    return None if chain.tail(connection).number <= up_to_block else up_to_block


def charged_between(
    connection: Connection, party: str, start_us: int, end_us: int, up_to_block: int
) -> int:
    """What a party was charged as it went for requests held in ``[start_us, end_us)``, in pUSD."""
    bounds = (start_us / 1e6, end_us / 1e6, party, up_to_block)
    own = usage_seen(connection, *bounds)
    resold = connection.execute(_resold_requests(party, start_us, end_us, up_to_block))
    retired = retired_resale_rows(connection, start_us, end_us, party, up_to_block)
    own_pusd = sum(group.amount_pusd for group in own if group.state == "charged")
    resold_pusd = sum(joined(row[-2:])[0] for row in resold) + sum(map(amount_of, retired))
    return own_pusd + resold_pusd


def has_late(connection: Connection, party: str, month: Month, after_block: int) -> bool:
    """Whether something of a month came into the books after a block."""
    found = (
        _late_own(party, month, after_block),
        _late_resold(party, month, after_block),
        _late_retired(party, month, after_block),
        _late_corrections(party, month, after_block),
    )
    return any(connection.execute(one.limit(1)).first() is not None for one in found)


def _late_own(party: str, month: Month, after_block: int) -> Select[Any]:
    """By the sums of quarters of an hour, which know the last block of each."""
    row = schema.usage_quarter.c
    start, end = (round(at_s * 1e6) // QUARTER_US for at_s in (month.start_s, month.end_s))
    return select(row.quarter).where(
        row.tenant == party, row.quarter >= start, row.quarter < end, row.last_block > after_block
    )


def _late_resold(party: str, month: Month, after_block: int) -> Select[Any]:
    request, resale = schema.request.c, schema.resale.c
    return select(resale.request).where(
        resale.party == party,
        resale.block > after_block,
        resale.request == request.id,
        _is_new(request, month, after_block),
    )


def _late_retired(party: str, month: Month, after_block: int) -> Select[Any]:
    """Requests of clients whose rows are gone and whose invoice was taken back."""
    row = retired_resale.c
    start, end = (round(at_s * 1e6) // QUARTER_US for at_s in (month.start_s, month.end_s))
    return select(row.quarter).where(
        row.party == party, row.quarter >= start, row.quarter < end, row.covered_by > after_block
    )


def _late_corrections(party: str, month: Month, after_block: int) -> Select[Any]:
    correction, resale = schema.correction.c, schema.resale.c
    sold = exists().where(resale.request == correction.request, resale.party == party)
    is_its = or_(correction.tenant == party, sold)
    return select(correction.block).where(_is_new(correction, month, after_block), is_its)


def require_rated(group: UsageGroup, prices: Prices) -> None:
    """``LedgerError`` unless a group's amount is its tokens at its price.

    With a price by more than one token at a time each request was rounded by itself; then they may
    differ by half a pUSD for each.
    """
    price = require_price(prices, group.price)
    products = zip(group.meters, price.meters, strict=True)
    exact = sum(tokens * unit for tokens, unit in products)
    booked = (group.amount_pusd + group.absorbed_pusd) * price.denominator
    if exact == booked:
        return
    may_round = price.denominator > 1 and group.source != "corrected"
    if may_round and abs(exact - booked) * 2 <= group.requests * price.denominator:
        return
    if price.denominator > 1 and group.source == "corrected":
        return
    raise LedgerError(
        f"{group.model} at price {group.price}: its tokens come to "
        f"{round_whole(exact // price.denominator)} pUSD, its entries to "
        f"{group.amount_pusd + group.absorbed_pusd} pUSD",
        place=group.tenant,
        hint="the books were changed from outside: wattmill doctor; do not send this invoice",
    )


def require_price(prices: Prices, version: int | None) -> Price:
    """The price of that number; ``LedgerError`` when the books do not hold it."""
    if version is None or version not in prices:
        raise LedgerError(
            f"the books charge at price {version}, which they do not hold",
            hint="restore the books from a backup; do not send this invoice",
        )
    return prices[version]


# --- what is said about it ------------------------------------------------------------------------


def facts(own: Iterable[UsageGroup], pending: Tally) -> Facts:
    """How a party's own requests ended, and who counted the tokens of those charged."""
    groups = list(own)
    charged = [group for group in groups if group.state == "charged"]
    kinds = ("engine", "counted", "estimated", "corrected")
    by_source = {kind: [g for g in charged if g.source == kind] for kind in kinds}
    return Facts(
        charged=tally(charged),
        waived=tally(group for group in groups if group.state == "waived"),
        voided=tally(group for group in groups if group.state == "void"),
        absorbed=_absorbed(charged),
        pending=pending,
        sources={kind: tally(members) for kind, members in by_source.items() if members},
    )


def tally(groups: Iterable[UsageGroup]) -> Tally:
    """Groups added up."""
    requests = tokens = amount_pusd = 0
    for group in groups:
        requests += group.requests
        tokens += group.tokens
        amount_pusd += group.amount_pusd
    return Tally(requests, tokens, amount_pusd)


def _absorbed(charged: Iterable[UsageGroup]) -> Tally:
    hit = [group for group in charged if group.absorbed_pusd]
    return Tally(0, 0, sum(group.absorbed_pusd for group in hit))


def clients(resold: Iterable[Resold]) -> tuple[ClientUsage, ...]:
    """What each client used, at the reseller's buying price, before tiers."""
    members: dict[str, list[UsageGroup]] = {}
    for one in resold:
        members.setdefault(one.client, []).append(one.group)
    sums = {client: tally(groups) for client, groups in sorted(members.items())}
    return tuple(
        ClientUsage(client, total.requests, total.tokens, total.amount_pusd)
        for client, total in sums.items()
    )


# --- clients of a reseller ------------------------------------------------------------------------


def _resold(
    connection: Connection, party: str, month: Month, up_to_block: int, prices: Prices
) -> list[Resold]:
    start_us, end_us = round(month.start_s * 1e6), round(month.end_s * 1e6)
    bounds = start_us, end_us, up_to_block
    found = connection.execute(_resold_requests(party, *bounds))
    retired = retired_resale_rows(connection, start_us, end_us, party, up_to_block)
    requests = [
        *(_of_requests(party, row) for row in found),
        *(_of_retired(party, row) for row in retired),
    ]
    corrections = connection.execute(_resold_corrections(party, *bounds))
    return [
        *_merged(requests),
        *(_of_correction(party, row, prices) for row in corrections),
    ]


def _merged(resold: Sequence[Resold]) -> list[Resold]:
    """In the order of clients, what is alike as one."""
    by_client: dict[str, list[UsageGroup]] = {}
    for one in resold:
        by_client.setdefault(one.client, []).append(one.group)
    return [
        Resold(client, group)
        for client, groups in sorted(by_client.items())
        for group in merged(groups)
    ]


def _resold_requests(party: str, start_us: int, end_us: int, up_to_block: int) -> Select[Any]:
    row, sold = schema.request.c, schema.resale.c
    alike = (row.tenant, row.model, row.pool, sold.price, row.source)
    figures = (*(row[meter] for meter in METERS), sold.amount_pusd)
    sums = [part for figure in figures for part in limbs(figure)]
    count, first = func.count().label("requests"), func.min(row.held_us).label("first_held_us")
    wanted = (
        *(sold.party == party, row.state == "charged", row.block <= up_to_block),
        *(row.held_us >= start_us, row.held_us < end_us),
    )
    joint = schema.request.join(schema.resale, row.id == sold.request)
    statement = select(*alike, count, first, *sums).select_from(joint).where(*wanted)
    return statement.group_by(*alike).order_by(*alike)


def _resold_corrections(party: str, start_us: int, end_us: int, up_to_block: int) -> Select[Any]:
    row, sold = schema.correction.c, schema.resale.c
    columns = (row.tenant, row.model, row.pool, sold.price, row.held_us)
    joint = schema.correction.join(schema.resale, row.request == sold.request)
    wanted = (
        *(sold.party == party, row.block <= up_to_block),
        *(row.held_us >= start_us, row.held_us < end_us),
    )
    meters = (row[meter] for meter in METERS)
    return select(*columns, *meters).select_from(joint).where(*wanted).order_by(row.block)


def _of_requests(party: str, row: Any) -> Resold:
    *meters, amount_pusd = joined(row[7:])
    group = UsageGroup(
        tenant=party,
        model=row.model,
        pool=row.pool,
        price=row.price,
        source=row.source,
        state="charged",
        requests=row.requests,
        first_held_us=row.first_held_us,
        meters=tuple(meters),
        amount_pusd=amount_pusd,
    )
    return Resold(row.tenant, group)


def _of_retired(party: str, row: Any) -> Resold:
    group = UsageGroup(
        tenant=party,
        model=row.model,
        pool=row.pool or None,
        price=row.price,
        source=row.source,
        state="charged",
        requests=int(row.requests),
        first_held_us=row.first_held_us,
        meters=meters_of(row),
        amount_pusd=amount_of(row),
    )
    return Resold(row.tenant, group)


def _of_correction(party: str, row: Any, prices: Prices) -> Resold:
    meters = tuple(row[5:])
    price = require_price(prices, row.price)
    products = zip(meters, price.meters, strict=True)
    exact = sum(tokens * unit for tokens, unit in products)
    amount_pusd = round_whole(exact) if price.denominator == 1 else exact // price.denominator
    group = UsageGroup(
        tenant=party,
        model=row.model,
        pool=row.pool,
        price=row.price,
        source="corrected",
        state="charged",
        requests=0,
        first_held_us=row.held_us,
        meters=meters,
        amount_pusd=amount_pusd,
    )
    return Resold(row.tenant, group)


def _is_new(row: Any, month: Month, after_block: int) -> ColumnElement[bool]:
    start_us, end_us = round(month.start_s * 1e6), round(month.end_s * 1e6)
    return and_(
        literal(True), row.block > after_block, row.held_us >= start_us, row.held_us < end_us
    )
