"""A tenant's invoice for a month as the books stand: computed, never stored.

It holds the month itself and, as differences, what became known of months that were invoiced before.
A request belongs to the month of its hold in the tenant's time zone, and comes into the books when it
is over.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from wattmill.core.money import EXPONENTS, pusd_per_minor
from wattmill.ledger import chain
from wattmill.ledger.billing import archive, consumption, credit, rerating
from wattmill.ledger.billing.consumption import Consumption
from wattmill.ledger.billing.documents import (
    Coverage,
    CreditDraw,
    Document,
    Line,
    Period,
    Tally,
)
from wattmill.ledger.billing.parties import Parties, parties_of
from wattmill.ledger.billing.rerating import Terms
from wattmill.ledger.billing.taxes import tax_lines
from wattmill.ledger.periods import Month, month_named
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store
from wattmill.ledger.usage import pending
from wattmill.tariff.charges import FEES, Rating
from wattmill.tariff.tax import Tax


class Bill(Struct, frozen=True):
    """A draft and what it was made from, for those who issue it."""

    document: Document
    month: Month
    number_of_live: int
    is_empty: bool


def draft(store: Store, registry: Registry, tenant: str, month: str, *, issued: date) -> Document:
    """The invoice of a tenant for a month (``2026-11``).

    ``UsageError`` for an unknown tenant or month; ``LedgerError`` when the lines and what is booked
    disagree.
    """
    return bill(store, registry, tenant, month, issued=issued).document


def bill(store: Store, registry: Registry, tenant: str, month: str, *, issued: date) -> Bill:
    """The same, with what issuing it needs to know."""
    parties = parties_of(store, registry, tenant)
    own_month = month_named(month, parties.timezone)
    terms = terms_of(registry, parties)
    waiting = pending(store, own_month.start_s, own_month.end_s, tenant)
    unsettled = Tally(
        len(waiting),
        sum(settle.usage.input_tokens + settle.usage.output_tokens for settle in waiting),
        sum(settle.amount_pusd for settle in waiting),
    )
    with store.reading() as connection:
        return _Draft(connection, parties, terms, own_month, issued).bill(unsettled)


def terms_of(registry: Registry, parties: Parties) -> Terms:
    """What a tenant's months are rated by."""
    return Terms(
        versions=tuple(registry.plan_versions()),
        prices={price.version: price for price in registry.prices()},
        plan=parties.plan,
        changes=registry.plan_changes(parties.tenant),
        timezone=parties.timezone,
        currency=parties.currency,
        rounding=parties.rounding,
    )


