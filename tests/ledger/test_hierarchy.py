"""Budgets of keys, tenants and resellers: a request is served only when everybody on its way up covers it."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.records import Price, Usage
from wattmill.core.roster import Grant, Key, Roster, Tenant
from wattmill.ledger.accounts import Accounts, Shortage, decode_state, encode_state
from wattmill.ledger.book import Book, Held, HoldRefused
from wattmill.ledger.entries import MAX_AMOUNT_PUSD, Deliver, Entry, Hold, Hop, Settle

STEADY = settings(derandomize=True, deadline=None, max_examples=300)
PARENTS = {"shop": "reseller", "salon": "reseller", "reseller": "wholesaler", "lone": None}
KEYS = {"k_till": "shop", "k_web": "shop", "k_salon": "salon", "k_lone": "lone"}
PRICES = {1: 5, 2: 3, 3: 2}
"""Of a token: to the shop, to the reseller, to the wholesaler."""


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


NOW_S = at("2026-11-15T12:00")
DECEMBER_S = at("2026-12-01T00:00")


def price(version: int) -> Price:
    return Price(version, f"plan-{version}", 0.0, PRICES[version], *[0] * 7)


def roster(
    budgets: dict[str, int] | None = None,
    zones: dict[str, str] | None = None,
    prepaid: Iterable[str] = (),
    grants: Iterable[Grant] = (),
) -> Roster:
    """Shop and salon buy from a reseller, which buys from a wholesaler; one tenant is alone."""
    budgets, zones = budgets or {}, zones or {}
    names = ["shop", "salon", "lone", "reseller", "wholesaler"]
    tenants = [
        Tenant(
            name,
            "plan",
            zones.get(name, "UTC"),
            budgets.get(name),
            parent=PARENTS.get(name),
            prepaid=name in prepaid,
        )
        for name in names
    ]
    keys = [Key(key, key, tenant, budget_pusd=budgets.get(key)) for key, tenant in KEYS.items()]
    prices = tuple(price(version) for version in PRICES)
    return Roster(1, tuple(tenants), tuple(keys), prices, grants=tuple(grants))


class Desk:
    """A book that is asked for tokens, each at the price of each hop."""

    def __init__(self, roster: Roster) -> None:
        self.entries: list[Entry] = []
        self.book = Book(Accounts(), self, roster)

    @property
    def accounts(self) -> Accounts:
        return self.book.accounts

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)

    def hold(
        self, request: int, tokens: int, key: str = "k_till", at_s: float = NOW_S
    ) -> Shortage | None:
        """What refuses it, if anything does."""
        tenant = KEYS[key]
        above = [Hop("reseller", 2, tokens * PRICES[2]), Hop("wholesaler", 3, tokens * PRICES[3])]
        answer = self.book.hold(
            request,
            at_s,
            tenant=tenant,
            key=key,
            model="house",
            price=1,
            amount_pusd=tokens * PRICES[1],
            upline=tuple(above) if PARENTS[tenant] else (),
        )
        assert isinstance(answer, Held | HoldRefused)
        return answer.shortage if isinstance(answer, HoldRefused) else None

    def settle(self, request: int, tokens: int, at_s: float = NOW_S + 1) -> Settle:
        self.book.settle(request, at_s, "here", Usage(tokens), "finished")
        entry = self.entries[-1]
        assert isinstance(entry, Settle)
        return entry

    def spent(self, at_s: float = NOW_S) -> dict[str, int]:
        parties = {name: self.accounts.balance(name, at_s) for name in (*PARENTS, "wholesaler")}
        keys = {key: self.accounts.key_balance(key, tenant, at_s) for key, tenant in KEYS.items()}
        balances = (parties | keys).items()
        return {name: balance.spent_pusd for name, balance in balances if balance.spent_pusd}

    def held(self, at_s: float = NOW_S) -> dict[str, int]:
        parties = {name: self.accounts.balance(name, at_s) for name in (*PARENTS, "wholesaler")}
        keys = {key: self.accounts.key_balance(key, tenant, at_s) for key, tenant in KEYS.items()}
        balances = (parties | keys).items()
        return {name: balance.held_pusd for name, balance in balances if balance.held_pusd}


# --- the way up -------------------------------------------------------------------------------------------------------


def test_a_request_is_held_and_spent_with_everybody_on_its_way_up_at_their_own_price() -> None:
    desk = Desk(roster())
    desk.hold(1, 10)
    assert desk.held() == {"shop": 50, "k_till": 50, "reseller": 30, "wholesaler": 20}
    entry = desk.settle(1, 7)
    assert entry.amount_pusd == 35
    assert entry.upline == (Hop("reseller", 2, 21), Hop("wholesaler", 3, 14))
    assert desk.held() == {}
    assert desk.spent() == {"shop": 35, "k_till": 35, "reseller": 21, "wholesaler": 14}
    desk.book.waive(1, NOW_S + 2, "crash")
    assert desk.spent() == {}


def test_a_void_frees_the_whole_way_up() -> None:
    desk = Desk(roster())
    desk.hold(1, 10)
    desk.book.void(1, NOW_S + 1, None, "client_gone")
    assert desk.held() == desk.spent() == {}


WAY = ["k_till", "shop", "reseller", "wholesaler"]
TEN = {"k_till": 50, "shop": 50, "reseller": 30, "wholesaler": 20}
"""What ten tokens cost each of them."""


@pytest.mark.parametrize("short", WAY)
def test_each_of_them_alone_can_refuse(short: str) -> None:
    desk = Desk(roster({short: TEN[short] - 1}))
    refused = desk.hold(1, 10)
    assert refused is not None
    assert refused.kind == ("key_budget" if short == "k_till" else "budget")
    said = (refused.account, refused.remaining_pusd, refused.resets_at_s)
    assert said == (short, TEN[short] - 1, DECEMBER_S)
    assert desk.held() == {} and desk.entries == []
    assert Desk(roster(TEN)).hold(1, 10) is None


@pytest.mark.parametrize("first", range(4))
def test_the_first_on_the_way_up_that_does_not_cover_it_is_named(first: int) -> None:
    desk = Desk(roster(dict.fromkeys(WAY[first:], 0)))
    shortage = desk.hold(1, 10)
    assert shortage is not None
    assert shortage.account == WAY[first]


def test_a_budget_above_is_shared_by_all_below() -> None:
    desk = Desk(roster({"reseller": 60}))
    assert desk.hold(1, 10, "k_till") is None
    assert desk.hold(2, 10, "k_salon") is None
    assert desk.hold(3, 1, "k_salon") == Shortage("reseller", "budget", 0, DECEMBER_S)
    assert desk.hold(4, 1000, "k_lone") is None, "who is below nobody is not bound by it"


def test_a_budget_of_one_key_leaves_the_others_alone() -> None:
    desk = Desk(roster({"k_till": 50, "shop": 100}))
    assert desk.hold(1, 10, "k_till") is None
    assert desk.hold(2, 1, "k_till") == Shortage("k_till", "key_budget", 0, DECEMBER_S)
    assert desk.hold(3, 10, "k_web") is None
    assert desk.hold(4, 1, "k_web") == Shortage("shop", "budget", 0, DECEMBER_S)


def test_a_way_up_that_goes_in_a_circle_ends() -> None:
    tenants = (Tenant("a", "plan", "UTC", parent="b"), Tenant("b", "plan", "UTC", parent="a"))
    accounts = Accounts()
    accounts.set_parties(tenants)
    assert accounts.shortage(Hold(1, NOW_S, "a", "k", "m", 1, 10)) is None


def test_an_amount_that_no_entry_can_carry_is_refused_at_every_hop() -> None:
    desk = Desk(roster())
    book = desk.book
    who = {"tenant": "shop", "key": "k_till", "model": "house", "price": 1}
    above = (Hop("reseller", 2, MAX_AMOUNT_PUSD + 1),)
    answer = book.hold(1, NOW_S, **who, amount_pusd=1, upline=above)  # type: ignore[arg-type]
    assert isinstance(answer, HoldRefused)
    assert desk.entries == []


# --- months -----------------------------------------------------------------------------------------------------------

ZONES = {"shop": "America/Los_Angeles", "reseller": "UTC", "wholesaler": "Asia/Tokyo"}


def test_each_has_the_month_of_its_own_calendar() -> None:
    """At noon in Greenwich on the last of November it is December in Tokyo two hours and a half before the others."""
    desk = Desk(roster(zones=ZONES))
    november = at("2026-11-30T14:00")
    desk.hold(1, 10, at_s=november)
    desk.settle(1, 10, november)
    assert desk.spent(november) == {"shop": 50, "k_till": 50, "reseller": 30, "wholesaler": 20}
    assert desk.spent(at("2026-11-30T15:00")) == {"shop": 50, "k_till": 50, "reseller": 30}
    assert desk.spent(at("2026-12-01T00:00")) == {"shop": 50, "k_till": 50}
    assert desk.spent(at("2026-12-01T08:00")) == {}


def test_a_key_has_the_calendar_of_its_tenant() -> None:
    desk = Desk(roster({"k_till": 50}, ZONES))
    shortage = (desk.hold(1, 10, at_s=NOW_S), desk.hold(2, 1, at_s=NOW_S))[1]
    assert shortage is not None
    assert shortage.resets_at_s == at("2026-12-01T00:00", "America/Los_Angeles")


def test_a_charge_counts_where_the_month_of_its_hold_still_runs() -> None:
    desk = Desk(roster(zones=ZONES))
    november, december = at("2026-11-30T14:59"), at("2026-11-30T15:01")
    desk.hold(1, 10, at_s=november)
    desk.hold(2, 10, at_s=december)
    desk.settle(1, 10, december + 1)
    assert desk.spent(december) == {"shop": 50, "k_till": 50, "reseller": 30}
    desk.book.waive(1, december + 2, "crash")
    assert desk.spent(december) == {}


# --- prepaid ----------------------------------------------------------------------------------------------------------


def test_a_prepaid_tenant_pays_no_more_than_its_credit_and_the_rest_is_absorbed() -> None:
    desk = Desk(roster(prepaid=["shop"], grants=[Grant("g", "shop", 60, 1, 0.0)]))
    assert desk.hold(1, 10) is None
    assert desk.hold(2, 3) == Shortage("shop", "credit", 10, DECEMBER_S)
    entry = desk.settle(1, 20)
    assert (entry.amount_pusd, entry.absorbed_pusd) == (60, 40)
    assert entry.upline == (Hop("reseller", 2, 60), Hop("wholesaler", 3, 40))


def test_budget_and_credit_are_both_asked() -> None:
    grants = [Grant("g", "shop", 60, 1, 0.0)]
    desk = Desk(roster({"shop": 55}, prepaid=["shop"], grants=grants))
    assert desk.hold(1, 12) == Shortage("shop", "budget", 55, DECEMBER_S)
    assert desk.hold(2, 11) is None
    desk.settle(2, 11)
    december = DECEMBER_S + 1
    shortage = desk.hold(3, 2, at_s=december)
    assert shortage == Shortage("shop", "credit", 5, at("2027-01-01T00:00")), (
        "no month renews credit"
    )


# --- numbers and properties -------------------------------------------------------------------------------------------


def test_balances_are_not_limited_by_64_bits() -> None:
    """Twenty million yen a month are more pico-yen than fit."""
    accounts = Accounts()
    for request in range(1, 5):
        hop = (Hop("reseller", 2, MAX_AMOUNT_PUSD),)
        who = ("shop", "k_till", "house")
        accounts.apply(Hold(request, NOW_S, *who, 1, MAX_AMOUNT_PUSD, hop))
        settled = (request, NOW_S, NOW_S, *who, "here", 1, Usage(1), MAX_AMOUNT_PUSD, "finished")
        accounts.apply(Settle(*settled, upline=hop))
        accounts.apply(Deliver(request, NOW_S))
    again = Accounts(decode_state(encode_state(accounts.state())))
    assert again.state() == accounts.state()
    assert again.balance("reseller", NOW_S).spent_pusd == 4 * MAX_AMOUNT_PUSD > 2**64


budgets = st.dictionaries(
    st.sampled_from([*WAY, "k_web", "k_salon", "salon"]), st.integers(0, 300), max_size=6
)
deeds = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "hold", "settle", "void", "waive"]),
        st.sampled_from(sorted(KEYS)),
        st.integers(0, 20),
    ),
    max_size=40,
)


@STEADY
@given(budgets, deeds)
def test_no_budget_is_overspent_anywhere_on_the_way_up(
    budgets: dict[str, int], deeds: list[tuple[str, str, int]]
) -> None:
    """As long as no engine generates more than was held; and a hold is refused only for a reason."""
    desk = Desk(roster(budgets))
    tokens_of: dict[int, int] = {}
    for request, (deed, key, tokens) in enumerate(deeds):
        open_holds, unconfirmed = desk.accounts.open_holds, desk.accounts.unconfirmed
        if deed == "hold":
            held, spent = desk.held(), desk.spent()
            cost = {key: tokens * 5, KEYS[key]: tokens * 5}
            if PARENTS[KEYS[key]]:
                cost |= {"reseller": tokens * 3, "wholesaler": tokens * 2}
            short = [
                name
                for name in cost
                if name in budgets
                and held.get(name, 0) + spent.get(name, 0) + cost[name] > budgets[name]
            ]
            shortage = desk.hold(request, tokens, key)
            assert (shortage.account if shortage else None) == (short[0] if short else None)
            tokens_of[request] = tokens
        elif deed == "settle" and open_holds:
            chosen = open_holds[tokens % len(open_holds)].request
            desk.settle(chosen, min(tokens, tokens_of[chosen]))
        elif deed == "void" and open_holds:
            chosen = open_holds[tokens % len(open_holds)].request
            desk.book.void(chosen, NOW_S, None, "x")
        elif deed == "waive" and unconfirmed:
            desk.book.waive(unconfirmed[tokens % len(unconfirmed)].request, NOW_S, "x")
        for name, budget in budgets.items():
            assert desk.held().get(name, 0) + desk.spent().get(name, 0) <= budget
    again = Desk(roster())
    for entry in desk.entries:
        assert again.accounts.apply(entry)
    assert (again.spent(), again.held()) == (desk.spent(), desk.held())
