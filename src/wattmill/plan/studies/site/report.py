"""What `wattmill site` answers, as frozen records.

Amounts are in the currency of the factory file, but prices of the catalog, which are in USD. Power is in
kW; `peak` is what must be provided, `mean` what the planned load draws. None is not known.
"""

from __future__ import annotations

from datetime import date

import msgspec

from wattmill.finance.delay import DelayRisk
from wattmill.plan.fleet.records import Mix
from wattmill.plan.studies.sourced import Sourced
from wattmill.site.calendar import Outlook, Timetable
from wattmill.site.carbon import Score
from wattmill.site.colo import ColoQuote
from wattmill.site.facility import RackBuild, Use
from wattmill.site.generation import Lcoe, SpeedCost

LARGE_KW = 500.0
"""kW at the meter below which a site has what somebody else built."""


class Stand(msgspec.Struct, frozen=True):
    """One pool in its racks. binds: power, space or mass. rack_kw, rack_kg, rack_units: of a full rack.

    slot_w: of one card with its share of the host, at the machine. slots_per_mw: at the meter.
    """

    pool: str
    card: str
    cards: int
    system: str
    machines: int
    machine_kw: float
    is_liquid: bool
    per_rack: int
    racks: int
    binds: str
    limit_kw: float
    rack_kw: float
    rack_kg: float | None
    rack_units: float | None
    slot_w: float
    slots_per_mw: float


class PowerStep(msgspec.Struct, frozen=True):
    """One part of the way from cards to the meter, kW at the peak."""

    name: str
    kw: float


class Envelope(msgspec.Struct, frozen=True):
    """The power that is committed. steps add up to committed_kw. free_slots: whole cards that the cap
    has left, of the first pool's kind."""

    machines_kw: float
    mean_machines_kw: float
    pue: float
    committed_kw: float
    mean_kw: float
    cap_kw: float | None
    over_kw: float | None
    free_slots: int | None
    racks: int
    steps: tuple[PowerStep, ...]
    stands: tuple[Stand, ...]

    @property
    def is_large(self) -> bool:
        """Whether it may have a connection, a PPA and a plant of its own."""
        return self.committed_kw >= LARGE_KW


class FeederRow(msgspec.Struct, frozen=True):
    """One feed that carries a whole rack. small_feeds: how many of small_breaker_a would, one more
    being a spare. refusal: why no feed of this voltage does; then the rest is None."""

    rack: str
    volts: float
    phases: int
    kw: float
    is_own: bool
    current_a: float
    breaker_a: float | None = None
    wires: str | None = None
    drop_frac: float | None = None
    loss_w: float | None = None
    metal_kg: float | None = None
    small_breaker_a: float | None = None
    small_feeds: int | None = None
    refusal: str | None = None


class ChainRow(msgspec.Struct, frozen=True):
    """A delivery chain under the load of this site, at the mean.

    facility_loss_kw is inside the PUE, it_loss_kw inside the machines' own meter; both are cooled.
    meter_kw: with cooling. saves_usd_per_year: against the site's own chain. stated: what somebody
    says that the whole chain gives, low to high.
    """

    name: str
    is_own: bool
    efficiency_frac: float
    facility_loss_kw: float
    it_loss_kw: float
    meter_kw: float
    pue: float
    losses_usd_per_year: float
    saves_usd_per_year: float
    stated: tuple[float, float] | None


class CoolingRow(msgspec.Struct, frozen=True):
    """A way to cool one full rack of a pool; flows are of one rack, totals of all of them.

    pue: of a site that is cooled so. saves_usd_per_year: by that PUE against the site's; below 0 it
    costs. is_own: what the study takes.
    """

    pool: str
    way: str
    is_own: bool
    up_to_kw: float
    air_w: float
    liquid_w: float
    air_m3_per_s: float
    air_cfm: float
    liquid_l_per_min: float
    total_cfm: float
    total_l_per_min: float
    pue: float | None
    saves_usd_per_year: float | None


class FloorRow(msgspec.Struct, frozen=True):
    """A rack of a pool on the floor. aisle_m: front and rear together from which it would be borne."""

    pool: str
    rack_kg: float | None
    limit_kg_per_m2: float
    kg_per_m2: float | None
    foot_kg: float | None
    is_borne: bool | None
    reasons: tuple[str, ...]
    aisle_m: float | None
    m2: float
    w_per_m2: float


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
    """A region as a place for this site, and its score: 0 is best in everything."""

    region: str
    usd_per_kwh: float
    g_per_kwh: float
    months_to_power: float
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
