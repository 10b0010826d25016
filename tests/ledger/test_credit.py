"""Prepaid credit: used up in order, never twice, never below zero, and always there for what was held on it."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.core.records import Price, Usage
from wattmill.core.roster import Grant, Roster, Tenant
from wattmill.ledger.accounts import Accounts
from wattmill.ledger.book import Book, Held, HoldRefused
from wattmill.ledger.credit import Credit
from wattmill.ledger.entries import Draw, Entry, Hold, Hop, Settle

STEADY = settings(derandomize=True, deadline=None, max_examples=400)
UNIT = Price(1, "plan", 0.0, 1, 0, 0, 0, 0, 0, 0, 0)


def grant(
    name: str, amount: int, priority: int = 1, start: float = 0, end: float | None = None
) -> Grant:
    return Grant(name, "acme", amount, priority, start, end)


def drawn(draws: list[Draw]) -> dict[str, int]:
    return {draw.grant: draw.amount_pusd for draw in draws}


# --- the grants of one tenant -----------------------------------------------------------------------------------------


def test_the_smaller_priority_goes_first_then_what_expires_sooner_then_the_smaller_id() -> None:
    grants = [
        grant("CR-5", 10),
        grant("CR-4", 10),
        grant("CR-3", 10, end=90),
        grant("CR-2", 10, end=80),
        grant("CR-1", 10, priority=0),
        grant("CR-0", 10, priority=2, end=50),
    ]
    draws = Credit(grants, {}).draws(60, 1, 1)
    assert [draw.grant for draw in draws] == ["CR-1", "CR-2", "CR-3", "CR-4", "CR-5", "CR-0"]
    assert {draw.amount_pusd for draw in draws} == {10}


def test_a_draw_ends_where_the_amount_does() -> None:
    credit = Credit([grant("a", 10), grant("b", 10), grant("c", 10)], {"a": 4})
    assert drawn(credit.draws(15, 1, 1)) == {"a": 6, "b": 9}
    assert credit.draws(0, 1, 1) == []


def test_what_the_credit_does_not_cover_is_not_drawn() -> None:
    credit = Credit([grant("a", 10), grant("b", 5)], {})
    assert drawn(credit.draws(100, 1, 1)) == {"a": 10, "b": 5}


@pytest.mark.parametrize(
    ("at_s", "available"), [(9.9, 0), (10, 100), (19.9, 100), (20, 0)], ids=str
)
def test_credit_is_alive_from_its_grant_until_the_moment_it_expires(
    at_s: float, available: int
) -> None:
    credit = Credit([grant("a", 100, start=10, end=20)], {})
    assert credit.available_pusd(at_s) == available
    assert drawn(credit.draws(1, at_s, at_s)) == ({"a": 1} if available else {})


@pytest.mark.parametrize(
    ("held_s", "settled_s", "may"),
    [(5, 9, False), (5, 10, True), (5, 30, True), (19, 30, True), (20, 30, False), (12, 11, True)],
)
def test_a_request_may_draw_on_what_was_alive_while_it_ran(
    held_s: float, settled_s: float, may: bool
) -> None:
    credit = Credit([grant("a", 100, start=10, end=20)], {})
    assert bool(credit.draws(1, held_s, settled_s)) is may
    assert credit.usable_pusd(held_s, settled_s) == (100 if may else 0)


grants = st.lists(
    st.builds(
        lambda number, amount, priority, start, length: grant(
            f"CR-{number}", amount, priority, start, start + length if length else None
        ),
        st.integers(0, 9),
        st.integers(0, 50),
        st.integers(0, 2),
        st.integers(0, 20),
        st.integers(0, 20),
    ),
    max_size=5,
    unique_by=lambda grant: grant.id,
)


@STEADY
@given(grants, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 40), st.integers(0, 10))))
def test_draws_are_exact_in_order_and_never_below_zero(
    grants: list[Grant], requests: list[tuple[int, int, int]]
) -> None:
    left = {grant.id: grant.amount_pusd for grant in grants}
    taken: dict[str, int] = {}
    credit = Credit(grants, taken)
    for amount, held_s, lasted_s in requests:
        usable = credit.usable_pusd(held_s, held_s + lasted_s)
        draws = credit.draws(amount, held_s, held_s + lasted_s)
        assert sum(draw.amount_pusd for draw in draws) == min(amount, usable)
        assert all(draw.amount_pusd > 0 for draw in draws)
        for draw in draws:
            left[draw.grant] -= draw.amount_pusd
            taken[draw.grant] = taken.get(draw.grant, 0) + draw.amount_pusd
        emptied = [left[draw.grant] for draw in draws[:-1]]
        assert not any(emptied), "the next was begun before the one before it was used up"
    assert min(left.values(), default=0) >= 0


# --- in the accounts --------------------------------------------------------------------------------------------------


@dataclass
class Till:
    """A book whose prepaid tenant pays one pUSD for each token."""

    grants: list[Grant]
    parents: tuple[Tenant, ...] = ()
    entries: list[Entry] = field(default_factory=list)
    prepaid: bool = True

    def __post_init__(self) -> None:
        self.book = Book(Accounts(), self, self.roster)

    @property
    def roster(self) -> Roster:
        tenant = Tenant("acme", "plan", "UTC", prepaid=self.prepaid)
        return Roster(1, (tenant, *self.parents), prices=(UNIT,), grants=tuple(self.grants))

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        return len(self.entries)

    def hold(self, request: int, amount: int, at_s: float, above: tuple[Hop, ...] = ()) -> bool:
        who = {"tenant": "acme", "key": "k", "model": "m", "price": 1}
        answer = self.book.hold(request, at_s, **who, amount_pusd=amount, upline=above)  # type: ignore[arg-type]
        return isinstance(answer, Held)

    def settle(self, request: int, tokens: int, at_s: float) -> Settle:
        self.book.settle(request, at_s, "a", Usage(tokens), "finished")
        entry = self.entries[-1]
        assert isinstance(entry, Settle) and entry.request == request
        return entry

    def credit(self, at_s: float) -> int | None:
        return self.book.accounts.credit_pusd("acme", at_s)


def test_a_hold_beyond_the_credit_is_refused_with_what_is_left() -> None:
    till = Till([grant("a", 100)])
    assert till.hold(1, 60, 1)
    answer = till.book.hold(2, 1, tenant="acme", key="k", model="m", price=1, amount_pusd=41)
    assert isinstance(answer, HoldRefused)
    assert (answer.shortage.kind, answer.shortage.account) == ("credit", "acme")
    assert answer.shortage.remaining_pusd == 40
    assert till.hold(3, 40, 1)


def test_a_prepaid_tenant_without_any_grant_is_not_served() -> None:
    assert not Till([]).hold(1, 1, 1)
    assert Till([]).hold(2, 0, 1)


def test_usage_beyond_hold_and_credit_is_absorbed() -> None:
    """The engine generated more than it was asked for: credit does not go below zero, the rest is our own cost."""
    till = Till([grant("a", 100)])
    till.hold(1, 60, 1)
    entry = till.settle(1, 130, 2)
    assert (entry.amount_pusd, entry.absorbed_pusd) == (100, 30)
    assert (entry.draws, till.credit(2)) == ((Draw("a", 100),), 0)


def test_what_other_holds_count_on_is_not_charged_beyond_a_hold() -> None:
    till = Till([grant("a", 100)])
    till.hold(1, 60, 1)
    till.hold(2, 30, 1)
    assert till.settle(1, 130, 2).amount_pusd == 70
    assert till.settle(2, 30, 3).amount_pusd == 30


def test_a_waiver_gives_back_to_the_grant_it_was_drawn_from() -> None:
    till = Till([grant("a", 10, end=50), grant("b", 90)])
    till.hold(1, 20, 1)
    till.settle(1, 20, 2)
    till.hold(2, 30, 3)
    till.settle(2, 30, 4)
    till.book.waive(1, 5, "client_gone")
    accounts = till.book.accounts
    assert (accounts.drawn_pusd("a"), accounts.drawn_pusd("b")) == (0, 30)


def test_who_is_not_prepaid_uses_credit_as_far_as_it_goes_and_owes_the_rest() -> None:
    till = Till([grant("a", 100)], prepaid=False)
    assert till.hold(1, 500, 1)
    entry = till.settle(1, 130, 2)
    assert (entry.amount_pusd, entry.absorbed_pusd, entry.draws) == (130, 0, (Draw("a", 100),))


def test_another_s_draw_does_not_leave_a_hold_uncovered() -> None:
    """The first is held on grant ``a``, the second on both. The second is settled first and uses up ``a``, which
    expires sooner: what is left of ``b`` is the first one's, although ``b`` was granted after its hold."""
    till = Till([grant("a", 100, end=10), grant("b", 100, start=5)])
    assert till.hold(1, 100, 1)
    assert till.hold(2, 100, 6)
    assert till.settle(2, 100, 7).draws == (Draw("a", 100),)
    assert till.settle(1, 100, 8).draws == (Draw("b", 100),)
    assert till.credit(9) == 0
    assert not till.hold(3, 1, 9)


