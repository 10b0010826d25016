"""What the books must say, as simply as it can be said: a list of requests, and sums over it. It knows no code of ours.

Nothing is kept up to date: every answer is worked out anew from all requests. A *place* is where in the journal a word
on a request was written, ``(segment, number)``; a *view* is which places one has read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

Place = tuple[int, int]
View = Callable[[Place], bool]
Tokens = tuple[int, int]
STATES = {"settle": "settled", "deliver": "charged", "waive": "waived", "void": "void"}


@dataclass
class Party:
    zone: str
    budget: int | None = None
    parent: str | None = None
    prepaid: bool = False


@dataclass
class Grant:
    name: str
    party: str
    amount: int
    priority: int
    start: float
    end: float


@dataclass
class Request:
    key: str
    held_at: float
    price: int
    """The version of the tenant's price; those above it pay the versions behind it."""
    held: dict[str, int]
    """What each on the way up may pay at the most, the tenant first."""
    places: dict[str, Place] = field(default_factory=dict)
    tokens: Tokens = (0, 0)
    charged: dict[str, int] = field(default_factory=dict)
    rated: dict[str, int] = field(default_factory=dict)
    draws: dict[str, int] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return next(iter(self.held))

    def state(self, view: View) -> str | None:
        seen = [kind for kind, place in self.places.items() if view(place)]
        return STATES.get(seen[-1], "held") if seen else None


def everything(_: Place) -> bool:
    return True


def month(at: float, zone: str) -> str:
    return datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%Y-%m")


class Reference:
    def __init__(self, parties: dict[str, Party], keys: dict[str, tuple[str, int | None]]) -> None:
        self.parties, self.keys = parties, keys
        self.prices: list[tuple[int, int, int]] = []
        """pUSD of a token in, of a token out, per so many tokens; a version is its place in the list, from 1."""
        self.requests: dict[int, Request] = {}
        self.grants: list[Grant] = []

    # --- prices ---

    def cost(self, tokens: Tokens, version: int, up: bool = False) -> int:
        """Half a unit is one; ``up``: so is any part of one."""
        into, out, per = self.prices[version - 1]
        amount = tokens[0] * into + tokens[1] * out
        return -(-amount // per) if up else (2 * amount + per) // (2 * per)

    def way_up(self, party: str) -> list[str]:
        above = self.parties[party].parent
        return [party, *(self.way_up(above) if above else [])]

    # --- sums over all requests ---

    def in_state(self, *states: str, view: View = everything) -> list[int]:
        return [n for n, request in self.requests.items() if request.state(view) in states]

    def spent(self, party: str, at: float, view: View = everything) -> int:
        now = month(at, self.parties[party].zone)
        return sum(
            self.requests[n].charged.get(party, 0)
            for n in self.in_state("settled", "charged", view=view)
            if month(self.requests[n].held_at, self.parties[party].zone) == now
        )

    def held(self, party: str, view: View = everything) -> int:
        return sum(self.requests[n].held.get(party, 0) for n in self.in_state("held", view=view))

    def key_money(self, key: str, at: float, view: View = everything) -> tuple[int, int]:
        tenant = self.keys[key][0]
        zone = self.parties[tenant].zone
        of_key = [n for n in self.requests if self.requests[n].key == key]
        spent, held = (
            self.in_state("settled", "charged", view=view),
            self.in_state("held", view=view),
        )
        return (
            sum(
                self.requests[n].charged[tenant]
                for n in of_key
                if n in spent and month(self.requests[n].held_at, zone) == month(at, zone)
            ),
            sum(self.requests[n].held[tenant] for n in of_key if n in held),
        )

    def left(self, grant: Grant, view: View = everything) -> int:
        users = self.in_state("settled", "charged", view=view)
        return grant.amount - sum(self.requests[n].draws.get(grant.name, 0) for n in users)

    def credit(self, party: str, start: float, end: float) -> list[tuple[str, int]]:
        """What is left of each grant that lived at some time between, in the order of use."""
        alive = [g for g in self.grants if g.party == party and g.start <= end and start < g.end]
        alive.sort(key=lambda g: (g.priority, g.end, g.name))
        return [(g.name, self.left(g)) for g in alive]

    # --- what may happen ---

    def refuses(self, key: str, held: dict[str, int], at: float) -> str | None:
        """The first that does not cover it."""
        tenant, budget = self.keys[key]
        if budget is not None and sum(self.key_money(key, at)) + held[tenant] > budget:
            return key
        for name, amount in held.items():
            party = self.parties[name]
            now = self.spent(name, at) + self.held(name)
            if party.budget is not None and now + amount > party.budget:
                return name
            credit = sum(left for _, left in self.credit(name, at, at))
            if party.prepaid and amount > credit - self.held(name):
                return name
        return None

    def hold(self, number: int, key: str, price: int, held: dict[str, int], at: float) -> None:
        self.requests[number] = Request(key, at, price, held)

    def settle(self, number: int, tokens: Tokens, at: float) -> None:
        request = self.requests[number]
        request.tokens = tokens
        for hop, (party, held) in enumerate(request.held.items()):
            rated = self.cost(tokens, request.price + hop)
            credit, now = self.credit(party, request.held_at, at), self.credit(party, at, at)
            charge = rated
            if self.parties[party].prepaid:
                beyond = sum(left for _, left in now) - self.held(party)
                charge = min(rated, held + max(0, beyond), sum(left for _, left in credit))
            request.charged[party], request.rated[party] = charge, rated
        for party, amount in request.charged.items():
            for grant, left in self.credit(party, request.held_at, at):
                request.draws[grant] = min(amount, left)
                amount -= request.draws[grant]

    def written(self, number: int, kind: str, place: Place) -> None:
        assert kind not in self.requests[number].places, f"{number:#x}: a second {kind}"
        self.requests[number].places[kind] = place

    def forget(self, segment: int, durable: int) -> None:
        """The machine died: what was not on disk never was."""
        for number, request in list(self.requests.items()):
            for kind, place in list(request.places.items()):
                if place[0] == segment and place[1] >= durable:
                    del request.places[kind]
                    if kind == "settle":
                        request.tokens, request.charged, request.rated = (0, 0), {}, {}
                        request.draws = {}
            if not request.places:
                del self.requests[number]

    # --- usage ---

    def usage(
        self, view: View, corrections: Iterable[tuple[str, float, Tokens, int]]
    ) -> dict[Any, Any]:
        """By tenant, month and state: requests, tokens in and out, amount and what was absorbed."""
        sums: dict[Any, list[int]] = defaultdict(lambda: [0] * 5)
        for number in self.in_state("charged", "waived", "void", view=view):
            request = self.requests[number]
            tenant, state = request.tenant, request.state(view)
            when = month(request.held_at, self.parties[tenant].zone)
            amount = request.charged.get(tenant, 0)
            values = (1, *request.tokens, amount, request.rated.get(tenant, 0) - amount)
            sums[tenant, when, state] = [
                a + b for a, b in zip(sums[tenant, when, state], values, strict=True)
            ]
        for tenant, at, tokens, amount in corrections:
            name = tenant, month(at, self.parties[tenant].zone), "charged"
            sums[name] = [a + b for a, b in zip(sums[name], (0, *tokens, amount, 0), strict=True)]
        return {name: values for name, values in sums.items() if any(values)}
