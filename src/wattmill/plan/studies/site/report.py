"""What `wattmill site` answers, as frozen records.

Amounts are in the currency of the factory file, but prices of the catalog, which are in USD. Power is in
kW; `peak` is what must be provided, `mean` what the planned load draws. None is not known.
"""

from __future__ import annotations

from datetime import date

import msgspec

from wattmill.finance.delay import DelayRisk
from wattmill.plan.fleet.records import Mix
from wattmill.plan.studies.site.room_report import (
    ChainRow,
    CoolingRow,
    Envelope,
    FeederRow,
    FloorRow,
)
from wattmill.plan.studies.sourced import Sourced
from wattmill.site.calendar import Outlook, Timetable
from wattmill.site.carbon import Score
from wattmill.site.colo import ColoQuote
from wattmill.site.facility import RackBuild, Use
from wattmill.site.generation import Lcoe, SpeedCost


class Facility(msgspec.Struct, frozen=True):
    """A building of one's own for these machines. usd_per_mw: of machines. all_in_usd_per_mw: at the
    meter, with what stands in it. builds: by the rack, cheapest first."""

    usd_per_mw: float
    usd: float
    usd_per_slot: float
    hardware_usd_per_slot: float | None
    all_in_usd_per_mw: float | None
    per_year_usd: float
    builds: tuple[RackBuild, ...]
    uses: tuple[Use, ...]


class ColoClass(msgspec.Struct, frozen=True):
    """A class of colocation; no reasons is that it takes the machines."""

    name: str
    reasons: tuple[str, ...]


class Colo(msgspec.Struct, frozen=True):
    """Who takes it, and the first year in full."""

    classes: tuple[ColoClass, ...]
    quote: ColoQuote


class ContractRow(msgspec.Struct, frozen=True):
    """One way to buy power over the study. per_year_usd: its bills. pv_usd: of all, at the rate of the
    study. break_even_frac_per_year: escalation of the tariff above which this one is cheaper."""

    name: str
    first_usd_per_kwh: float
    per_year_usd: tuple[float, ...]
    pv_usd: float
    usd_per_kwh: float
    p10_usd: float | None = None
    p90_usd: float | None = None
    break_even_frac_per_year: float | None = None
    is_agreed: bool = False


class Contracts(msgspec.Struct, frozen=True):
    """Ways to buy power. flat_usd_per_kwh: a price for all years that costs as much as the tariff."""

    months: int
    mean_kw: float
    flat_usd_per_kwh: float
    rows: tuple[ContractRow, ...]


class Plant(msgspec.Struct, frozen=True):
    """Own generation: cost of a kWh, by part where it is one machine, and months until it is there
    (low, likeliest, high). backup_frac: share of the energy that an engine makes beside it."""

    name: str
    lcoe: Lcoe | None
    usd_per_kwh: float
    g_per_kwh: float
    backup_frac: float
    months: tuple[float, float, float] | None
    terms: str


class Generation(msgspec.Struct, frozen=True):
    """Own generation beside the grid. speed: with the margin that waiting loses, least first.
    stored: what a kWh of the grid costs that went through a storage, by its losses alone."""

    plants: tuple[Plant, ...]
    speed: tuple[SpeedCost, ...]
    stored: dict[str, float]


class Carbon(msgspec.Struct, frozen=True):
    """CO2 of the power that is drawn. kg_per_mtok: of a million answer tokens."""

    g_per_kwh: float
    kg_per_month: float
    kg_per_mtok: float | None


class PlaceRow(msgspec.Struct, frozen=True):
    """A region as a place for this site, and its score: 0 is best in everything. months_to_power: of
    large loads; None for a site that is none."""

    region: str
    usd_per_kwh: float
    g_per_kwh: float
    months_to_power: float | None
    power_usd_per_year: float
    score: Score


class Calendar(msgspec.Struct, frozen=True):
    """The way to the first revenue. plan: likeliest durations; outlook: simulated. dates: P10, P50, P90.

    late_month_usd: what the first month of delay costs. risk: over the delays behind planned_months.
    """

    plan: Timetable
    outlook: Outlook
    spans: dict[str, tuple[float, float, float]]
    planned_months: float
    dates: tuple[date | None, date | None, date | None]
    late_month_usd: dict[str, float]
    risk: DelayRisk | None


class FleetPoint(msgspec.Struct, frozen=True):
    """The best fleet at another cap: value of the objective, and what one more kW would bring."""

    kw: float
    value: float
    per_kw: float


class Fleet(msgspec.Struct, frozen=True):
    """The best mix of machines within the cap, and what other caps would give.

    usd_per_mtok: what a million answer tokens bring with their prompts. least_usd_per_mtok: from
    which the cheapest machine is worth having.
    """

    mix: Mix
    types: int
    usd_per_mtok: float
    least_usd_per_mtok: float
    points: tuple[FleetPoint, ...]


class SiteReport(msgspec.Struct, frozen=True):
    """The whole study; a part that is None or empty has its reason in `notes`.

    pue_tenth_usd_per_year: what a PUE that is 0.1 better saves. pue_half: with half of the machines.
    """

    factory: str
    currency: str
    today: date
    region: str | None
    usd_per_kwh: float
    envelope: Envelope
    feeders: tuple[FeederRow, ...]
    chains: tuple[ChainRow, ...]
    pue_tenth_usd_per_year: float
    pue_half: float
    cooling: tuple[CoolingRow, ...]
    floor: tuple[FloorRow, ...]
    facility: Facility
    colo: Colo
    contracts: Contracts
    generation: Generation | None
    carbon: Carbon
    places: tuple[PlaceRow, ...]
    calendar: Calendar | None
    fleet: Fleet | None
    inputs: tuple[Sourced, ...]
    notes: tuple[str, ...]