class _Draft:
    """One draft on one consistent view of the books."""

    def __init__(
        self, connection: Connection, parties: Parties, terms: Terms, month: Month, issued: date
    ) -> None:
        self._connection = connection
        self._parties = parties
        self._terms = terms
        self._month = month
        self._issued = issued
        self._tail = chain.tail(connection)
        self._live = archive.live_documents(connection, parties.tenant)
        self._consumed: dict[str, Consumption] = {}

    def bill(self, unsettled: Tally) -> Bill:
        months = [*self._late_months(), self._month]
        lines = tuple(line for month in months for line in self._lines(month))
        used = self._used(self._month)
        document = self._document(months, lines, used)
        facts = consumption.facts(used.own, unsettled)
        clients = consumption.clients(used.resold)
        document = msgspec.structs.replace(document, facts=facts, clients=clients)
        return Bill(document, self._month, len(self._live), not lines)

    def _late_months(self) -> list[Month]:
        """Other months that are invoiced, and of which something came in since."""
        covered = archive.covered(self._live)
        always = rerating.has_long_commitment(self._terms)
        months = [
            (month_named(name, self._terms.timezone), bound)
            for name, bound in sorted(covered.items())
            if name != self._month.name
        ]
        party = self._parties.tenant
        return [
            month
            for month, bound in months
            if always or consumption.has_late(self._connection, party, month, bound)
        ]

    def _used(self, month: Month) -> Consumption:
        """Asked for several times, read once: it is one view of the books."""
        found = self._consumed.get(month.name)
        if found is None:
            party, prices = self._parties.tenant, self._terms.prices
            bound = self._tail.number
            found = consumption.consumption(self._connection, party, month, bound, prices)
            self._consumed[month.name] = found
        return found

    def _lines(self, month: Month) -> list[Line]:
        used = self._used(month)
        rating = self._rating(month, used)
        rated = rerating.lines_of(rating, month, used.absorbed_pusd)
        booked = [
            line
            for stored in self._live
            for line in stored.document.lines
            if line.month == month.name and line.kind != "credit"
        ]
        return rerating.outstanding(rated, booked, self._terms)

    def _rating(self, month: Month, used: Consumption) -> Rating:
        drawn_usd = Fraction(0)
        for earlier in rerating.term_before(self._terms, self._parties.plan, month):
            own = self._used(earlier)
            rated = rerating.rate_month(self._terms, earlier, own, drawn_usd=drawn_usd)
            drawn_usd += rated.drawn_usd
        return rerating.rate_month(self._terms, month, used, drawn_usd=drawn_usd)

    # --- the document -----------------------------------------------------------------------------

    def _document(
        self, months: Sequence[Month], lines: tuple[Line, ...], used: Consumption
    ) -> Document:
        parties, terms = self._parties, self._terms
        net = sum(line.amount_minor for line in lines)
        draws = self._draws(lines, net, used)
        credit_minor = sum(draw.amount_minor for draw in draws)
        taxes = tax_lines(lines, credit_minor, self._tax_of, terms.currency, terms.rounding)
        tax = sum(line.amount_minor for line in taxes)
        return Document(
            kind="invoice" if net >= 0 else "credit_note",
            number=f"{parties.tenant}-{self._month.name}",
            status="draft",
            issuer=parties.issuer,
            seller=parties.seller,
            tenant=parties.tenant,
            buyer=parties.buyer,
            period=period_of(self._month, terms.timezone),
            issued=self._issued,
            due=self._issued + timedelta(days=parties.seller.payment_terms_days),
            currency=terms.currency,
            exponent=EXPONENTS[terms.currency],
            rounding=terms.rounding,
            lines=lines,
            credit=draws,
            taxes=taxes,
            net_minor=net,
            taxable_minor=net - credit_minor,
            tax_minor=tax,
            total_minor=net - credit_minor + tax,
            exact_pusd=sum(line.amount_pusd for line in lines),
            coverage=tuple(Coverage(month.name, self._tail.number) for month in months),
            up_to_block=self._tail.number,
            chain_hash=self._tail.hash.hex(),
        )

    def _tax_of(self, month: str) -> Tax:
        timezone = self._terms.timezone
        return self._parties.tax_on(period_of(month_named(month, timezone), timezone).last_day)

    def _draws(
        self, lines: Sequence[Line], net_minor: int, used: Consumption
    ) -> tuple[CreditDraw, ...]:
        grants = credit.standing(self._connection, self._parties.tenant)
        if net_minor <= 0 or not grants:
            return ()
        before = _Before(self, lines, used)
        return credit.plan_draws(
            grants, net_minor, pusd_per_minor(self._terms.currency), before.charged_minor
        )

    def charged_pusd(self, until_us: int) -> int:
        """What was charged as it went in this month before an instant."""
        start_us = round(self._month.start_s * 1e6)
        party, bound = self._parties.tenant, self._tail.number
        return consumption.charged_between(self._connection, party, start_us, until_us, bound)


class _Before:
    """What the lines of a draft came to before an instant, by the share of what was charged as it went.

    What is late is of earlier months; fees are due at the end.
    """

    def __init__(self, owner: _Draft, lines: Sequence[Line], used: Consumption) -> None:
        self._owner = owner
        self._late = sum(line.amount_minor for line in lines if line.month != owner._month.name)
        self._usage = sum(
            line.amount_minor
            for line in lines
            if line.month == owner._month.name and line.kind not in FEES
        )
        self._charged_pusd = used.charged_pusd
        self._net = sum(line.amount_minor for line in lines)
        self._end_us = round(owner._month.end_s * 1e6)

    def charged_minor(self, at_us: int) -> int:
        if at_us >= self._end_us:
            return self._net
        if self._charged_pusd <= 0:
            return max(0, self._late)
        before_pusd = self._owner.charged_pusd(at_us)
        return max(0, self._late + self._usage * before_pusd // self._charged_pusd)


def period_of(month: Month, timezone: str) -> Period:
    """A month as a document prints it."""
    zone = ZoneInfo(timezone)
    start, end = (datetime.fromtimestamp(at_s, zone) for at_s in (month.start_s, month.end_s))
    return Period(month.name, timezone, start, end)
