"""Requests that are over, as the tables hold them."""

from collections.abc import Iterable, Sequence
from typing import Any

from wattmill.ledger import schema
from wattmill.ledger.accounts import Finished
from wattmill.ledger.entries import Settle

REQUEST_FIELDS = tuple(column.name for column in schema.request.columns)
RESALE_FIELDS = tuple(column.name for column in schema.resale.columns)
QUARTER_FIELDS = tuple(column.name for column in schema.usage_quarter.columns)
QUARTER_KEY = QUARTER_FIELDS[:7]
QUARTER_SUMS = tuple(set(QUARTER_FIELDS[7:]) - {"first_held_us", "last_block"})

QuarterKey = tuple[str, int, str, str, int, str, str]


def rows_of(
    finished: Sequence[Finished],
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Requests that are over as rows of ``request`` and ``resale`` without their block, in the order of their keys."""
    ordered = sorted(finished, key=lambda item: item.end.request)
    requests = [_request_row(item) for item in ordered]
    resales = [
        (item.end.request, hop, upper.party, upper.price, upper.amount_pusd)
        for item in ordered
        if isinstance(item.end, Settle)
        for hop, upper in enumerate(item.end.upline, start=1)
    ]
    return requests, resales


def _request_row(finished: Finished) -> tuple[Any, ...]:
    end, state, ended_at_s, reason = finished
    when = (_us(end.held_at_s), _us(ended_at_s))
    who = (end.tenant, end.key, end.model, end.pool)
    if isinstance(end, Settle):
        price, outcome, money = end.price, end.outcome, (end.amount_pusd, end.absorbed_pusd)
    else:
        price, outcome, money = None, None, (0, 0)
    usage = (*end.usage.meters, end.usage.source)
    return (end.request, *when, *who, price, *usage, state, outcome, reason, *money)


def quarters_of(rows: Iterable[Sequence[Any]], block: int) -> dict[QuarterKey, list[int]]:
    """Rows of ``request`` of one block (without its number) added up as ``usage_quarter`` holds them."""
    alike: dict[QuarterKey, list[Sequence[Any]]] = {}
    for row in rows:
        _, held_us, _, tenant, _, model, pool, price = row[:8]
        key = (
            tenant,
            held_us // schema.QUARTER_US,
            model,
            pool or "",
            price or 0,
            row[16],
            row[17],
        )
        members = alike.get(key)
        if members is None:
            alike[key] = [row]
        else:
            members.append(row)
    return {key: _sums(list(zip(*members, strict=True)), block) for key, members in alike.items()}


def _sums(columns: Sequence[Sequence[int]], block: int) -> list[int]:
    """How many requests, the first hold, the block, tokens by meter, and money in limbs."""
    amount, absorbed = sum(columns[20]), sum(columns[21])
    money = (*divmod(amount, schema.LIMB), *divmod(absorbed, schema.LIMB))
    return [len(columns[0]), min(columns[1]), block, *map(sum, columns[8:16]), *money]


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
