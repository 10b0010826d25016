"""Places for machines: what buildings and colocation cost, and what a hall leaves unused."""

from typing import Annotated

from wattmill.catalog import facilities
from wattmill.catalog.facilities import Build, ColoFee, ColoRule, LeadTime
from wattmill.core.errors import PlanError
from wattmill.plan.questions.inputs import (
    Power,
    Pue,
    choice,
    named,
    number,
    positive,
    share,
    whole,
)
from wattmill.plan.questions.registry import Bundle, Found, question
from wattmill.plan.questions.units import MONTH_S, unit
from wattmill.site import colo, facility

ROWS = "facilities.toml of the catalog, each row with its source"
BUILDING = "Definition: price of a megawatt · watts · PUE"
BILL = "Power, energy and the rest line by line; a month has 730 hours"
PER_KWH, PER_MW = unit("1/kWh").factor, unit("1/MW").factor

PerMw = Annotated[float, positive("price of a building for each megawatt", "USD/MW")]
PerM2 = Annotated[float, positive("price of a building for each square metre", "USD/m2")]
BuildName = Annotated[Build, named("a cost of building", "build", facilities.build)]
LeadTimeName = Annotated[LeadTime, named("a lead time", "lead time", facilities.lead_time)]
FeeName = Annotated[ColoFee, named("a fee of colocation", "colo fee", facilities.colo_fee)]
RuleName = Annotated[ColoRule, named("a class of colocation", "colo rule", facilities.colo_rule)]
KwMonth = Annotated[float, number("price of a committed kW", "USD/kW-month")]


# --- buildings ------------------------------------------------------------------------------------


@question("facility", gives="USD/MW", source=ROWS)
def build_cost(build: BuildName) -> Found:
    """What the catalog says that a megawatt of a building costs."""
    if build.per == "rack" and build.usd is not None and build.rack_kw is not None:
        return _seen(build, build.usd / (build.rack_kw * 1000))
    if build.per not in ("mw", "mw_it") or build.usd is None:
        raise PlanError(f"{build.name} is no price of a megawatt", hint="ask build_area_cost")
    return _seen(build, build.usd * PER_MW)


@question("facility", gives="USD/m2", source=ROWS)
def build_area_cost(build: BuildName) -> Found:
    """What the catalog says that a square metre of a building costs."""
    if build.per != "m2" or build.usd is None:
        raise PlanError(f"{build.name} is no price of an area", hint="ask build_cost")
    return _seen(build, build.usd)


def _seen(build: Build, value: float) -> Found:
    return Found(value, note=f"{build.source}, {build.as_of}; {build.terms}".rstrip("; "))


@question("facility", gives="USD", source=BUILDING)
def slot_cost(per_mw: PerMw, slot: Power, pue: Pue = 1.0) -> float:
    """Building for the place of one accelerator; a PUE where the price is that at the meter."""
    return facility.usd_per_slot(per_mw / PER_MW, slot, "mw", pue)


@question("facility", gives="USD", source=BUILDING)
def building_cost(power: Power, per_mw: PerMw, pue: Pue = 1.0) -> float:
    """A building for machines of so many watts; a PUE where the price is that at the meter."""
    return facility.building_usd(power, per_mw / PER_MW, "mw", pue)


@question("facility", gives="USD/MW", source="Definition: building + slots · price of one")
def all_in_cost(
    per_mw: PerMw,
    slots: Annotated[float, number("accelerators for each megawatt", "1/MW")],
    accelerator: Annotated[float, number("price of one, with its share of the host", "USD")],
) -> float:
    """A megawatt of building with the machines that fill it."""
    return facility.all_in_usd_per_mw(per_mw / PER_MW, slots / PER_MW, accelerator) * PER_MW


@question("facility", gives="W/m2", source="Definition: price of an area over that of power")
def implied_density(per_m2: PerM2, per_mw: PerMw) -> float:
    """Power for each square metre that two prices of one building imply."""
    return facility.w_per_m2(per_m2, per_mw / PER_MW)


@question("facility", gives="USD/m2", source="Definition: price of power · density")
def area_cost(
    per_mw: PerMw, density: Annotated[float, positive("power on an area", "W/m2")]
) -> float:
    """Price of a square metre of a building at a density."""
    return facility.usd_per_m2(per_mw / PER_MW, density)


