"""Prepaid credit: what was bought or given, in the order in which it is used up.

A grant is fixed; what was drawn from it is part of the accounts, and each settlement says what it draws. It may draw
on every grant that was alive at some time between its hold and its settlement: the smaller ``priority`` first, then
what expires sooner, then the smaller id. A hold is covered by what is alive at its moment, and no other request can
take that away: each leaves at least as much of what is alive as is held. Nothing goes below zero.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from wattmill.core.roster import Grant
from wattmill.ledger.entries import Draw


class Drawn(Protocol):
    """What was drawn from each grant: a dict is one."""

    def get(self, grant: str, otherwise: int, /) -> int: ...


class Credit:
    """The grants of one tenant, and what is left of them, in pUSD."""

    def __init__(self, grants: Iterable[Grant], drawn: Drawn) -> None:
        self._grants = sorted(grants, key=_order)
        self._drawn = drawn

    def with_drawn(self, drawn: Drawn) -> "Credit":
        """The same grants under another account of what was drawn."""
        return Credit(self._grants, drawn)

    def available_pusd(self, at_s: float) -> int:
        """What the grants alive at an instant still hold; open holds are not taken off."""
        return sum(left for _, left in self._usable(at_s, at_s))

    def usable_pusd(self, held_at_s: float, at_s: float) -> int:
        """What a request held and settled at these times may draw."""
        return sum(left for _, left in self._usable(held_at_s, at_s))

    def draws(self, amount_pusd: int, held_at_s: float, at_s: float) -> list[Draw]:
        """What a request held and settled at these times takes from each grant: all, or as far as they go."""
        draws = []
        for grant, left in self._usable(held_at_s, at_s):
            if not amount_pusd:
                break
            part = min(amount_pusd, left)
            draws.append(Draw(grant.id, part))
            amount_pusd -= part
        return draws

    def _usable(self, start_s: float, end_s: float) -> Iterator[tuple[Grant, int]]:
        """Grants alive at some time between two instants with something left, in the order of their use."""
        for grant in self._grants:
            left = grant.amount_pusd - self._drawn.get(grant.id, 0)
            if left > 0 and grant.granted_s <= max(start_s, end_s) and not grant.is_over(start_s):
                yield grant, left


def _order(grant: Grant) -> tuple[int, float, str]:
    forever = float("inf")
    return grant.priority, forever if grant.expires_s is None else grant.expires_s, grant.id
