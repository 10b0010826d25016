"""A site with tenants, plans and requests that a test can write in a line each, and its whole billing."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from wattmill.catalog.factory import Seller, Tax, Tenant
from wattmill.core.records import METERS, Price, Usage
from wattmill.core.terms import Card, Flat, Graduated, Rate, Terms, Tier, flat_card
from wattmill.ledger import plans
from wattmill.ledger.accounts import AccountsState, Finished
from wattmill.ledger.billing import archive, buying, credit, issuing, payments
from wattmill.ledger.billing.credit import Credit
from wattmill.ledger.billing.documents import Document
from wattmill.ledger.billing.drafts import draft
from wattmill.ledger.billing.issuing import Issue
from wattmill.ledger.billing.open_items import Account, account
from wattmill.ledger.billing.parties import parties_of
from wattmill.ledger.entries import Hop, Settle, Void
from wattmill.ledger.records import PlanChanged
from wattmill.ledger.store import Store
from wattmill.tariff.period import PlanVersion
from wattmill.tariff.prices import request_prices
from wattmill.tariff.rating import PriceBook, rate

PUSD = 10**12
GERMAN_VAT = Tax(Decimal(19), "DE")


def flat(**prices: str) -> Terms:
    """A price for each meter in the currency per Mtok; 1 where none is named."""
    return Terms((flat_card({meter: Decimal(prices.get(meter, "1")) for meter in METERS}),))


def tiered(first: str, above_10: str, **terms: Any) -> Terms:
    """All tokens together: one price up to 10 Mtok, another above."""
    tiers = (Tier(Decimal(10), Decimal(first)), Tier(None, Decimal(above_10)))
    return Terms((Card((Rate(METERS, Graduated(tiers)),)),), **terms)


def only_output(price: str) -> Terms:
    """Output costs, all else is free."""
    rest = tuple(meter for meter in METERS if meter != "output_text")
    rates = (Rate(("output_text",), Flat(Decimal(price))), Rate(rest, Flat(Decimal(0))))
    return Terms((Card(rates),))


def instant(text: str, zone: str = "UTC") -> float:
    """Seconds since the epoch of a wall-clock time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


