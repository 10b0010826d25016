"""Carbon of power and tokens, and a score that compares sites on what matters to their owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from wattmill.catalog.names import nearest
from wattmill.catalog.units import HOURS_PER_MONTH, TOKENS_PER_MTOK
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, positive, pue_checked
from wattmill.site.power import site_kw

JOULES_PER_KWH = 3.6e6
G_PER_KG = 1000.0


def kg_per_month(it_w: float, pue: float, g_per_kwh: float) -> float:
    """kg of CO2 in a month of 730 hours at a mean of `it_w` watts: kW at the meter · hours · g."""
    return site_kw(it_w, pue) * HOURS_PER_MONTH * at_least_0("g_per_kwh", g_per_kwh) / G_PER_KG


def kg_per_mtok(joules_per_token: float, pue: float, g_per_kwh: float) -> float:
    """kg of CO2 per million tokens: J · PUE / 3.6e6 · g / 1000 · 1e6.

    joules_per_token: of the machines with their idle time, over the tokens that were served.
    """
    joules = at_least_0("joules_per_token", joules_per_token) * pue_checked(pue)
    kwh = joules / JOULES_PER_KWH * TOKENS_PER_MTOK
    return kwh * at_least_0("g_per_kwh", g_per_kwh) / G_PER_KG


def embodied_kg_per_mtok(embodied_kg: float, life_tokens: float) -> float:
    """kg of CO2 of making the machines, per million tokens of their whole life."""
    made = at_least_0("embodied_kg", embodied_kg)
    return made / positive("life_tokens", life_tokens) * TOKENS_PER_MTOK


# --- siting ---------------------------------------------------------------------------------------


class Place(msgspec.Struct, frozen=True):
    """A place that is compared; less is better in every figure, None is not known.

    risk_frac: chance that opposition, a moratorium or the queue ends the project.
    """

    name: str
    usd_per_kwh: float | None = None
    g_per_kwh: float | None = None
    months_to_power: float | None = None
    usd_per_mw: float | None = None
    risk_frac: float | None = None
    latency_ms: float | None = None


class Score(msgspec.Struct, frozen=True):
    """0 (best in everything) to 1 (worst in everything); parts add up to it, by figure."""

    name: str
    score: float
    parts: dict[str, float]


FIGURES = tuple(f.name for f in msgspec.structs.fields(Place) if f.name != "name")


def siting_scores(places: Sequence[Place], weights: Mapping[str, float]) -> tuple[Score, ...]:
    """Places from best to worst: Σ weight · (value - least) / (most - least), weights made to add up
    to 1. A figure that is the same everywhere parts nobody.

    The score depends on the places that are compared; it is a ranking, not a measurement.
    PlanError for a figure that is weighed and not known somewhere.
    """
    shares = _shares(weights)
    if len(places) < 2:
        raise PlanError("one place cannot be compared", hint="give two or more")
    spans = {name: _values(places, name) for name in shares}
    found = [
        _score(place, shares, {name: (min(v), max(v)) for name, v in spans.items()})
        for place in places
    ]
    return tuple(sorted(found, key=lambda score: (score.score, score.name)))


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    for name, weight in weights.items():
        if name not in FIGURES:
            raise PlanError(f"places have no {name!r}", hint=nearest(name, FIGURES))
        at_least_0(f"weight of {name}", weight)
    total = sum(weights.values())
    if not total:
        raise PlanError("nothing is weighed", hint="give one weight above 0")
    return {name: weight / total for name, weight in weights.items() if weight}


def _values(places: Sequence[Place], figure: str) -> list[float]:
    missing = [place.name for place in places if getattr(place, figure) is None]
    if missing:
        raise PlanError(
            f"{figure} is not known of {', '.join(missing)}",
            hint="give it, leave the place out, or set its weight to 0",
        )
    return [float(getattr(place, figure)) for place in places]


def _score(
    place: Place, shares: Mapping[str, float], spans: Mapping[str, tuple[float, float]]
) -> Score:
    parts = {}
    for figure, share in shares.items():
        least, most = spans[figure]
        above = getattr(place, figure) - least
        parts[figure] = share * above / (most - least) if most > least else 0.0
    return Score(place.name, sum(parts.values()), parts)
