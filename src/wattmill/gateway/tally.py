"""What the gateway counts about itself, and how Prometheus reads it: plain integers on the way, text when asked."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from operator import add

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from wattmill.core.records import METERS, Usage
from wattmill.gateway.exchange import Exchange

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class _Histogram:
    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        names = [*map(str, BUCKETS_S), "+Inf"]
        total = 0
        result: list[tuple[str, float]] = []
        for name, count in zip(names, self.counts, strict=True):
            total += count
            result.append((name, total))
        return result


class _Served:
    """What became of the requests for one model."""

    __slots__ = ("duration", "outcomes", "ttft")

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = defaultdict(int)
        self.ttft = _Histogram()
        self.duration = _Histogram()


class Tally:
    """Counts since the gateway started. Labels are models, pools and outcomes, never tenants or keys."""

    def __init__(self) -> None:
        self._models: dict[str, _Served] = defaultdict(_Served)
        self._tokens: dict[str, list[int]] = defaultdict(lambda: [0] * len(METERS))

    def ended(self, exchange: Exchange, outcome: str, now_s: float) -> None:
        """A request left the gateway. The model is the client's word: only known ones become labels."""
        if not exchange.pool:
            self._models[""].outcomes[outcome] += 1
            return
        served = self._models[exchange.ask.model]
        served.outcomes[outcome] += 1
        served.duration.observe(now_s - exchange.started_at_s)
        if exchange.first_piece_at_s is not None:
            served.ttft.observe(exchange.first_piece_at_s - exchange.started_at_s)

    def used(self, pool: str, usage: Usage) -> None:
        """A request was settled."""
        self._tokens[pool] = list(map(add, self._tokens[pool], usage.meters))

    def exposition(
        self,
        *,
        in_flight: int,
        connections: int,
        pools_up: dict[str, bool],
        gateway: int | None = None,
    ) -> bytes:
        """The text that Prometheus scrapes; one of several gateways says which it is, in a label."""
        families = self._families(in_flight, connections, pools_up)
        if gateway is not None:
            families = _labelled(families, gateway=str(gateway))
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Once(families))
        return generate_latest(registry)

    def _families(
        self, in_flight: int, connections: int, pools_up: dict[str, bool]
    ) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "wattmill_requests", "Requests by model and outcome.", labels=["model", "outcome"]
        )
        for model, served in self._models.items():
            for outcome, count in served.outcomes.items():
                requests.add_metric([model, outcome], count)
        yield requests
        tokens = CounterMetricFamily(
            "wattmill_tokens", "Settled tokens by pool and meter.", labels=["pool", "meter"]
        )
        for pool, counts in self._tokens.items():
            for meter, count in zip(METERS, counts, strict=True):
                tokens.add_metric([pool, meter], count)
        yield tokens
        ttft = {model: served.ttft for model, served in self._models.items()}
        duration = {model: served.duration for model, served in self._models.items()}
        yield _histogram("wattmill_ttft_seconds", "Time to first token of streams.", ttft)
        yield _histogram("wattmill_request_seconds", "Time to the end of an answer.", duration)
        gauge = GaugeMetricFamily("wattmill_in_flight", "Requests in flight.")
        gauge.add_metric([], in_flight)
        yield gauge
        gauge = GaugeMetricFamily("wattmill_connections", "Open client connections.")
        gauge.add_metric([], connections)
        yield gauge
        gauge = GaugeMetricFamily("wattmill_pool_up", "Whether a pool answers.", labels=["pool"])
        for pool, up in pools_up.items():
            gauge.add_metric([pool], up)
        yield gauge


def _labelled(families: Iterator[Metric], **labels: str) -> Iterator[Metric]:
    for family in families:
        family.samples = [
            sample._replace(labels={**labels, **sample.labels}) for sample in family.samples
        ]
        yield family


class _Once(Collector):
    def __init__(self, families: Iterator[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families


def _histogram(name: str, text: str, histograms: dict[str, _Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["model"])
    for model, histogram in histograms.items():
        if not any(histogram.counts):
            continue
        family.add_metric([model], buckets=histogram.buckets(), sum_value=histogram.sum_s)
    return family
