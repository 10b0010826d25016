"""Who bills whom: the site its tenants and resellers, a reseller its own clients."""

from datetime import date

import msgspec
from msgspec import Struct
from sqlalchemy import select

from wattmill.catalog import factory as catalog_factory
from wattmill.catalog.factory import Factory, Seller, parse_factory
from wattmill.catalog.names import nearest
from wattmill.core.errors import FactoryError, UsageError
from wattmill.ledger import schema
from wattmill.ledger.identities import country_of
from wattmill.ledger.registry import Registry, TenantRow
from wattmill.ledger.store import Store
from wattmill.ledger.usage import Identity, identity
from wattmill.tariff.tax import Party, Tax, TaxRule, rule_of, tax

ROUNDING = "half_up"


class Parties(Struct, frozen=True):
    """A tenant, who bills it (``issuer``: the reseller above it, ``None`` for the site), and how."""

    tenant: str
    plan: str
    timezone: str
    currency: str
    rounding: str
    issuer: str | None
    seller: Seller
    buyer: Identity
    buyer_country: str | None
    tax_rule: TaxRule | None

    def tax_on(self, day: date) -> Tax:
        """The tax on what is supplied on a day; ``UsageError`` when more must be known to say it."""
        seller = Party(self.seller.country, self.seller.tax_id)
        buyer = Party(self.buyer_country, self.buyer.tax_id)
        return tax(seller, buyer, day, self.tax_rule)


def parties_of(store: Store, registry: Registry, tenant: str) -> Parties:
    """Who stands on a tenant's invoices; ``UsageError`` for an unknown tenant."""
    row = require_tenant(registry, tenant)
    factory = registry.factory()
    spec = written(store, factory, tenant)
    issuer = row.parent
    seller = factory.seller if issuer is None else _reseller(store, factory, issuer)
    country = spec.country if spec else _country(store, tenant)
    own = spec.tax if spec else None
    return Parties(
        tenant=tenant,
        plan=row.plan,
        timezone=row.timezone,
        currency=factory.site.currency,
        rounding=ROUNDING,
        issuer=issuer,
        seller=seller,
        buyer=identity(store, tenant),
        buyer_country=country,
        tax_rule=rule_of(own, country) or rule_of(seller.tax, seller.country),
    )


def require_tenant(registry: Registry, name: str) -> TenantRow:
    """The tenant of that name; ``UsageError`` with the nearest one for any other."""
    rows = {row.name: row for row in registry.tenants()}
    if name not in rows:
        raise UsageError(f"there is no tenant {name!r}", hint=nearest(name, rows))
    return rows[name]


def resellers_of(store: Store, registry: Registry) -> dict[str, str | None]:
    """Every tenant and the reseller above it."""
    return {row.name: row.parent for row in registry.tenants()}


def _country(store: Store, tenant: str) -> str | None:
    with store.reading() as connection:
        return country_of(connection, tenant)


def written(store: Store, factory: Factory, tenant: str) -> catalog_factory.Tenant | None:
    """What the factory file says of a tenant, or said before it was taken out; ``None`` for one that was
    made by a command."""
    found = _of(factory, tenant)
    if found is not None:
        return found
    table = schema.factory_version
    with store.reading() as connection:
        versions = connection.execute(select(table).order_by(table.c.number.desc())).all()
    for version in versions:
        if tenant in version.text:
            try:
                earlier = _of(parse_factory(version.text, version.path), tenant)
            except FactoryError:
                continue
            if earlier is not None:
                return earlier
    return None


def _of(factory: Factory, tenant: str) -> catalog_factory.Tenant | None:
    return next((spec for spec in factory.tenants if spec.name == tenant), None)


def _reseller(store: Store, factory: Factory, name: str) -> Seller:
    """A reseller as a seller: its own name, address and country; the site's terms of payment."""
    spec, about = written(store, factory, name), identity(store, name)
    return msgspec.structs.replace(
        factory.seller,
        name=name,
        address=about.address,
        tax_id=about.tax_id,
        email=about.email,
        country=spec.country if spec else _country(store, name),
        tax=None,
        bank=(),
        collect_with=None,
    )