class World:
    """The store, a registry that says what the test says, and the clock of the test."""

    def __init__(self, directory: Path, url: str | None = None) -> None:
        self.store = Store(directory, write=True, url=url)
        self.now_s = instant("2026-12-01 09:00")
        self.currency = "EUR"
        self._tenants: dict[str, Any] = {}
        self._specs: dict[str, Tenant] = {}
        self.seller = Seller(name="Millrace Compute GmbH")
        self._versions: list[PlanVersion] = []
        self._prices: list[Price] = []
        self._requests = 0

    # --- the registry ---------------------------------------------------------------------------------

    def plan(self, name: str, terms: Terms, valid_from: str | None = None) -> None:
        """A version of a plan, and its request prices."""
        from_s = 0.0 if valid_from is None else instant(valid_from)
        version = len(self._versions) + 1
        self._versions.append(PlanVersion(version, name, round(from_s * 1e6), terms))
        for price in request_prices(name, version, from_s, terms):
            number = len(self._prices) + 1
            self._prices.append(msgspec.structs.replace(price, version=number))

    def tenant(
        self,
        name: str,
        plan: str = "standard",
        *,
        timezone: str = "UTC",
        parent: str | None = None,
        tax: Tax | None = None,
        country: str | None = None,
    ) -> None:
        """A tenant; untaxed, because the seller names no country, unless a tax is given."""
        self._tenants[name] = SimpleNamespace(
            name=name, plan=plan, timezone=timezone, parent=parent
        )
        self._specs[name] = Tenant(name, plan, reseller=parent, tax=tax, country=country)

    def tenants(self) -> list[Any]:
        return list(self._tenants.values())

    def change_plan(self, plan: str, at: str, tenant: str = "acme") -> None:
        """The tenant is on another plan from an instant on."""
        row = self._tenants[tenant]
        with self.store.transaction() as connection:
            plans.change_plan(connection, tenant, row.plan, plan, round(instant(at) * 1e6))
        row.plan = plan

    def plan_changes(self, tenant: str) -> tuple[PlanChanged, ...]:
        with self.store.reading() as connection:
            return plans.plan_changes(connection, tenant)

    def plan_versions(self) -> list[PlanVersion]:
        return self._versions

    def prices(self) -> list[Price]:
        return self._prices

    def factory(self) -> Any:
        site, specs = SimpleNamespace(currency=self.currency), tuple(self._specs.values())
        return SimpleNamespace(site=site, seller=self.seller, tenants=specs)

    # --- traffic --------------------------------------------------------------------------------------

    def serve(
        self,
        at: str,
        output: int = 0,
        *,
        tenant: str = "acme",
        input: int = 0,
        state: str = "charged",
        absorbed_pusd: int = 0,
        model: str = "house-large",
        enter: bool = True,
    ) -> Finished:
        """One request that is over: its tokens in Mtok/1000, that is thousands."""
        self._requests += 1
        held_s = instant(at)
        usage = Usage(input_uncached=input * 1000, output_text=output * 1000)
        who = (tenant, "k_1", model, "l40s")
        if state == "void":
            end: Settle | Void = Void(
                self._requests, held_s + 1, held_s, *who, "engine_failed", usage
            )
        else:
            price = self._price(tenant, model, held_s)
            rated = rate(usage, price)
            ups = (Hop(*self._hop(row, usage, model, held_s)) for row in self._above(tenant))
            money = rated - absorbed_pusd
            end = Settle(
                *(self._requests, held_s + 1, held_s, *who, price.version),
                *(usage, money, "finished", tuple(ups), absorbed_pusd),
            )
        finished = Finished(end, state, held_s + 2)  # type: ignore[arg-type]
        if enter:
            self.enter([finished])
        return finished

    def enter(self, finished: Iterable[Finished]) -> None:
        """One block of requests, recorded now."""
        self.store.load(list(finished), {}, AccountsState(), round(self.now_s * 1e6))

    def _price(self, tenant: str, model: str, at_s: float) -> Price:
        found = PriceBook(self._prices).price(self._tenants[tenant].plan, model, "l40s", at_s)
        assert found is not None
        return found

    def _above(self, tenant: str) -> list[str]:
        parent = self._specs[tenant].reseller
        return [] if parent is None else [parent, *self._above(parent)]

    def _hop(self, party: str, usage: Usage, model: str, at_s: float) -> tuple[str, int, int]:
        price = self._price(party, model, at_s)
        return party, price.version, rate(usage, price)

    # --- billing --------------------------------------------------------------------------------------

    @property
    def now_us(self) -> int:
        return round(self.now_s * 1e6)

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.now_s, ZoneInfo("UTC")).date()

    def draft(self, tenant: str = "acme", month: str = "2026-11") -> Document:
        return draft(self.store, self, tenant, month, issued=self.today)  # type: ignore[arg-type]

    def issue(self, tenant: str = "acme", month: str = "2026-11") -> Issue:
        return issuing.issue(self.store, self, tenant, month, self.now_s)  # type: ignore[arg-type]

    def issued(self, tenant: str = "acme", month: str = "2026-11") -> Document:
        """The document that issuing gives."""
        found = self.issue(tenant, month).document
        assert found is not None
        return found

    def issue_all(self, month: str | None = "2026-11") -> dict[str, Issue]:
        found = issuing.issue_all(self.store, self, month, self.now_s)  # type: ignore[arg-type]
        return {one.tenant: one for one in found}

    def void(self, number: str) -> Document:
        what = {"reason": "wrong address", "issued": self.today, "now_s": self.now_s}
        return issuing.void(self.store, number, **what)  # type: ignore[arg-type]

    def credited(self, number: str, amounts: dict[int, int | None]) -> Document:
        what: Any = {"reason": "a courtesy", "issued": self.today, "now_s": self.now_s}
        return issuing.credit_lines(self.store, number, amounts, **what)

    def pay(self, amount: str, document: str | None = None, reference: str = "") -> None:
        with self.store.transaction() as connection:
            payments.receive(
                connection,
                "acme",
                int(Decimal(amount) * PUSD),
                at_us=self.now_us,
                reference=reference,
                document=document,
                now_us=self.now_us,
            )

    def grant(
        self,
        amount: str,
        *,
        tenant: str = "acme",
        expires: str | None = None,
        priority: int = 0,
        gift: bool = True,
    ) -> Credit:
        """Prepaid credit, given; or sold, with an invoice."""
        terms: Any = {
            "priority": priority,
            "expires_us": None if expires is None else round(instant(expires) * 1e6),
            "reference": "",
            "now_us": self.now_us,
        }
        pusd = int(Decimal(amount) * PUSD)
        with self.store.transaction() as connection:
            if gift:
                return credit.grant(
                    connection, tenant, pusd, source="promotional", document=None, **terms
                )
            parties = parties_of(self.store, self, tenant)  # type: ignore[arg-type]
            return buying.sell(connection, parties, pusd, **terms)[0]

    def left(self, tenant: str = "acme") -> dict[str, str]:
        """What is left of each grant."""
        return {
            one.grant: f"{Decimal(one.remaining_pusd) / PUSD:.2f}"
            for one in credit.credits_of(self.store, tenant)
        }

    def account(self, tenant: str = "acme") -> Account:
        documents = archive.documents(self.store, tenant)
        return account(tenant, documents, payments.payments(self.store, tenant), self.today)

    def balances(self) -> dict[str, str]:
        """The general ledger, from its postings: what is not zero."""
        from sqlalchemy import select

        from wattmill.ledger import schema

        sums: dict[str, int] = {}
        with self.store.reading() as connection:
            for row in connection.execute(select(schema.posting)):
                sums[row.account] = sums.get(row.account, 0) + int(row.amount)
        assert sum(sums.values()) == 0
        return {name: f"{Decimal(pusd) / PUSD:.2f}" for name, pusd in sums.items() if pusd}
