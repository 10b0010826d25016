"""A month under the terms of its plan, less what was invoiced of it already: delta rating.

The lines of a month are always rated from all that is known of it. What documents that stand have billed
by the same line is taken off, in tokens, in pUSD and in minor units each; so the documents of a month
together say what one invoice would have said, had everything been known, to the last cent.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

import msgspec
from msgspec import Struct

from wattmill.core.errors import LedgerError
from wattmill.core.money import PUSD_PER_USD, round_to_minor, round_whole
from wattmill.ledger.billing import wording
from wattmill.ledger.billing.consumption import Consumption, Prices
from wattmill.ledger.billing.documents import Line
from wattmill.ledger.periods import Month, month_named
from wattmill.ledger.records import PlanChanged
from wattmill.ledger.usage import UsageGroup
from wattmill.tariff.charges import CLOSING, Charge, Rating
from wattmill.tariff.period import (
    BillingPeriod,
    PlanVersion,
    quantities,
    rate_period,
    rerated,
    spans,
)

ABSORBED = "absorbed"
PERIODIC = {"fee", "seats"}
ALWAYS_US = -(2**63)


class Terms(Struct, frozen=True):
    """What the months of a tenant are rated by: versions of plans and prices, and the plan it is on.

    ``changes``: when it went to another plan, in the order of time.
    """

    versions: tuple[PlanVersion, ...]
    prices: Prices
    plan: str
    changes: tuple[PlanChanged, ...]
    timezone: str
    currency: str
    rounding: str


class Rated(Struct, frozen=True):
    """A line with its exact amount in pUSD; the amounts of ``line`` itself are not yet set."""

    line: Line
    exact_pusd: Fraction


def rate_month(
    terms: Terms, month: Month, used: Consumption, *, drawn_usd: Fraction = Fraction(0)
) -> Rating:
    """The charges of a month. ``drawn_usd``: what earlier months of a commitment have drawn.

    ``LedgerError`` when what it rates is not what was used.
    """
    period = _period(month)
    held = _held(terms, used.charged)
    plans = _plans(terms, held, period)
    names = {name for _, name in held} | {name for name, _ in plans}
    versions = [version for version in terms.versions if version.plan in names]
    try:
        counted = quantities(used.charged, terms.prices)
        rating = rate_period(spans(versions, period, plans), counted, period, drawn_usd=drawn_usd)
    except (ValueError, KeyError) as error:
        raise LedgerError(
            f"{month.name} cannot be rated: {error}", hint="wattmill doctor says what is wrong"
        ) from error
    _require_all_tokens(rating, used)
    return rating


def version_at_end(plan: str, terms: Terms, month: Month) -> PlanVersion:
    """The version of a plan that was in force when a month ended; its last one if none had begun."""
    versions = [version for version in terms.versions if version.plan == plan]
    begun = [version for version in versions if version.valid_from_us < _period(month).end_us]
    return max(begun or versions, key=lambda one: (one.valid_from_us, one.version))


def rate_under(
    version: PlanVersion, terms: Terms, month: Month, used: Iterable[tuple[str | None, Consumption]]
) -> Rating:
    """The usage of each of a version's bands, had the tenant been on that version all month."""
    period = _period(month)
    counted = [
        each
        for band, consumed in used
        for each in rerated(quantities(consumed.charged, terms.prices), version.version, band)
    ]
    whole = msgspec.structs.replace(version, valid_from_us=ALWAYS_US)
    return rate_period(spans([whole], period, [(version.plan, ALWAYS_US)]), counted, period)


def lines_of(rating: Rating, month: Month, absorbed_pusd: int) -> list[Rated]:
    """The lines of a rating, before rounding, and what is not charged of them.

    What credit did not cover was counted at the price of each request; the rating of the month may be
    lower, and no more than it is taken off.
    """
    rated = [Rated(_line(charge, month), charge.amount_pusd) for charge in rating.charges]
    absorbed = min(Fraction(absorbed_pusd), max(rating.usage_pusd, Fraction(0)))
    if absorbed:
        rated.append(Rated(_absorbed(month, absorbed), -absorbed))
    return rated


def outstanding(rated: Iterable[Rated], booked: Sequence[Line], terms: Terms) -> list[Line]:
    """The lines to bill now: what is rated less what is ``booked`` of the same month already."""
    before: dict[str, list[Line]] = {}
    for line in booked:
        before.setdefault(line.key, []).append(line)
    is_late = bool(booked)
    lines = [_rest(one, before.pop(one.key, []), is_late) for one in rounded(rated, terms)]
    undone = [_rest(_emptied(lines_[0]), lines_, is_late) for lines_ in before.values()]
    return [line for line in (*lines, *undone) if _says_something(line)]


def rounded(rated: Iterable[Rated], terms: Terms) -> Iterator[Line]:
    """The lines with their amounts. Each is rounded by itself, but what closes the month with what it closes.

    A minimum of 75.00 fills the usage up to 75.00, and not to 74.99 because each of three lines above
    was rounded up.
    """
    above_pusd = above_minor = 0
    for one in rated:
        pusd = round_whole(one.exact_pusd, "half_even")
        closes = one.line.kind in CLOSING or one.line.kind == ABSORBED
        with_pusd, with_minor = (above_pusd, above_minor) if closes else (0, 0)
        minor = round_to_minor(with_pusd + pusd, terms.currency, terms.rounding) - with_minor
        if one.line.kind not in PERIODIC:
            above_pusd, above_minor = above_pusd + pusd, above_minor + minor
        yield msgspec.structs.replace(one.line, amount_pusd=pusd, amount_minor=minor)


