"""Who a tenant is: entered for those that are not in the factory file, and erased.

It lies beside the books, so that it can be erased and what was billed stays.
"""

from collections.abc import Iterable

from msgspec.structs import asdict
from sqlalchemy import Connection, delete, insert, select, update

from wattmill.catalog.factory import parse_factory
from wattmill.core.errors import FactoryError, UsageError
from wattmill.ledger import schema
from wattmill.ledger.admission import require_text
from wattmill.ledger.billing.tables import document_buyer
from wattmill.ledger.usage import Identity

_identity = schema.tenant_identity


def country_of(connection: Connection, tenant: str) -> str | None:
    """The country by ISO 3166 that was entered for a tenant."""
    found = select(_identity.c.country).where(_identity.c.tenant == tenant)
    return connection.execute(found).scalar()


def enter_identity(connection: Connection, tenant: str, who: Identity, country: str | None) -> None:
    """Write down who a tenant is, for its next invoices. ``UsageError`` for one that a factory file describes."""
    require_text("tenant", {"name": tenant, "country": country, **asdict(who)})
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

    What it used and was billed stays in the books, under its name there. ``UsageError`` while the factory file says who
    it is: that copy is the site's to change. Older versions of the file, which the books keep, are changed here.
    """
    require_text("tenant", tenant)
    _require_known(connection, tenant)
    _forget_in_files(connection, tenant)
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


def _forget_in_files(connection: Connection, tenant: str) -> None:
    version = schema.factory_version.c
    rows = connection.execute(select(schema.factory_version).order_by(version.number.desc())).all()
    for place, row in enumerate(rows):
        said = _said(row.text, row.path, tenant)
        if said and place == 0:
            raise UsageError(
                f"its address, tax_id or email is in the factory file: {tenant}",
                place=row.path,
                hint="take them out of the file, then wattmill reload, and erase once more",
            )
        if said or said is None:
            forgotten = {"text": _without(row.text, row.path, tenant, said or ())}
            its = version.number == row.number
            connection.execute(update(schema.factory_version).where(its).values(**forgotten))


def _said(text: str, path: str, tenant: str) -> tuple[str, ...] | None:
    """What a factory file says of who a tenant is; ``None`` when it names it and cannot be read any more."""
    if tenant not in text:
        return ()
    try:
        tenants = parse_factory(text, path).tenants
    except FactoryError:
        return None
    own = (spec for spec in tenants if spec.name == tenant)
    said = {word for spec in own for word in (*spec.address, spec.tax_id, spec.email) if word}
    return tuple(sorted(said, key=len, reverse=True))


def _without(text: str, path: str, tenant: str, said: Iterable[str]) -> str:
    """A file without these words; nothing of it where that leaves something of them."""
    for word in said:
        text = text.replace(word, "")
    return text if _said(text, path, tenant) == () else ""


def _put(connection: Connection, tenant: str, values: dict[str, object]) -> None:
    changed = update(_identity).where(_identity.c.tenant == tenant).values(**values)
    if not connection.execute(changed).rowcount:
        connection.execute(insert(_identity).values(tenant=tenant, **values))


def _require_known(connection: Connection, tenant: str) -> None:
    row = schema.tenant.c
    if connection.execute(select(row.name).where(row.name == tenant)).first() is None:
        raise UsageError(f"there is no tenant {tenant!r}", hint="wattmill tenants list")
