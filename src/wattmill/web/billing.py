"""Everything that issues, credits, receives and corrects: methods of ``web.books.Books``.

Amounts come in as pUSD, days as ISO dates, lines as numbers from 1 on; what comes back is plain records.
"""

import threading
import time
from abc import ABC, abstractmethod
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wattmill.core.errors import UsageError
from wattmill.core.money import pusd_per_minor
from wattmill.ledger.billing import (
    archive,
    buying,
    corrections,
    credit,
    issuing,
    open_items,
    payments,
    repricing,
)
from wattmill.ledger.billing.corrections import CorrectionRow
from wattmill.ledger.billing.credit import Credit
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.billing.issuing import Issue
from wattmill.ledger.billing.open_items import Account
from wattmill.ledger.billing.parties import parties_of, require_tenant
from wattmill.ledger.billing.payments import Payment
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store


class Billing(ABC):
    """The bills of the books. ``Books`` says where they are and who may write."""

    store: Store
    registry: Registry
    _lock: threading.RLock

    @abstractmethod
    def catch_up(self) -> dict[str, Any]:
        """Carry what is durable into the database."""

    @abstractmethod
    def publish(self) -> dict[str, Any]:
        """Have the gateway take over what changed."""

    # --- invoices -----------------------------------------------------------------------------------------------------

    def issue_invoices(self, month: str | None = None, tenant: str | None = None) -> list[Issue]:
        """Make a month final, of all tenants or of one; default: the last month that is over."""
        self.catch_up()
        now_s = time.time()
        with self._lock:
            if tenant is None:
                return issuing.issue_all(self.store, self.registry, month, now_s)
            row = require_tenant(self.registry, tenant)
            name = month or issuing.last_month(row.timezone, now_s)
            return [issuing.issue(self.store, self.registry, tenant, name, now_s)]

    def void_invoice(self, number: str, reason: str) -> Document:
        """Cancel an invoice; the credit note comes back."""
        now_s = time.time()
        with self._lock:
            issued = self._today(number, now_s)
            note = issuing.void(self.store, number, reason=reason, issued=issued, now_s=now_s)
        self.publish()
        return note

    def credit_invoice(self, number: str, lines: dict[str, int | None], reason: str) -> Document:
        """Take lines of an invoice back: by number from 1, so many pUSD, or ``None`` for all that is left."""
        now_s = time.time()
        with self._lock:
            invoice = archive.document(self.store, number)
            amounts = {
                int(line) - 1: None if pusd is None else _minor(pusd, invoice.currency)
                for line, pusd in lines.items()
            }
            issued = self._today(number, now_s)
            note = issuing.credit_lines(
                self.store, number, amounts, reason=reason, issued=issued, now_s=now_s
            )
        self.publish()
        return note

    # --- payments -----------------------------------------------------------------------------------------------------

    def list_accounts(self, tenant: str | None = None) -> list[Account]:
        """What each tenant owes, or one: open invoices with their age, and money not allocated."""
        if tenant is not None:
            require_tenant(self.registry, tenant)
        documents, paid = (
            archive.documents(self.store, tenant),
            payments.payments(self.store, tenant),
        )
        today = datetime.now(UTC).date()
        billed, payers = {one.tenant for one in documents}, {one.tenant for one in paid}
        names = sorted(billed | payers) if tenant is None else [tenant]
        return [open_items.account(name, documents, paid, today) for name in names]

    def list_payments(self, tenant: str | None = None) -> list[Payment]:
        """What came in, went back and was written off."""
        return payments.payments(self.store, tenant)

    def add_payment(
        self,
        tenant: str,
        amount_pusd: int,
        day: str | None = None,
        reference: str = "",
        document: str | None = None,
    ) -> Payment:
        """Enter money that came in; one with a known reference is not entered again."""
        self._require_amount(tenant, amount_pusd)
        self._require_own_document(tenant, document)
        with self._lock, self.store.transaction() as connection:
            return payments.receive(
                connection,
                tenant,
                amount_pusd,
                at_us=_day_us(day),
                reference=reference,
                document=document,
                now_us=_now_us(),
            )

    def return_payment(
        self, tenant: str, amount_pusd: int, of: str | None = None, reference: str = ""
    ) -> Payment:
        """Enter a payment that bounced (``of``), or a refund of what is not allocated."""
        self._require_amount(tenant, amount_pusd)
        with self._lock:
            unallocated = sum(one.unallocated_pusd for one in self.list_accounts(tenant))
            with self.store.transaction() as connection:
                return payments.give_back(
                    connection,
                    tenant,
                    amount_pusd,
                    of=of,
                    unallocated_pusd=unallocated,
                    at_us=_now_us(),
                    reference=reference,
                    now_us=_now_us(),
                )

    def write_off(self, number: str, reason: str) -> Payment:
        """Give up all that is open of an invoice."""
        with self._lock:
            tenant = archive.document(self.store, number).tenant
            (account,) = self.list_accounts(tenant)
            opened = sum(one.open_pusd for one in account.items if one.document == number)
            with self.store.transaction() as connection:
                return payments.write_off(
                    connection,
                    tenant,
                    opened,
                    document=number,
                    open_pusd=opened,
                    reason=reason,
                    now_us=_now_us(),
                )

    # --- prepaid credit -----------------------------------------------------------------------------------------------

    def list_credit(self, tenant: str | None = None) -> list[Credit]:
        """Grants and what is left of them."""
        return credit.credits_of(self.store, tenant)

    def grant_credit(
        self,
        tenant: str,
        amount_pusd: int,
        gift: bool = False,
        priority: int = 0,
        expires: str | None = None,
        reference: str = "",
    ) -> dict[str, Any]:
        """Sell credit (an invoice is issued for it) or give it. ``expires``: the last day on which it counts."""
        parties = parties_of(self.store, self.registry, tenant)
        self._require_amount(tenant, amount_pusd)
        terms: dict[str, Any] = {
            "priority": priority,
            "expires_us": _end_of_us(expires, parties.timezone),
            "reference": reference,
            "now_us": _now_us(),
        }
        invoice = None
        with self._lock, self.store.transaction() as connection:
            if gift:
                granted = credit.grant(
                    connection, tenant, amount_pusd, source="promotional", document=None, **terms
                )
            else:
                granted, invoice = buying.sell(connection, parties, amount_pusd, **terms)
        self.publish()
        return {"credit": granted, "invoice": invoice}

    # --- corrections --------------------------------------------------------------------------------------------------

    def list_corrections(self, tenant: str | None = None) -> list[CorrectionRow]:
        """What was added to requests, or taken off them."""
        return corrections.corrections(self.store, tenant)

    def correct_request(
        self, request: int, meters: dict[str, int] | None, reason: str
    ) -> CorrectionRow:
        """Add tokens to a request by meter; without them, take all of it back."""
        self.catch_up()
        with self._lock, self.store.transaction() as connection:
            return corrections.correct_request(
                connection, self.registry, request, meters, reason=reason, now_us=_now_us()
            )

    def reprice(self, tenant: str, month: str, plan: str, reason: str) -> list[CorrectionRow]:
        """Rate a tenant's month again by another plan, with entries beside those that are there."""
        self.catch_up()
        with self._lock:
            return repricing.reprice(
                self.store, self.registry, tenant, month, plan, reason=reason, now_us=_now_us()
            )

    # --- what is asked for --------------------------------------------------------------------------------------------

    def _require_amount(self, tenant: str, amount_pusd: int) -> None:
        require_tenant(self.registry, tenant)
        buying.require_whole(amount_pusd, self.registry.factory().site.currency)

    def _require_own_document(self, tenant: str, number: str | None) -> None:
        if number is not None and archive.document(self.store, number).tenant != tenant:
            raise UsageError(
                f"{number} is not an invoice of {tenant}", hint="wattmill invoices list"
            )

    def _today(self, number: str, now_s: float) -> date:
        zone = archive.document(self.store, number).period.timezone
        return datetime.fromtimestamp(now_s, ZoneInfo(zone)).date()


def _now_us() -> int:
    return round(time.time() * 1e6)


def _minor(pusd: int, currency: str) -> int:
    buying.require_whole(pusd, currency)
    return pusd // pusd_per_minor(currency)


def _day_us(day: str | None) -> int:
    """Noon of that day, so that no time zone makes it another one; now without a day."""
    if day is None:
        return _now_us()
    return round(datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC).timestamp() * 1e6)


def _end_of_us(day: str | None, timezone: str) -> int | None:
    """The end of a day on a tenant's clock."""
    if day is None:
        return None
    after = date.fromisoformat(day) + timedelta(days=1)
    midnight = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(timezone))
    return round(midnight.timestamp() * 1e6)