@question("facility", gives="USD", source="Whole racks, each as full as its power allows")
def racks_cost(
    power: Power,
    machine: Annotated[float, positive("power of one machine, which cannot be cut", "W")],
    rack: Annotated[float, positive("building work for one rack", "USD")],
    rack_power: Annotated[float, positive("the most that such a rack carries", "W")],
) -> Found:
    """Building work for whole racks that carry machines of so many watts."""
    price = facility.RackPrice("asked", rack, rack_power / 1000)
    found = facility.rack_build(power / 1000, machine / 1000, price, machine / 1000)
    return Found(found.usd, note=f"{found.racks} racks")


@question("facility", gives="kW", source="Definition: power of a hall less what its places can use")
def stranded_power(
    hall: Power,
    places: Annotated[int, whole("places for racks")],
    place: Annotated[float, positive("the most that one place carries", "W")],
    machine: Annotated[float, positive("power of one machine, which cannot be cut", "W")],
    machines: Annotated[int, whole("machines that one rack holds at most")] = 1,
) -> Found:
    """Power of a hall that machines of a size cannot use, for want of places or of dense ones."""
    built = facility.Hall(hall / 1000, places, place / 1000, 0.0)
    found = facility.use(built, "asked", machine / 1000, machines)
    return Found(found.stranded_kw * 1000, binds=found.binds, note=f"{found.units} machines")


@question("facility", gives="month", source=ROWS)
def quoted_lead_time(
    lead_time: LeadTimeName,
    pick: Annotated[str, choice("which of the three", "likeliest", "shortest", "longest")] = (
        "likeliest"
    ),
) -> Found:
    """Time from order to ready, as the catalog has it."""
    months = dict(zip(("shortest", "likeliest", "longest"), lead_time.months, strict=True))
    return Found(months[pick] * MONTH_S, note=f"{lead_time.source}, {lead_time.as_of}")


# --- colocation -----------------------------------------------------------------------------------


class Colocated(Bundle, frozen=True):
    """A place in colocation: the peak is committed, energy goes by the mean."""

    power: Power
    per_kw: KwMonth
    price: Annotated[
        float, number("metered energy on top; 0: it is in the price", "USD/kWh", high=100)
    ] = 0.0
    pue: Pue = 1.0
    load: Annotated[float, share("mean power over the peak")] = 1.0
    other: Annotated[float, number("cross connects, remote hands, racks", "USD/month")] = 0.0

    def quote(self, setup: float = 0.0) -> colo.ColoQuote:
        """What it costs."""
        there = colo.Deployment(1, self.power / 1000)
        asked = colo.ColoPrice(
            usd_per_kw_month=self.per_kw * 1000 * MONTH_S,
            usd_per_kwh=self.price / PER_KWH if self.price else None,
            pue=self.pue, setup_usd=setup, rack_usd_per_month=self.other * MONTH_S,
        )  # fmt: skip
        return colo.quote(there, asked, colo.ColoUse(mean_kw=self.load * there.kw))


@question("facility", gives="USD/month", source=BILL)
def colo_bill(place: Colocated) -> float:
    """What a place in colocation costs each month: the peak committed, energy by the mean."""
    return place.quote().usd_per_month / MONTH_S


@question("facility", gives="USD", source=BILL)
def colo_first_year(
    place: Colocated, setup: Annotated[float, number("once, at the start", "USD")] = 0.0
) -> float:
    """What a place in colocation costs in its first year, with what is paid once."""
    return place.quote(setup).first_year_usd


@question("facility", gives="kW", source=ROWS)
def colo_limit(
    colo_class: RuleName, cooled: Annotated[str, choice("by", "air", "liquid")] = "air"
) -> Found:
    """The most that a rack may draw in a class of colocation."""
    most = colo_class.air_kw_per_rack if cooled == "air" else colo_class.liquid_kw_per_rack
    if most is None:
        raise PlanError(f"{colo_class.name} has no liquid cooling", hint="ask high-density")
    return Found(most * 1000, note=f"{colo_class.source}, {colo_class.as_of}")


@question("facility", gives="USD/kW-month", source=ROWS)
def colo_power_fee(
    fee: FeeName, pick: Annotated[str, choice("end", "low", "high")] = "low"
) -> Found:
    """What the catalog says that a committed kW costs in colocation."""
    if fee.unit != "usd_per_kw_month":
        raise PlanError(f"{fee.name} is no fee for a kW", hint="ask it of 'power'")
    value = fee.low if pick == "low" else fee.high
    return Found(value / (1000 * MONTH_S), note=f"{fee.source}, {fee.as_of}")
