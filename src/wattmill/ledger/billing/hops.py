"""Resellers: what each client brings a reseller, what its usage costs it, and what is left at each hop.

Revenue is the client's month under the client's plan, cost is the same usage at the price at which the
reseller buys. What tiers and fees of its own plan take off that, or add to it, is a line of the
reseller's own. The site's revenue is what those pay who have no reseller above them.
"""

from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection

from wattmill.core.money import round_whole
from wattmill.ledger import chain
from wattmill.ledger.billing import rerating
from wattmill.ledger.billing.consumption import Consumption, consumption
from wattmill.ledger.billing.drafts import terms_of
from wattmill.ledger.billing.parties import parties_of, resellers_of
from wattmill.ledger.periods import month_named
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store


class ClientMargin(Struct, frozen=True):
    """One client of a reseller: what it pays and what its usage costs, in pUSD, net of tax."""

    client: str
    revenue_pusd: int
    cost_pusd: int

    @property
    def margin_pusd(self) -> int:
        return self.revenue_pusd - self.cost_pusd


class ResellerMargin(Struct, frozen=True):
    """A reseller's month. ``billed_pusd`` is what it pays in all, ``own_pusd`` what its own requests
    come to at its price, and ``terms_pusd`` what tiers, fees and commitments of its plan add."""

    reseller: str
    month: str
    clients: tuple[ClientMargin, ...]
    own_pusd: int
    terms_pusd: int
    billed_pusd: int

    @property
    def margin_pusd(self) -> int:
        """What its clients pay, less what they cost, with the effect of its own plan's terms."""
        return sum(one.margin_pusd for one in self.clients) - self.terms_pusd

    def as_data(self) -> dict[str, Any]:
        """For JSON: its fields and what follows from them."""
        clients = [
            {**msgspec.structs.asdict(one), "margin_pusd": one.margin_pusd} for one in self.clients
        ]
        fields = msgspec.structs.asdict(self)
        return {**fields, "clients": clients, "margin_pusd": self.margin_pusd}


def hop_margins(store: Store, registry: Registry, month: str) -> list[ResellerMargin]:
    """Every reseller's month; months are those of each party's own calendar."""
    above = resellers_of(store, registry)
    resellers = sorted({name for name in above.values() if name is not None})
    with store.reading() as connection:
        bound = chain.tail(connection).number
        return [
            _margin(connection, store, registry, above, name, month, bound) for name in resellers
        ]


def _margin(
    connection: Connection,
    store: Store,
    registry: Registry,
    above: dict[str, str | None],
    reseller: str,
    month: str,
    bound: int,
) -> ResellerMargin:
    used, billed = _rated(connection, store, registry, reseller, month, bound)
    below = {name: _beneath(above, name) for name, party in above.items() if party == reseller}
    clients = tuple(
        ClientMargin(
            client,
            _rated(connection, store, registry, client, month, bound)[1],
            sum(one.group.amount_pusd for one in used.resold if one.client in names),
        )
        for client, names in below.items()
    )
    own = sum(group.amount_pusd for group in used.own if group.state == "charged")
    terms = billed - own - sum(one.cost_pusd for one in clients)
    return ResellerMargin(reseller, month, clients, own, terms, billed)


def _rated(
    connection: Connection, store: Store, registry: Registry, party: str, month: str, bound: int
) -> tuple[Consumption, int]:
    """What a party used, and what that comes to under its plan, in pUSD."""
    parties = parties_of(store, registry, party)
    terms = terms_of(registry, parties)
    named = month_named(month, parties.timezone)
    used = consumption(connection, party, named, bound, terms.prices)
    lines = rerating.lines_of(rerating.rate_month(terms, named, used), named, used.absorbed_pusd)
    return used, sum(round_whole(one.exact_pusd, "half_even") for one in lines)


def _beneath(above: dict[str, str | None], name: str) -> set[str]:
    """A tenant and all that buy through it."""
    clients = [client for client, party in above.items() if party == name]
    return {name}.union(*(_beneath(above, client) for client in clients))
