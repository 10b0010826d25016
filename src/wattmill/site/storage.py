"""Storage of energy: what comes back, what that costs, and how far sun and a battery carry a load."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wattmill.catalog.units import HOURS_PER_YEAR
from wattmill.core.errors import PlanError
from wattmill.site.checks import at_least_0, efficiency, positive

MOST_ROUNDS = 1000
CLOSE = 1e-9
"""Rounds of a day or year until a battery ends as it began, to this part of what it holds."""


def round_trip_frac(*stages_frac: float) -> float:
    """Share of the energy that comes back: the product of the stages (electrolysis, compression,
    fuel cell; or charge and discharge)."""
    share = 1.0
    for stage in stages_frac:
        share *= efficiency("efficiency", stage)
    return share


def stored_usd_per_kwh(
    usd_per_kwh: float,
    round_trip: float,
    capital_usd_per_kw_year: float = 0.0,
    hours: float = HOURS_PER_YEAR,
) -> float:
    """What a kWh out of a storage costs: price in / round trip + capital of a year / hours of it.

    capital_usd_per_kw_year: of a kW that it gives; hours: of the year in which it does so.
    """
    energy = usd_per_kwh / efficiency("round_trip", round_trip)
    capital = at_least_0("capital_usd_per_kw_year", capital_usd_per_kw_year)
    return energy + capital / positive("hours", hours)


class SolarYear(msgspec.Struct, frozen=True):
    """Where the load of a plant with sun and battery came from; shares of the load's energy.

    spilled_frac: share of what the panels could make that found no use.
    """

    direct_frac: float
    battery_frac: float
    backup_frac: float
    spilled_frac: float


def solar_year(
    sun: Sequence[float], pv_kw: float, battery_kwh: float, round_trip: float, load_kw: float = 1.0
) -> SolarYear:
    """Hour by hour: sun to the load first, then to the battery, which gives it back at once.

    sun: kWh that a kW of panels makes in each hour of a year or a day, repeated until the battery
    ends as it began. Losses are taken on the way in. What is left comes from a backup.
    """
    if not sun or not (pv_kw >= 0 and battery_kwh >= 0 and load_kw > 0):
        raise PlanError("sun, panels, battery and load are 0 or more", hint="give a load above 0")
    kept = efficiency("round_trip", round_trip)
    held = began = 0.0
    for _ in range(MOST_ROUNDS):
        began, direct, given, spilled = held, 0.0, 0.0, 0.0
        for hour in sun:
            made = hour * pv_kw
            used = min(made, load_kw)
            stored = min((made - used) * kept, battery_kwh - held)
            out = min(load_kw - used, held + stored)
            held += stored - out
            direct, given = direct + used, given + out
            spilled += made - used - stored / kept
        if abs(held - began) <= CLOSE * battery_kwh:
            break
    need, made_all = load_kw * len(sun), sum(sun) * pv_kw
    return SolarYear(
        direct / need,
        given / need,
        1 - (direct + given) / need,
        spilled / made_all if made_all else 0.0,
    )
