"""Who bears what nobody caused: idleness, unbilled work and overhead, in the loaded view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msgspec import Struct

from wattmill.ledger.cost.attribution import NOTHING, Cost
from wattmill.ledger.cost.month import MonthCosts, Whose
from wattmill.ledger.cost.site_month import SiteMonth


class Loaded(Struct, frozen=True):
    """What each kind of request bears of what nobody caused, and what no request bears."""

    shares: dict[Whose, Cost]
    unshared: Cost


def loaded_shares(found: SiteMonth, costs: MonthCosts) -> Loaded:
    """Idleness, unbilled work and overhead of a pool, over those who used it.

    On own machines by the time that they took, on a cloud by what it charged for them. What belongs
    to a pool that nobody paid for is borne by all who used own machines, by what that cost.
    """
    shares: defaultdict[Whose, Cost] = defaultdict(Cost)
    homeless = NOTHING
    for name, pool in found.pools.items():
        rest = rest_of(costs, name)
        users = sorted(who for who in costs.by_whose if who.charged and who.pool == name)
        by_time = [found.use.by_whose[who].busy_us for who in users]
        by_charge = [costs.by_whose[who].charges_pusd for who in users]
        homeless += _give(rest, users, by_time if pool.own else by_charge, shares)
    everyone = sorted(who for who in costs.by_whose if who.charged)
    borne = [_on_own_machines(costs.by_whose[who]) for who in everyone]
    unshared = _give(homeless, everyone, borne, shares)
    return Loaded(dict(shares), unshared)


def _give(
    rest: Cost, users: Sequence[Whose], weights: Sequence[int], shares: dict[Whose, Cost]
) -> Cost:
    """Split ``rest`` over the users into ``shares``; what nobody can bear comes back."""
    if not any(weights):
        return rest
    for who, part in zip(users, rest.split(weights), strict=True):
        shares[who] += part
    return NOTHING


def rest_of(costs: MonthCosts, pool: str) -> Cost:
    """What a pool cost besides what charged requests caused."""
    return unbilled_of(costs, pool) + costs.idle[pool] + costs.overhead[pool]


def unbilled_of(costs: MonthCosts, pool: str) -> Cost:
    """What requests cost on a pool that nobody pays for."""
    parts = (cost for who, cost in costs.by_whose.items() if who.pool == pool and not who.charged)
    return sum(parts, NOTHING)


def _on_own_machines(cost: Cost) -> int:
    """Never negative: what the market gave is no reason to bear less than nothing."""
    return max(0, cost.energy_pusd + cost.amortisation_pusd)
