"""The running accounts, held against the requests and open holds that they are the sum of."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import func, select

from wattmill.ledger import schema
from wattmill.ledger.accounts import Balance
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.entries import Hold, Settle
from wattmill.ledger.retention.reading import amount_of, first_retired
from wattmill.ledger.retention.tables import retired_key, retired_resale, retired_usage
from wattmill.ledger.schema import QUARTER_US
from wattmill.ledger.usage import joined, limbs

ROW = schema.request.c


def faults(case: Case) -> Iterator[Fault]:
    yield from _open_and_over(case)
    yield from _held(case)
    yield from _spent(case)
    yield from _drawn(case)


def _open_and_over(case: Case) -> Iterator[Fault]:
    waiting: list[Hold | Settle] = [*case.state.open_holds, *case.state.unconfirmed]
    for request, times in Counter(entry.request for entry in waiting).items():
        place = f"request {request:#x}"
        if times > 1:
            yield Fault(place, "it is open twice")
        is_over = case.connection.execute(select(ROW.id).where(ROW.id == request)).first()
        if is_over or first_retired(case.connection, [request]) is not None:
            yield Fault(place, "it is over, and its hold is still open")


def _held(case: Case) -> Iterator[Fault]:
    parties: Counter[str] = Counter()
    keys: Counter[str] = Counter()
    for hold in case.state.open_holds:
        parties[hold.tenant] += hold.amount_pusd
        keys[hold.key] += hold.amount_pusd
        parties.update({hop.party: hop.amount_pusd for hop in hold.upline})
    for name, balance, due in _pairs(case, parties, keys):
        if balance.held_pusd != due:
            yield Fault(name, f"{balance.held_pusd} pUSD are held, its open holds are {due}")


def _pairs(
    case: Case, parties: Counter[str], keys: Counter[str]
) -> Iterator[tuple[str, Balance, int]]:
    for name, balance in case.state.balances.items():
        yield f"tenant {name}", balance, parties[name]
    for name, balance in case.state.keys.items():
        yield f"key {name}", balance, keys[name]


def _spent(case: Case) -> Iterator[Fault]:
    for name, balance in case.state.balances.items():
        due = _charged(case, balance, ROW.tenant, name) + _resold(case, balance, name)
        due += _retired(case, balance, name)
        due += sum(_waiting(case, balance, name))
        if balance.spent_pusd != due:
            yield _wrong("tenant", name, balance, due)
    for name, balance in case.state.keys.items():
        due = _charged(case, balance, ROW.key, name) + _retired_of_key(case, balance, name)
        settles = (one for one in case.state.unconfirmed if one.key == name)
        due += sum(one.amount_pusd for one in settles if _is_in(one, balance))
        if balance.spent_pusd != due:
            yield _wrong("key", name, balance, due)


def _wrong(kind: str, name: str, balance: Balance, due: int) -> Fault:
    spent = f"{balance.spent_pusd} pUSD are spent in {balance.month.name}"
    return Fault(f"{kind} {name}", f"{spent}, its charges are {due}")


def _charged(case: Case, balance: Balance, column: object, name: str) -> int:
    return _sum(case, limbs(ROW.amount_pusd), balance, column == name)


def _resold(case: Case, balance: Balance, party: str) -> int:
    hop = schema.resale.c
    return _sum(case, limbs(hop.amount_pusd), balance, hop.party == party, hop.request == ROW.id)


def _retired(case: Case, balance: Balance, party: str) -> int:
    """Of requests whose rows are gone: what a tenant is charged, and a reseller for its clients."""
    usage, resale = retired_usage.c, retired_resale.c
    own = select(retired_usage).where(usage.tenant == party, usage.state == "charged")
    resold = select(retired_resale).where(resale.party == party)
    month = balance.month
    first, end = (round(at_s * 1e6) // QUARTER_US for at_s in (month.start_s, month.end_s))
    return sum(
        amount_of(row)
        for statement, quarter in ((own, usage.quarter), (resold, resale.quarter))
        for row in case.connection.execute(statement.where(quarter >= first, quarter < end))
    )


def _retired_of_key(case: Case, balance: Balance, key: str) -> int:
    """The same of a key that nobody has used since."""
    row, start_us = retired_key.c, round(balance.month.start_s * 1e6)
    found = select(row.amount).where(row.key == key, row.start_us == start_us)
    return sum(int(amount) for amount in case.connection.execute(found).scalars())


def _sum(case: Case, figures: tuple, balance: Balance, *wanted: object) -> int:  # type: ignore[type-arg]
    """Of the charged requests whose hold is in the balance's month."""
    start_us, end_us = round(balance.month.start_s * 1e6), round(balance.month.end_s * 1e6)
    sums = [func.coalesce(figure, 0) for figure in figures]
    row = case.connection.execute(
        select(*sums).where(
            ROW.state == "charged",
            ROW.held_us >= start_us,
            ROW.held_us < end_us,
            *wanted,  # type: ignore[arg-type]
        )
    ).one()
    return joined(row)[0]


def _waiting(case: Case, balance: Balance, party: str) -> Iterator[int]:
    """What settlements whose delivery is open charge a party."""
    for settle in case.state.unconfirmed:
        if not _is_in(settle, balance):
            continue
        if settle.tenant == party:
            yield settle.amount_pusd
        yield from (hop.amount_pusd for hop in settle.upline if hop.party == party)


def _is_in(entry: Hold | Settle, balance: Balance) -> bool:
    at_s = entry.at_s if isinstance(entry, Hold) else entry.held_at_s
    return balance.month.start_s <= at_s < balance.month.end_s


def _drawn(case: Case) -> Iterator[Fault]:
    from wattmill.ledger.billing.tables import credit_grant

    grants = {row.id: int(row.amount) for row in case.connection.execute(select(credit_grant))}
    for grant, drawn in case.state.drawn.items():
        if grant not in grants:
            yield Fault(f"grant {grant}", "requests draw on it and it was never granted")
        elif not 0 <= drawn <= grants[grant]:
            yield Fault(f"grant {grant}", f"{drawn} pUSD are drawn of {grants[grant]}")