def test_a_grant_that_comes_to_be_known_late_changes_no_entry_that_was_made() -> None:
    """Recovery reads the journal with the newest roster: what was not drawn then is not drawn now."""
    till = Till([grant("a", 10)], prepaid=False)
    till.hold(1, 50, 1)
    till.settle(1, 50, 2)
    till.grants.append(grant("b", 100))
    till.book.set_roster(till.roster)
    again = Accounts()
    again.set_parties(till.roster.tenants, (), till.roster.grants)
    for entry in till.entries:
        again.apply(entry)
    assert again.credit_pusd("acme", 3) == till.credit(3) == 100


def test_whoever_reads_the_journal_without_the_grants_knows_what_was_drawn() -> None:
    till = Till([grant("a", 10), grant("b", 100)])
    till.hold(1, 50, 1)
    till.settle(1, 50, 2)
    stranger = Accounts()
    for entry in till.entries:
        stranger.apply(entry)
    assert stranger.state().drawn == {"a": 10, "b": 40}


def test_a_prepaid_reseller_pays_its_own_price_from_its_own_credit() -> None:
    reseller = Tenant("reseller", "plan", "UTC", prepaid=True)
    till = Till([grant("a", 100), Grant("r", "reseller", 30, 1, 0)], (reseller,))
    assert not till.hold(1, 50, 1, (Hop("reseller", 1, 31),))
    assert till.hold(2, 50, 1, (Hop("reseller", 1, 30),))
    entry = till.settle(2, 40, 2)
    assert entry.amount_pusd == 40
    assert entry.upline == (Hop("reseller", 1, 30),), (
        "credit of the reseller does not go below zero"
    )
    assert entry.draws == (Draw("a", 40), Draw("r", 30))


