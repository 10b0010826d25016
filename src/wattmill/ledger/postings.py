"""Double entry: what each document, payment and credit does to the accounts of the general ledger.

Pure. A debit is positive, a credit negative; the legs of one block add up to zero or it is an error.

    receivable:T   what tenant T owes                cash             money received
    prepaid:T      bought credit of T not yet used   income:usage     rated usage, to the pUSD
    income:fees    minimum, commitment, seats        income:rounding  what rounding of lines added
    income:breakage  bought credit that expired      income:promotion given credit that was used
    tax:J          tax owed to jurisdiction J        bad_debt         what nobody pays any more

What a request is charged is in the subledger ``request``; it comes here when it is invoiced.
"""

from collections.abc import Iterable

from msgspec import Struct

from wattmill.core.errors import LedgerError
from wattmill.core.money import pusd_per_minor
from wattmill.ledger.billing.documents import Document, Line
from wattmill.ledger.records import (
    CreditExpired,
    DebtWrittenOff,
    PaymentReceived,
    PaymentReturned,
    Record,
)
from wattmill.tariff.charges import FEES


class Leg(Struct, frozen=True):
    """One side of a posting: pUSD to an account, a debit positive."""

    account: str
    amount_pusd: int


Legs = tuple[Leg, ...]


def legs_of_document(document: Document) -> Legs:
    """An invoice, or the reverse of one. A reseller's own statements are not in this site's books."""
    if document.issuer is not None:
        return ()
    minor, tenant = pusd_per_minor(document.currency), document.tenant
    legs = [Leg(f"receivable:{tenant}", document.total_minor * minor)]
    for draw in document.credit:
        account = f"prepaid:{tenant}" if draw.source == "bought" else "income:promotion"
        legs.append(Leg(account, draw.amount_minor * minor))
    for line in document.lines:
        legs += _legs_of_line(line, tenant, minor)
    legs += [Leg(f"tax:{tax.jurisdiction}", -tax.amount_minor * minor) for tax in document.taxes]
    return balanced(legs, f"document {document.number}")


def _legs_of_line(line: Line, tenant: str, minor: int) -> list[Leg]:
    if line.kind == "credit":
        return [Leg(f"prepaid:{tenant}", -line.amount_minor * minor)]
    rounding_pusd = line.amount_minor * minor - line.amount_pusd
    income = "income:fees" if line.kind in FEES else "income:usage"
    return [Leg(income, -line.amount_pusd), Leg("income:rounding", -rounding_pusd)]


def legs_of_record(record: Record) -> Legs:
    """What a record other than a document does; most do nothing."""
    match record:
        case PaymentReceived(tenant=tenant, amount_pusd=amount):
            legs = (Leg("cash", amount), Leg(f"receivable:{tenant}", -amount))
        case PaymentReturned(tenant=tenant, amount_pusd=amount):
            legs = (Leg("cash", -amount), Leg(f"receivable:{tenant}", amount))
        case DebtWrittenOff(tenant=tenant, amount_pusd=amount):
            legs = (Leg("bad_debt", amount), Leg(f"receivable:{tenant}", -amount))
        case CreditExpired(tenant=tenant, amount_pusd=amount, source="bought"):
            legs = (Leg(f"prepaid:{tenant}", amount), Leg("income:breakage", -amount))
        case _:
            return ()
    return balanced(legs, type(record).__name__)


def balanced(legs: Iterable[Leg], place: str) -> Legs:
    """The legs by account, those of zero left out; ``LedgerError`` when they do not add up to zero."""
    sums: dict[str, int] = {}
    for leg in legs:
        sums[leg.account] = sums.get(leg.account, 0) + leg.amount_pusd
    if total := sum(sums.values()):
        raise LedgerError(
            f"its postings do not balance: they add up to {total} pUSD",
            place=place,
            hint="this is a fault of wattmill; nothing was booked",
        )
    return tuple(Leg(account, amount) for account, amount in sums.items() if amount)
