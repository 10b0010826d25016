"""The demand of a factory file as studies of a choice take it: tokens a month, shape, what users will wait."""

from __future__ import annotations

import msgspec

from wattmill.catalog.factory import Demand, Factory
from wattmill.catalog.units import KILO, MEGA
from wattmill.core.errors import PlanError
from wattmill.physics.performance import Workload
from wattmill.plan.studies.sourced import Sources

SHAPE_TOLERANCE = 0.05
"""Tokens of a month and tokens of a request are both rounded by whoever writes them down."""


class Asked(msgspec.Struct, frozen=True):
    """What is asked for in a month of today: Mtok, their mix and peaks, the length of a request.

    `ttft_s` and `tpot_s`: the longest that users wait; None is no limit.
    """

    input_mtok: float
    output_mtok: float
    cached_frac: float
    peak_to_mean: float
    growth_frac_per_year: float
    isl: int
    osl: int
    ttft_s: float | None
    tpot_s: float | None

    @property
    def workload(self) -> Workload:
        """The shape of a request."""
        return Workload(self.isl, self.osl, self.cached_frac)

    @property
    def requests(self) -> float:
        """Requests in a month."""
        return self.output_mtok * MEGA / self.osl

    @property
    def by_meter(self) -> dict[str, float]:
        """Mtok of uncached input, cached input and output for one Mtok of output."""
        prompt = self.input_mtok / self.output_mtok
        cached = prompt * self.cached_frac
        return {"input": prompt - cached, "cached": cached, "output": 1.0}


def asked(factory: Factory, sources: Sources) -> Asked:
    """From `[demand]`. PlanError without tokens, or where tokens and lengths of requests disagree."""
    demand = factory.demand
    if demand.input_mtok_per_month is None or demand.output_mtok_per_month is None:
        raise PlanError(
            "how much is asked for is not known",
            hint="give [demand] input_mtok_per_month and output_mtok_per_month",
            place=str(factory.path),
        )
    isl, osl = lengths(factory, demand, sources)
    return Asked(
        sources.told("demand.input_mtok_per_month", demand.input_mtok_per_month, "Mtok/month"),
        sources.told("demand.output_mtok_per_month", demand.output_mtok_per_month, "Mtok/month"),
        sources.told("demand.cached_frac", demand.cached_frac, "share"),
        sources.told("demand.peak_to_mean", demand.peak_to_mean, "ratio"),
        sources.told("demand.growth_frac_per_year", demand.growth_frac_per_year, "1/year"),
        isl,
        osl,
        _seconds(sources, "ttft_ms", demand.ttft_ms),
        _seconds(sources, "tpot_ms", demand.tpot_ms),
    )


def _seconds(sources: Sources, key: str, ms: float | None) -> float | None:
    return None if ms is None else sources.told(f"demand.{key}", ms, "ms") / KILO


def lengths(factory: Factory, demand: Demand, sources: Sources) -> tuple[int, int]:
    """Tokens of a prompt and an answer; what the file leaves out follows from the tokens of a month.

    PlanError where the file says both, and they disagree.
    """
    if demand.input_mtok_per_month is None or demand.output_mtok_per_month is None:
        isl = sources.told("demand.isl", demand.isl, "tokens")
        return isl, sources.told("demand.osl", demand.osl, "tokens")
    if not demand.input_mtok_per_month or not demand.output_mtok_per_month:
        raise PlanError(
            "a request has a prompt and an answer, so neither can be 0 Mtok a month",
            hint="give [demand] input_mtok_per_month and output_mtok_per_month above 0",
            place=str(factory.path),
        )
    prompts = demand.input_mtok_per_month / demand.output_mtok_per_month
    isl, osl = demand.isl, demand.osl
    told = factory.says("demand", "isl"), factory.says("demand", "osl")
    said = "computed by the tokens of a month"
    if told == (True, False):
        osl = sources.add("demand.osl", max(1, round(isl / prompts)), "tokens", said)
        return sources.told("demand.isl", isl, "tokens"), osl
    if not told[0]:
        isl = sources.add("demand.isl", max(1, round(osl * prompts)), "tokens", said)
        return isl, sources.told("demand.osl", osl, "tokens")
    if abs(isl / osl / prompts - 1) > SHAPE_TOLERANCE:
        raise PlanError(
            f"requests of {isl} in and {osl} out do not add up to {prompts:.3g} times as much input as output",
            hint=f"give isl = {round(osl * prompts)}, or leave it out",
            place=str(factory.path),
        )
    return sources.told("demand.isl", isl, "tokens"), sources.told("demand.osl", osl, "tokens")
