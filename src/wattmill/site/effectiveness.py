"""PUE: what a tenth of it is worth, how it falls with load, and how the weather moves it.

A stated PUE is that of a full hall in a mean year. Half full, what runs anyway (transformers, fans,
light) is spread over half as much; in a hot hour the chiller runs.
"""

from __future__ import annotations

import math

import msgspec

from wattmill.catalog.units import HOURS_PER_YEAR
from wattmill.site.checks import at_least_0, efficiency, positive, pue_checked, share
from wattmill.site.cooling import ZERO_C_K
from wattmill.site.delivery import energy_kwh_per_year

HOURS_PER_DAY = 24
DAYS = 365


class Overhead(msgspec.Struct, frozen=True):
    """What a site draws besides its machines, as shares of its full load.

    fixed_frac runs always; linear_frac grows with the load.
    """

    fixed_frac: float
    linear_frac: float

    @classmethod
    def of(cls, pue_full: float, fixed_share: float) -> Overhead:
        """From the PUE at full load, and the share of the overhead that never stops."""
        over = pue_checked(pue_full) - 1
        fixed = over * share("fixed_share", fixed_share)
        return cls(fixed, over - fixed)


class Climate(msgspec.Struct, frozen=True):
    """Outside air as two waves: the mean of a year, and half of its swing by season and by day, K."""

    mean_c: float
    season_k: float = 0.0
    day_k: float = 0.0


class Plant(msgspec.Struct, frozen=True):
    """A cooling plant: without compressors while the outside is cold enough, else with them.

    supply_c: of the water or air that it makes. approach_k: by how much the outside must be colder
    to do without compressors. free_frac: W of fans and pumps for each W of heat. carnot_frac: how
    near the compressors come to Carnot's bound (0.3 to 0.5).
    """

    supply_c: float
    approach_k: float = 6.0
    free_frac: float = 0.05
    carnot_frac: float = 0.4


def pue_value_usd_per_year(
    it_w: float, pue_from: float, pue_to: float, usd_per_kwh: float, load_factor: float = 1.0
) -> float:
    """USD a year that a better PUE saves: P · (from - to) · 8,760 h · price. Below 0 it costs."""
    saved = pue_checked(pue_from) - pue_checked(pue_to)
    energy = energy_kwh_per_year(positive("it_w", it_w), load_factor)
    return energy * saved * at_least_0("usd_per_kwh", usd_per_kwh)


def pue_at_load(overhead: Overhead, load_frac: float) -> float:
    """PUE of a site that is filled to a share: 1 + fixed / load + linear."""
    load = efficiency("load_frac", load_frac)
    return 1 + at_least_0("fixed_frac", overhead.fixed_frac) / load + overhead.linear_frac


def outside_c(climate: Climate, hour: int) -> float:
    """°C of an hour of the year: coldest at the turn of the year and at the turn of the day."""
    season = math.cos(2 * math.pi * hour / HOURS_PER_YEAR)
    day = math.cos(2 * math.pi * hour / HOURS_PER_DAY)
    return climate.mean_c - climate.season_k * season - climate.day_k * day


def free_hours(climate: Climate, plant: Plant) -> int:
    """Hours of the year in which no compressor runs."""
    limit = plant.supply_c - plant.approach_k
    return sum(outside_c(climate, hour) <= limit for hour in range(DAYS * HOURS_PER_DAY))


def cooling_frac(plant: Plant, outside_c: float) -> float:
    """W of cooling for each W of heat at an outside temperature.

    Free below supply - approach. Above, compressors lift heat from the supply to the outside with
    the approach on top: (T_hot - T_cold) / T_cold / share of Carnot.
    """
    free = at_least_0("free_frac", plant.free_frac)
    if outside_c <= plant.supply_c - plant.approach_k:
        return free
    lift = outside_c + plant.approach_k - plant.supply_c
    cold_k = plant.supply_c + ZERO_C_K
    return free + lift / cold_k / efficiency("carnot_frac", plant.carnot_frac)


def yearly_pue(climate: Climate, plant: Plant, electrical_frac: float) -> float:
    """Mean PUE of a year: 1 + losses before the machines + the mean of cooling over all hours.

    Losses are cooled as well. An estimate of the shape, not of a plant: ±0.05.
    """
    electrical = at_least_0("electrical_frac", electrical_frac)
    hours = range(DAYS * HOURS_PER_DAY)
    mean = math.fsum(cooling_frac(plant, outside_c(climate, hour)) for hour in hours) / len(hours)
    return 1 + electrical + mean * (1 + electrical)


def peak_pue(climate: Climate, plant: Plant, electrical_frac: float) -> float:
    """PUE of the hottest hour, for which the connection must be made."""
    hottest = climate.mean_c + abs(climate.season_k) + abs(climate.day_k)
    electrical = at_least_0("electrical_frac", electrical_frac)
    return 1 + electrical + cooling_frac(plant, hottest) * (1 + electrical)
