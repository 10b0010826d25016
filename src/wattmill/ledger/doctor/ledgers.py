"""The general ledger: every posting balances, and is what its record does to the accounts."""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import select

from wattmill.ledger import schema
from wattmill.ledger.billing.archive import stored_documents
from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.postings import Leg, Legs, legs_of_document, legs_of_record
from wattmill.ledger.records import DocumentIssued, decode_record


def faults(case: Case) -> Iterator[Fault]:
    booked = _booked(case)
    for block, legs in booked.items():
        if total := sum(leg.amount_pusd for leg in legs):
            yield Fault(f"block {block}", f"its postings add up to {total} pUSD instead of 0")
    for block, due in _due(case).items():
        if sorted(due, key=_account) != sorted(booked.pop(block, ()), key=_account):
            yield Fault(f"block {block}", "its postings are not what its record does")
    for block in booked:
        yield Fault(f"block {block}", "it has postings and no record that makes any")


def _booked(case: Case) -> dict[int, list[Leg]]:
    found: dict[int, list[Leg]] = defaultdict(list)
    for block, _, account, amount in case.connection.execute(select(schema.posting)):
        found[block].append(Leg(account, int(amount)))
    return dict(found)


def _due(case: Case) -> dict[int, Legs]:
    """What each record and document does to the accounts, where it does anything."""
    due = {}
    documents = {stored.block: stored.document for stored in stored_documents(case.connection)}
    rows = case.connection.execute(select(schema.record.c.block, schema.record.c.body))
    for block, body in rows:
        record = decode_record(body)
        if isinstance(record, DocumentIssued):
            legs = legs_of_document(documents[block]) if block in documents else ()
        else:
            legs = legs_of_record(record)
        if legs:
            due[block] = legs
    return due


def _account(leg: Leg) -> str:
    return leg.account
