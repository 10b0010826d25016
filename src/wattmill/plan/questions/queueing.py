"""Waiting in line."""

from typing import Annotated

from wattmill.physics import queueing as physics
from wattmill.plan.questions.inputs import number, positive, share, whole
from wattmill.plan.questions.registry import question

KLEINROCK = "Kleinrock, Queueing Systems vol. 1, 1975; Poisson arrivals"
Arrivals = Annotated[float, number("arrivals", "req/s")]
Service = Annotated[float, positive("time that one request takes a server", "s")]
Servers = Annotated[int, whole("servers, or slots of a batch", 100_000)]


@question("queueing", gives="%", source="Definition: offered work over servers")
def server_utilisation(arrivals: Arrivals, service: Service, servers: Servers = 1) -> float:
    """Share of the servers that arrivals keep busy; above 100 % the line grows for ever."""
    return physics.utilisation_frac(arrivals, service, float(servers))


@question("queueing", gives="ms", source=KLEINROCK)
def wait_fixed_ms(arrivals: Arrivals, service: Service) -> float:
    """Mean wait before one server whose work always takes as long (M/D/1), like a prefill."""
    return physics.md1_wait_s(arrivals, service)


@question("queueing", gives="ms", source=KLEINROCK)
def wait_varied_ms(
    arrivals: Arrivals,
    service: Service,
    variation: Annotated[
        float, number("standard deviation of the service time over its mean")
    ] = 1.0,
) -> float:
    """Mean wait before one server with any service times (M/G/1)."""
    return physics.mg1_wait_s(arrivals, service, variation)


@question("queueing", gives="ms", source=KLEINROCK)
def wait_ms(arrivals: Arrivals, service: Service, servers: Servers) -> float:
    """Mean wait before several servers (M/M/c)."""
    return physics.mmc_wait_s(arrivals, service, servers)


@question("queueing", gives="ms", source=KLEINROCK)
def wait_quantile_ms(
    arrivals: Arrivals,
    service: Service,
    servers: Servers,
    quantile: Annotated[float, share("share of the requests that waits no longer")] = 0.95,
) -> float:
    """The wait that all but a few requests stay below (M/M/c)."""
    return physics.mmc_wait_quantile_s(arrivals, service, servers, quantile)


@question("queueing", gives="%", source="Erlang, 1917 (C formula)")
def wait_probability(arrivals: Arrivals, service: Service, servers: Servers) -> float:
    """Share of the requests that must wait for a server."""
    return physics.erlang_c_frac(arrivals * service, servers)


@question("queueing", gives="%", source="Erlang, 1917 (B formula)")
def loss_probability(arrivals: Arrivals, service: Service, servers: Servers) -> float:
    """Share of the requests that is refused where none may wait."""
    return physics.erlang_b_frac(arrivals * service, servers)


@question("queueing", gives="x", source=KLEINROCK)
def servers_for_wait(
    arrivals: Arrivals,
    service: Service,
    wait: Annotated[float, positive("mean wait that is allowed", "ms")],
) -> float:
    """Fewest servers, or slots, whose mean wait stays below a target (M/M/c)."""
    return float(physics.servers_for_wait(arrivals, service, wait))
