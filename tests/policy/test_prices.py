"""What a request holds: the dearest price of its route, for the tenant and for each reseller above it."""

from typing import Any

from wattmill.core.records import Price, Usage
from wattmill.core.roster import Key, Model, Pool, Roster, Tenant
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.book import Book
from wattmill.ledger.entries import Entry, Hop, Settle
from wattmill.ledger.entries import Hold as HoldEntry
from wattmill.policy.events import (
    Action,
    Arrived,
    Held,
    Hold,
    PoolView,
    Reject,
    RosterChanged,
    Send,
    View,
)
from wattmill.policy.lifecycle import Lifecycle
from wattmill.policy.routing import covers

OWN = Pool("own", "http://e", "openai", "m", None, 1000.0, 100.0, 1)
CLOUD = Pool(
    "cloud", "http://e", "openai", "m", None, 1000.0, 100.0, 1, cost_input=5, cost_output=5
)
HOUSE = Model("house", ("own", "cloud"))


def price(version: int, plan: str, each: int, plan_version: int, **where: Any) -> Price:
    return Price(version, plan, 0.0, *[each] * 8, plan_version=plan_version, **where)


PRICES = (
    price(1, "retail", 4, 1),
    price(2, "retail", 6, 1, pool="cloud"),
    price(3, "wholesale", 3, 2),
    price(4, "wholesale", 5, 2, pool="cloud"),
    price(5, "clouds", 6, 3, pool="cloud"),
)
CHAIN = (
    Tenant("acme", "retail", "UTC", parent="msp"),
    Tenant("msp", "wholesale", "UTC"),
    Tenant("free", "clouds", "UTC"),
    Tenant("lost", "retail", "UTC", parent="unpriced"),
    Tenant("unpriced", "none", "UTC"),
)


def roster(*prices: Price) -> Roster:
    keys = tuple(Key(tenant.name, "", tenant.name) for tenant in CHAIN)
    return Roster(1, CHAIN, keys, prices, (HOUSE,), (OWN, CLOUD))


def arrive(key: str, *, own_up: bool = True, prices: tuple[Price, ...] = PRICES) -> list[Action]:
    """What follows an arrival, and then an accepted hold: a prompt of 10 and an answer of 20 tokens at the most."""
    lifecycle = Lifecycle()
    view = View(0.0, {"own": PoolView(own_up), "cloud": PoolView(True)})
    lifecycle.on(RosterChanged(0.0, roster(*prices)), view)
    first = lifecycle.on(Arrived(1, 0.0, key, "house", True, 10, 20), view)
    return [*first, *lifecycle.on(Held(1, 0.0), view)]


def test_the_hold_covers_the_dearest_pool_at_every_hop() -> None:
    hold, send = arrive("acme")
    assert hold == Hold(1, "acme", "acme", "house", 2, 30 * 6, (("msp", 4, 30 * 5),))
    assert send == Send(1, "own")


def test_a_plan_for_clouds_is_served_by_clouds_alone() -> None:
    assert arrive("free")[1] == Send(1, "cloud")


def test_a_request_spills_only_where_the_reseller_pays_for_it() -> None:
    """The tenant's 6 would cover the cloud's 5, but it is the reseller who pays us."""
    assert arrive("acme", own_up=False)[1] == Send(1, "cloud")
    cheap = (*PRICES[:3], price(4, "wholesale", 4, 2, pool="cloud"))
    assert not isinstance(arrive("acme", own_up=False, prices=cheap)[1], Send)


def test_a_reseller_without_a_price_stops_its_clients() -> None:
    (refused,) = arrive("lost")
    assert isinstance(refused, Reject)
    assert (refused.error, "'none'" in refused.message) == ("no_price", True)


def test_a_fine_price_covers_a_cost_by_the_same_tokens() -> None:
    assert covers(price(1, "p", 50, 1, denominator=10), CLOUD)
    assert not covers(price(1, "p", 49, 1, denominator=10), CLOUD)


class Line:
    """A journal that remembers."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)


def test_the_charge_is_at_the_price_of_the_pool_that_served_for_every_hop() -> None:
    line = Line()
    book = Book(Accounts(), line, roster(*PRICES))
    upline = (Hop("msp", 4, 150),)
    held = HoldEntry(1, 0.0, "acme", "acme", "house", 2, 180, upline)
    book.hold(
        1, 0.0, tenant="acme", key="acme", model="house", price=2, amount_pusd=180, upline=upline
    )
    assert line.entries == [held]
    book.settle(1, 1.0, "own", Usage(10, output_text=5), "finished")
    settled = line.entries[1]
    assert isinstance(settled, Settle)
    assert (settled.price, settled.amount_pusd) == (1, 15 * 4)
    assert settled.upline == (Hop("msp", 3, 15 * 3),)