def term_before(terms: Terms, plan: str, month: Month) -> list[Month]:
    """The earlier months of the term of a commitment that a month belongs to; none without one."""
    commitments = [
        version.terms.commitment
        for version in terms.versions
        if version.plan == plan and version.terms.commitment is not None
    ]
    if not commitments or commitments[-1].months == 1 or commitments[-1].starts is None:
        return []
    start, now = _index(commitments[-1].starts), _index(month.name)
    first = start + (now - start) // commitments[-1].months * commitments[-1].months
    return [month_named(_name(index), terms.timezone) for index in range(first, now)]


def has_long_commitment(terms: Terms) -> bool:
    """Whether what one month used changes what another one pays."""
    commitments = (one.terms.commitment for one in terms.versions if one.plan == terms.plan)
    return any(one is not None and one.months > 1 for one in commitments)


# --- rating ---------------------------------------------------------------------------------------


def _period(month: Month) -> BillingPeriod:
    return BillingPeriod(month.name, round(month.start_s * 1e6), round(month.end_s * 1e6))


def _held(terms: Terms, charged: Iterable[UsageGroup]) -> list[tuple[int, str]]:
    """The plans that something was held under, each with its first request, in the order of time."""
    tokens: dict[str, int] = {}
    first_us: dict[str, int] = {}
    for group in charged:
        if group.price is None or group.price not in terms.prices:
            continue
        plan = terms.prices[group.price].plan
        tokens[plan] = tokens.get(plan, 0) + group.tokens
        first_us[plan] = min(first_us.get(plan, group.first_held_us), group.first_held_us)
    return sorted((at_us, plan) for plan, at_us in first_us.items() if tokens[plan])


def _plans(
    terms: Terms, held: Sequence[tuple[int, str]], period: BillingPeriod
) -> list[tuple[str, int]]:
    """The plans that a tenant was on, each from an instant on.

    Changes are recorded. Those of books that are older than such records are seen in the requests alone.
    """
    recorded = [(one.plan, one.from_us) for one in terms.changes if one.from_us < period.end_us]
    until_us = recorded[0][1] if recorded else period.end_us
    seen = [(plan, at_us) for at_us, plan in held if at_us < until_us]
    first = terms.changes[0].was if terms.changes else terms.plan
    first, later = (seen[0][0], seen[1:]) if seen else (first, [])
    return [(first, ALWAYS_US), *later, *recorded]


def _require_all_tokens(rating: Rating, used: Consumption) -> None:
    rated = sum(charge.tokens for charge in rating.charges)
    booked = sum(group.tokens for group in used.charged)
    if rated != booked:
        raise LedgerError(
            f"{rated:,} tokens are rated and {booked:,} are in the books",
            hint="this is a fault of wattmill; do not send this invoice",
        )


def _index(month: str) -> int:
    year, number = month.split("-")
    return int(year) * 12 + int(number) - 1


def _name(index: int) -> str:
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


# --- lines ----------------------------------------------------------------------------------------


def _line(charge: Charge, month: Month) -> Line:
    return Line(
        key="|".join(str(part) for part in charge.key),
        month=month.name,
        kind=charge.kind,
        text=wording.words_of(charge),
        quantity=wording.decimal_of(charge.quantity),
        unit=charge.unit,
        unit_price=wording.decimal_of(charge.unit_price_usd),
        tokens=charge.tokens,
        model=charge.model,
        pool=charge.pool,
        plan=charge.plan,
        plan_version=charge.version,
        meters=charge.meters,
        band=charge.band,
        amount_pusd=0,
        amount_minor=0,
    )


def _absorbed(month: Month, absorbed_pusd: Fraction) -> Line:
    return Line(
        key=ABSORBED,
        month=month.name,
        kind="absorbed",
        text=wording.ABSORBED,
        quantity=wording.decimal_of(-absorbed_pusd / PUSD_PER_USD),
        unit="USD",
        unit_price=Decimal(1),
        amount_pusd=0,
        amount_minor=0,
    )


def _emptied(line: Line) -> Line:
    return msgspec.structs.replace(
        line, quantity=Decimal(0), tokens=0, amount_pusd=0, amount_minor=0
    )


def _rest(line: Line, booked: Sequence[Line], is_late: bool) -> Line:
    return msgspec.structs.replace(
        line,
        quantity=line.quantity - sum((one.quantity for one in booked), Decimal(0)),
        tokens=line.tokens - sum(one.tokens for one in booked),
        amount_pusd=line.amount_pusd - sum(one.amount_pusd for one in booked),
        amount_minor=line.amount_minor - sum(one.amount_minor for one in booked),
        is_late=is_late,
    )


def _says_something(line: Line) -> bool:
    return bool(line.tokens or line.quantity or line.amount_pusd or line.amount_minor)
