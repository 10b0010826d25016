"""A random small factory and its troubles, from a seed: for whatever drives the policy.

A scene has what goes wrong in life: engines that die, clients that leave, a budget that runs out,
keys and tenants at their limits, a price that changes, a month that ends, and a slow disk. A scene
that fails a test is its seed.
"""

from random import Random

from wattmill.core.money import PUSD_PER_USD
from wattmill.core.records import Price
from wattmill.core.roster import Key, Model, Pool, Roster, Tenant
from wattmill.ledger.periods import month_named
from wattmill.twin.workload import Mix, Scene, poisson_jobs, random_failures

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
KEYS = ("k-acme", "k-acme-2", "k-bolt", "k-core")
MODELS = ("house-large",) * 6 + ("house-small",) * 5 + ("no-such-model",)
SYNCS_S = (0.0, 0.00107, 0.0103, 0.2971)
"""None a multiple of what a step takes: two things that end at one instant have no order to agree on."""


def random_scene(seed: int, jobs: int = 60) -> Scene:
    """The scene of a seed, with so many requests."""
    random = Random(f"scene {seed}")
    zone = random.choice(ZONES)
    start_s = month_named("2026-11", zone).end_s - random.choice((5.0, 20.0, 86_400.0))
    mix = _mix(random)
    end_s = start_s + jobs / mix.arrivals_per_s
    return Scene(
        start_s,
        _roster(random, zone, start_s),
        tuple(poisson_jobs(random.randrange(2**32), jobs, mix, start_s)),
        tuple(
            random_failures(
                random.randrange(2**32),
                ("east", "west", "cloud"),
                start_s,
                end_s,
                random.choice((10.0, 40.0)),
            )
        ),
        sync_s=random.choice(SYNCS_S),
    )


def _mix(random: Random) -> Mix:
    return Mix(
        keys=KEYS,
        models=MODELS,
        arrivals_per_s=random.choice((1.0, 4.0, 20.0)),
        output_tokens_mean=random.choice((3.0, 30.0)),
        patience_s=random.choice((0.05, 2.0)),
        leaves_frac=random.choice((0.1, 0.5)),
        hungry=("k-bolt",),
        hungry_output=2000,
    )


def _roster(random: Random, zone: str, start_s: float) -> Roster:
    """Two own pools and one that charges by the token, which only the dearer plan pays for."""
    return Roster(
        1,
        tenants=(
            Tenant("acme", "standard", zone, None, 600, None),
            Tenant("bolt", "standard", zone, random.randint(1, 40) * PUSD_PER_USD // 1000),
            Tenant("core", "basic", zone, PUSD_PER_USD, random.choice((None, 10)), 4),
        ),
        keys=(
            Key("k-acme", "0" * 64, "acme"),
            Key("k-acme-2", "1" * 64, "acme", random.choice((None, 5)), random.choice((None, 2))),
            Key("k-bolt", "2" * 64, "bolt"),
            Key("k-core", "3" * 64, "core"),
        ),
        prices=(
            _price(1, "standard", 0.0, 400_000, 1_600_000),
            _price(2, "basic", 0.0, 100_000, 400_000),
            _price(3, "standard", start_s + 6.0, 600_000, 2_000_000),
        ),
        models=(
            Model("house-large", ("east", "west", "cloud"), random.choice((None, 500))),
            Model("house-small", ("west",), 200),
        ),
        pools=(
            _pool("east", random.choice((1, 2, 8))),
            _pool("west", random.choice((1, 4))),
            _pool("cloud", 16, cost_input=300_000, cost_output=1_200_000),
        ),
    )


def _price(version: int, plan: str, valid_from_s: float, input: int, output: int) -> Price:
    meters = (input, input // 10, input, output, output, input, output, input)
    return Price(version, plan, valid_from_s, *meters)


def _pool(
    name: str, slots: int, cost_input: int | None = None, cost_output: int | None = None
) -> Pool:
    """Sixteen tokens a second for each slot: steps that last longer than most syncs."""
    return Pool(
        name,
        f"http://{name}.test/v1",
        "openai",
        name,
        None,
        prefill_tok_s=4000.0,
        decode_tok_s=16.0 * slots,
        slots=slots,
        cost_input=cost_input,
        cost_output=cost_output,
    )
