"""Checks the chain of the books with a few lines of ``hashlib``, from rows alone."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from wattmill.core.records import METERS

Row = Mapping[str, Any]
HASHED_OF_A_REQUEST = (
    *("id", "held_us", "ended_us", "tenant", "key", "model", "pool", "price", *METERS),
    *("source", "state", "outcome", "reason", "amount_pusd", "absorbed_pusd"),
)
HASHED_OF_A_RESALE = ("request", "hop", "party", "price", "amount_pusd")


def chain_faults(
    blocks: Sequence[Row], rows: Sequence[Row], resales: Sequence[Row], records: Sequence[Row]
) -> list[str]:
    """Every block follows from the one before it and from its own rows, and no row is without a block."""
    found = []
    before, expected = bytes(32), 1
    requests = _by_block(rows, HASHED_OF_A_REQUEST, "id")
    hops = _by_block(resales, HASHED_OF_A_RESALE, "request", "hop")
    contents = _by_block(records, ("body",), "block")
    for block in blocks:
        number, kind = block["number"], block["kind"]
        if number != expected:
            found.append(f"block {number} comes where {expected} should be")
        inside = requests.pop(number, []), hops.pop(number, [])
        bodies = [body for (body,) in contents.pop(number, [])]
        content = msgspec.msgpack.encode(inside) if kind == "requests" else b"".join(bodies)
        if bool(bodies) == (kind == "requests") or (bodies and any(inside)):
            found.append(f"block {number} has what a block of {kind} does not have")
        if hashlib.sha256(content).digest() != block["digest"]:
            found.append(f"the rows of block {number} are not those that were hashed")
        head = number.to_bytes(8, "big") + block["recorded_us"].to_bytes(8, "big")
        whole = before + head + kind.encode() + block["digest"]
        if hashlib.sha256(whole).digest() != block["hash"]:
            found.append(f"the hash of block {number} does not follow from the one before")
        before, expected = block["hash"], number + 1
    found += [
        f"rows are in block {number}, which is not there" for number in requests | hops | contents
    ]
    return found


def _by_block(rows: Iterable[Row], names: Sequence[str], *order: str) -> dict[int, list[list[Any]]]:
    blocks: dict[int, list[list[Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: tuple(row[name] for name in order)):
        blocks[row["block"]].append([row[name] for name in names])
    return blocks