deeds = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "settle", "settle", "void", "deliver", "waive"]),
        st.integers(0, 30),
        st.integers(0, 80),
        st.integers(0, 3),
    ),
    max_size=40,
)


@STEADY
@given(grants, deeds, st.booleans())
def test_prepaid_credit_is_never_overspent_and_covers_every_charge(
    grants: list[Grant], deeds: list[tuple[str, int, int, int]], is_late: bool
) -> None:
    """Whatever is held, settled (also for more than was held), waived and granted meanwhile, in whatever order."""
    till = Till([] if is_late else list(grants))
    accounts, now_s = till.book.accounts, 0
    for request, (deed, which, amount, later_s) in enumerate(deeds):
        now_s += later_s
        if is_late and grants and which % 3 == 0:
            till.grants.append(grants.pop())
            till.book.set_roster(till.roster)
        open_holds, unconfirmed = accounts.open_holds, accounts.unconfirmed
        if deed == "hold":
            till.hold(request, amount, now_s)
        elif deed == "settle" and open_holds:
            entry = till.settle(open_holds[which % len(open_holds)].request, amount, now_s)
            assert entry.amount_pusd + entry.absorbed_pusd == amount
            assert sum(draw.amount_pusd for draw in entry.draws) == entry.amount_pusd
            held = next(hold for hold in open_holds if hold.request == entry.request)
            assert entry.amount_pusd >= min(amount, held.amount_pusd), "a hold was not covered"
        elif deed == "void" and open_holds:
            till.book.void(open_holds[which % len(open_holds)].request, now_s, None, "x")
        elif unconfirmed:
            settle = unconfirmed[which % len(unconfirmed)]
            if deed == "waive":
                till.book.waive(settle.request, now_s, "x")
            elif deed == "deliver":
                till.book.deliver(settle.request, now_s)
        for each in till.grants:
            assert 0 <= accounts.drawn_pusd(each.id) <= each.amount_pusd
    balance = accounts.balance("acme", now_s)
    assert balance.spent_pusd == sum(accounts.drawn_pusd(each.id) for each in till.grants)


def test_accounts_go_on_with_the_credit_they_were_copied_with() -> None:
    till = Till([grant("a", 100)])
    till.hold(1, 60, 1)
    copied = till.book.accounts.copy()
    till.settle(1, 60, 2)
    assert copied.credit_pusd("acme", 2) == 100
    assert copied.shortage(Hold(2, 2, "acme", "k", "m", 1, 41)) is not None
    assert copied.shortage(Hold(2, 2, "acme", "k", "m", 1, 40)) is None
