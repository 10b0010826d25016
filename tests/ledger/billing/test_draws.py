"""Grants are used up in their order, and pay only for what was used before they expired."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from wattmill.ledger.billing.credit import NEVER_US, Credit, give_back, plan_draws
from wattmill.ledger.billing.documents import CreditDraw
from wattmill.ledger.records import CreditSource

CENT = 10**10


def granted(
    name: str, cents: int, *, priority: int = 0, expires_us: int | None = None, free: bool = False
) -> Credit:
    source: CreditSource = "promotional" if free else "bought"
    amount = cents * CENT
    return Credit(name, "acme", source, priority, 0, expires_us, amount, amount, "", None)


def steadily(net: int, end_us: int) -> Callable[[int], int]:
    """Charged evenly over the period."""
    return lambda at_us: net * min(at_us, end_us) // end_us


def taken(credits: list[Credit], net: int, end_us: int = 100) -> dict[str, int]:
    draws = plan_draws(credits, net, CENT, steadily(net, end_us))
    return {draw.grant: draw.amount_minor for draw in draws}


def test_priority_then_what_expires_sooner_then_the_older() -> None:
    credits = [
        granted("CR-4", 10),
        granted("CR-3", 10),
        granted("CR-2", 10, expires_us=500),
        granted("CR-1", 10, priority=1, expires_us=200),
    ]
    assert taken(credits, 25) == {"CR-2": 10, "CR-3": 10, "CR-4": 5}


def test_a_grant_pays_only_for_what_was_used_before_it_expired() -> None:
    assert taken([granted("CR-1", 90, expires_us=40)], 100) == {"CR-1": 40}


def test_two_grants_do_not_pay_for_the_same_days() -> None:
    both = [granted("CR-1", 30, expires_us=40), granted("CR-2", 30, expires_us=50)]
    assert taken(both, 100) == {"CR-1": 30, "CR-2": 20}


def test_what_lasts_longer_leaves_the_first_days_to_what_expires() -> None:
    """The one that is used first can pay for later days, so nothing of the other one is lost."""
    both = [granted("CR-1", 60), granted("CR-2", 40, priority=1, expires_us=40)]
    assert taken(both, 100) == {"CR-1": 60, "CR-2": 40}


def test_an_empty_grant_pays_nothing() -> None:
    assert taken([granted("CR-1", 0)], 100) == {}


def test_what_was_drawn_last_is_back_first() -> None:
    draws = (CreditDraw("a", "bought", 50), CreditDraw("b", "bought", 30))
    assert give_back(draws, {}, 40) == (
        CreditDraw("b", "bought", -30),
        CreditDraw("a", "bought", -10),
    )
    assert give_back(draws, {"b": 30, "a": 10}, 40) == (CreditDraw("a", "bought", -40),)


grants = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 2), st.one_of(st.none(), st.integers(1, 120))),
    max_size=6,
)


@given(grants, st.integers(1, 500))
def test_all_that_ends_by_some_day_pays_no_more_than_was_used_by_then(
    wanted: list[tuple[int, int, int | None]], net: int
) -> None:
    credits = [
        granted(f"CR-{place}", cents, priority=priority, expires_us=expires_us)
        for place, (cents, priority, expires_us) in enumerate(wanted)
    ]
    found = taken(credits, net)
    used_by = steadily(net, 100)
    for limit in {one.ends_us for one in credits} | {NEVER_US}:
        ending = sum(found.get(one.grant, 0) for one in credits if one.ends_us <= limit)
        assert ending <= used_by(min(limit, 100))
    for one in credits:
        assert 0 <= found.get(one.grant, 0) <= one.remaining_pusd // CENT
    if all(one.expires_us is None for one in credits):
        assert sum(found.values()) == min(net, sum(one.remaining_pusd // CENT for one in credits))
