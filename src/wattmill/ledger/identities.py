"""Who a tenant is: entered for those that are not in the factory file, and erased.

It lies beside the books, so that it can be erased and what was billed stays.
"""

from msgspec.structs import asdict
from sqlalchemy import Connection, delete, insert, select, update

from wattmill.core.errors import UsageError
from wattmill.ledger import schema
from wattmill.ledger.billing.tables import document_buyer
from wattmill.ledger.usage import Identity

_identity = schema.tenant_identity


def country_of(connection: Connection, tenant: str) -> str | None:
    """The country by ISO 3166 that was entered for a tenant."""
    found = select(_identity.c.country).where(_identity.c.tenant == tenant)
    return connection.execute(found).scalar()


def enter_identity(connection: Connection, tenant: str, who: Identity, country: str | None) -> None:
    """Write down who a tenant is, for its next invoices. ``UsageError`` for one that a factory file describes."""
    _require_known(connection, tenant)
    row = schema.tenant.c
    from_file = connection.execute(select(row.from_file).where(row.name == tenant)).scalar()
    if from_file:
        raise UsageError(
            f"{tenant} is in the factory file",
            hint="write its address, tax_id, email and country there, then wattmill reload",
        )
    values = {**asdict(who), "address": "\n".join(who.address), "country": country}
    _put(connection, tenant, values)


def erase_identity(connection: Connection, tenant: str, *, documents: bool) -> int:
    """Forget who a tenant is; with ``documents`` also on those that were issued to it. Returns how many of those.

    What it used and was billed stays in the books, under its name there.
    """
    _require_known(connection, tenant)
    _put(connection, tenant, {"address": "", "tax_id": "", "email": "", "country": None})
    if not documents:
        return 0
    issued = schema.document.c
    rows = select(issued.series, issued.number).where(issued.tenant == tenant)
    found = connection.execute(rows).all()
    for series, number in found:
        buyer = document_buyer.c
        connection.execute(
            delete(document_buyer).where(buyer.series == series, buyer.number == number)
        )
    return len(found)


def _put(connection: Connection, tenant: str, values: dict[str, object]) -> None:
    changed = update(_identity).where(_identity.c.tenant == tenant).values(**values)
    if not connection.execute(changed).rowcount:
        connection.execute(insert(_identity).values(tenant=tenant, **values))


def _require_known(connection: Connection, tenant: str) -> None:
    row = schema.tenant.c
    if connection.execute(select(row.name).where(row.name == tenant)).first() is None:
        raise UsageError(f"there is no tenant {tenant!r}", hint="wattmill tenants list")
