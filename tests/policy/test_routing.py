"""The pool that will be free first, and somebody else's only when the price covers it."""

import pytest

from wattmill.core.records import Price
from wattmill.core.roster import Model, Pool
from wattmill.policy.events import PoolView, View
from wattmill.policy.routing import SPILL_AFTER_S, Router, covers

MODEL = Model("house", ("fast", "slow", "cloud"))
PRICE = Price(1, "standard", 0.0, 400_000, 40_000, 400_000, 1_600_000, 1_600_000, 0, 0, 0)


def pool(name: str, tok_s: float, **cost: int) -> Pool:
    return Pool(name, "http://e", "openai", "m", None, 10 * tok_s, tok_s, slots=1, **cost)


FAST, SLOW = pool("fast", 100.0), pool("slow", 50.0)
CLOUD = pool("cloud", 100.0, cost_input=300_000, cost_output=1_200_000)


def router_with(*pools: Pool) -> Router:
    router = Router()
    router.set_pools(pools)
    return router


def seen(*up: str, down: tuple[str, ...] = ()) -> View:
    states = {name: PoolView(True) for name in up} | {name: PoolView(False) for name in down}
    return View(0.0, states)


ALL_UP = seen("fast", "slow", "cloud")


def choose(router: Router, view: View = ALL_UP, tried: tuple[str, ...] = ()) -> str | None:
    return router.choose(MODEL, dict.fromkeys(MODEL.route, PRICE), tried, view)


def test_the_first_of_the_route_when_all_are_idle() -> None:
    assert choose(router_with(CLOUD, SLOW, FAST)) == "fast"


def test_seconds_to_drain_compare_unequal_machines() -> None:
    """300 tokens on the fast pool take 3 s, 100 on the slow one 2 s."""
    router = router_with(FAST, SLOW)
    router.sent("fast", 0, 300)
    router.sent("slow", 0, 100)
    assert choose(router) == "slow"
    router.ended("fast", 0, 300)
    assert choose(router) == "fast"


def test_a_prompt_weighs_until_it_is_prefilled() -> None:
    router = router_with(FAST, SLOW)
    router.sent("fast", 5000, 10)
    router.sent("slow", 0, 10)
    assert choose(router) == "slow"
    router.prefilled("fast", 5000)
    assert choose(router) == "fast"


def test_down_unseen_and_tried_pools_are_left_out() -> None:
    router = router_with(FAST, SLOW)
    assert choose(router, seen("slow", down=("fast",))) == "slow"
    assert choose(router, seen("slow")) == "slow"
    assert choose(router, tried=("fast",)) == "slow"
    assert choose(router, tried=("fast", "slow")) is None


def test_a_full_pool_takes_no_more() -> None:
    router = router_with(FAST, SLOW)
    for _ in range(FAST.slots + FAST.max_waiting):
        router.sent("fast", 0, 0)
    assert choose(router) == "slow"


def test_it_spills_only_when_its_own_are_saturated() -> None:
    router = router_with(FAST, CLOUD)
    router.sent("fast", 0, int(SPILL_AFTER_S * 100))
    assert choose(router) == "fast"
    router.sent("fast", 0, 1)
    assert choose(router) == "cloud"


def test_it_spills_when_its_own_are_down_and_never_below_cost() -> None:
    down = seen("cloud", down=("fast", "slow"))
    assert choose(router_with(FAST, SLOW, CLOUD), down) == "cloud"
    dear = pool("cloud", 100.0, cost_input=300_000, cost_output=1_600_001)
    assert choose(router_with(FAST, SLOW, dear), down) is None


@pytest.mark.parametrize(
    ("cost_input", "cost_output", "covered"),
    [(400_000, 1_600_000, True), (400_001, 0, False), (0, 1_600_001, False)],
)
def test_a_price_covers_up_to_its_own_height(
    cost_input: int, cost_output: int, covered: bool
) -> None:
    bought = pool("cloud", 1.0, cost_input=cost_input, cost_output=cost_output)
    assert covers(PRICE, bought) is covered


def test_the_load_outlives_a_change_of_the_roster() -> None:
    router = router_with(FAST, SLOW)
    router.sent("fast", 0, 300)
    router.set_pools((SLOW,))
    assert choose(router) == "slow"
    router.set_pools((FAST, SLOW))
    assert choose(router) == "slow"
    router.ended("fast", 0, 300)
    assert choose(router) == "fast"
