"""Waiting in line: servers with arrivals at random.

Sources: Erlang (1917); Kleinrock, "Queueing Systems" vol. 1, 1975. Exact for Poisson arrivals and
the stated service times; engines batch, so a "server" is a slot at its full-batch rate, and the
results are bounds that the twin refines. Utilisation must be below 1, else the line grows for ever.
"""

from __future__ import annotations

import math

from wattmill.core.errors import PlanError
from wattmill.physics.numbers import N, require, require_positive

MOST_SERVERS = 100_000
"""The formulas step through every server."""


def utilisation_frac(arrivals_per_s: N, service_s: N, servers: N) -> N:
    """Share of the servers that is busy: arrivals · service time / servers. May exceed 1."""
    require_positive(service_s=service_s, servers=servers)
    return arrivals_per_s * service_s / servers


def in_flight(arrivals_per_s: N, seconds: N) -> N:
    """Requests in the system on average: arrivals · time in it (Little, 1961). Exact."""
    return arrivals_per_s * seconds


def md1_wait_s(arrivals_per_s: N, service_s: N) -> N:
    """Mean wait before one server whose work always takes `service_s`: ρ s / (2 (1 - ρ))."""
    busy = _stable(arrivals_per_s, service_s, 1.0)
    return busy * service_s / (2 * (1 - busy))


def mm1_wait_s(arrivals_per_s: N, service_s: N) -> N:
    """Mean wait before one server with exponential service times: ρ s / (1 - ρ)."""
    busy = _stable(arrivals_per_s, service_s, 1.0)
    return busy * service_s / (1 - busy)


def mg1_wait_s(arrivals_per_s: N, service_s: N, variation: N) -> N:
    """Mean wait with any service times (Pollaczek, Khinchine): (1 + cv²) / 2 times that of M/M/1.

    variation: standard deviation of the service time over its mean.
    """
    return (1 + variation**2) / 2 * mm1_wait_s(arrivals_per_s, service_s)


def erlang_b_frac(offered: N, servers: int) -> N:
    """Share of the arrivals that finds all servers busy and goes away. `offered` in Erlang."""
    require(offered >= 0, f"{offered} Erlang cannot be", "give 0 or more")
    lost = offered * 0.0 + 1.0
    for n in range(1, _whole(servers) + 1):
        lost = offered * lost / (n + offered * lost)
    return lost


def erlang_c_frac(offered: N, servers: int) -> N:
    """Share of the arrivals that must wait for one of `servers`; `offered` below `servers`."""
    require(offered < servers, f"{offered} Erlang fill {servers} servers", "add servers")
    lost = erlang_b_frac(offered, servers)
    return lost / (1 - offered / servers * (1 - lost))


def mmc_wait_s(arrivals_per_s: N, service_s: N, servers: int) -> N:
    """Mean wait before `servers` servers with exponential service times (M/M/c)."""
    _stable(arrivals_per_s, service_s, float(servers))
    offered = arrivals_per_s * service_s
    return erlang_c_frac(offered, servers) * service_s / (servers - offered)


def mmc_wait_quantile_s(
    arrivals_per_s: float, service_s: float, servers: int, quantile: float
) -> float:
    """The wait that a share `quantile` (below 1) of the arrivals does not exceed (M/M/c)."""
    if not 0 <= quantile < 1:
        raise PlanError(f"a quantile of {quantile} cannot be", hint="give 0.95 for the 95 %")
    _stable(arrivals_per_s, service_s, float(servers))
    offered = arrivals_per_s * service_s
    waiting = erlang_c_frac(offered, servers)
    if waiting <= 1 - quantile:
        return 0.0
    return math.log(waiting / (1 - quantile)) * service_s / (servers - offered)


def servers_for_wait(arrivals_per_s: float, service_s: float, wait_s: float) -> int:
    """Fewest servers whose mean wait (M/M/c) is at most `wait_s`, which is above 0.

    PlanError if that takes more than MOST_SERVERS. Numbers only.
    """
    require_positive(wait_s=wait_s, service_s=service_s)
    low = math.floor(min(arrivals_per_s * service_s, float(MOST_SERVERS)))
    high = low + 1
    while mmc_wait_s(arrivals_per_s, service_s, _whole(high)) > wait_s:
        low, high = high, min(2 * high, MOST_SERVERS) if high < MOST_SERVERS else high + 1
    while high - low > 1:
        middle = (low + high) // 2
        is_short = mmc_wait_s(arrivals_per_s, service_s, middle) > wait_s
        low, high = (middle, high) if is_short else (low, middle)
    return high


def _stable(arrivals_per_s: N, service_s: N, servers: float) -> N:
    """Utilisation; PlanError from 1 on."""
    require_positive(service_s=service_s)
    busy = arrivals_per_s * service_s / servers
    require(
        busy < 1,
        f"{arrivals_per_s} arrivals per second of {service_s} s keep {servers:g} servers"
        " more than busy",
        "send less, or add servers",
    )
    return busy


def _whole(servers: int) -> int:
    if not 1 <= servers <= MOST_SERVERS or servers != int(servers):
        raise PlanError(f"{servers} servers cannot be", hint=f"give 1, 2, 3 … {MOST_SERVERS:,}")
    return int(servers)
