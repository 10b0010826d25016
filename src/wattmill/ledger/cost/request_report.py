"""What the report on one request says: frozen records, amounts in whole pUSD."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from wattmill.ledger.cost.attribution import Cost
from wattmill.ledger.cost.request_rows import RequestHop
from wattmill.ledger.cost.schedule import ScheduleName


class MeterCharge(Struct, frozen=True):
    """Tokens of a meter and what they are charged: ``usd_per_mtok`` is exact decimal text."""

    meter: str
    tokens: int
    usd_per_mtok: str
    amount_pusd: int


class RequestHour(Struct, frozen=True):
    """One hour in which the request worked: what the pool cost then, and the request's part.

    ``pool_busy_s`` is the work of all requests in it. ``measured_frac`` is the share of the hour
    for which the pool's meter was read.
    """

    start: datetime
    request_busy_s: float
    pool_busy_s: float
    service_s: float
    measured_frac: float
    amortisation_pusd: int | None
    standing_pusd: int | None
    working_pusd: int | None
    attributed: Cost


class RequestMargin(Struct, frozen=True):
    """Revenue of a request less what it cost.

    ``attributed`` is the sum over its hours and what a cloud charged for it. ``idle_share`` is its
    part of the idleness, unbilled work and overhead of the month so far, rounded down; zero for what
    nobody pays for.
    """

    request: str
    tenant: str
    model: str
    pool: str | None
    state: str
    outcome: str | None
    held: datetime
    ended: datetime
    schedule: ScheduleName
    charges: tuple[MeterCharge, ...]
    resale: tuple[RequestHop, ...]
    revenue_pusd: int
    prefill_tok_s: float | None
    decode_tok_s: float | None
    prefilled_tokens: int
    decoded_tokens: int
    busy_s: float
    hours: tuple[RequestHour, ...]
    charged_to_us_pusd: int
    attributed: Cost
    margin_before_idle_pusd: int
    idle_share: Cost
    margin_pusd: int
