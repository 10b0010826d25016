"""A site before it is built: premiums, what comes of applications, racks to come, power by the hour."""

from typing import Annotated

from wattmill.catalog import facilities
from wattmill.catalog.facilities import Attrition
from wattmill.core.errors import PlanError
from wattmill.plan.questions.facility import ROWS
from wattmill.plan.questions.inputs import Usd, named, positive, share
from wattmill.plan.questions.lists import Bands, Roadmap
from wattmill.plan.questions.registry import Found, Input, question
from wattmill.plan.questions.units import MONTH_S, unit
from wattmill.site import facility
from wattmill.site.time_of_use import HOURS_PER_DAY, tou_usd_per_kwh

WEEK = "Mean over a week of five working days: sum of load · price over sum of load"

AttritionName = Annotated[
    Attrition, named("a kind of application", "attrition", facilities.attrition)
]
Premium = Annotated[float, Input("share on top", "", -0.99, 10.0)]


@question("facility", gives="USD", source="Definition: cost · (1 + premium) · (1 + further)")
def with_premium(cost: Usd, premium: Premium, further: Premium = 0.0) -> float:
    """A cost with premiums on top of one another: for liquid cooling, for years of rising prices."""
    return facility.with_premium_usd(cost, premium, further)


@question("facility", gives="%", source=ROWS)
def done_share(application: AttritionName) -> Found:
    """Share of applications for power, or of projects, that reach the end."""
    return Found(application.done_frac, note=f"{application.source}, {application.as_of}")


@question("facility", gives="month", source="Definition: the first machine that no place can carry")
def density_wall(
    machines: Roadmap, place: Annotated[float, positive("the most that one place carries", "W")]
) -> Found:
    """When the first machine comes that a hall's places cannot carry."""
    found = facility.density_wall(place / 1000, machines)
    if found is None:
        raise PlanError("the places carry all of them", hint="that is the answer")
    return Found(found.month * MONTH_S, note=f"{found.unit_kw:g} kW in one piece")


@question("power", gives="USD/kWh", source=WEEK)
def tariff_by_hour(
    bands: Bands,
    night: Annotated[float, share("load from 22 to 6 over that of the day")] = 1.0,
    weekend: Annotated[float, share("load of weekends over that of working days")] = 1.0,
) -> float:
    """Mean price of a kWh under a tariff by the hour, for a load that may fall at night and weekends."""
    weekday = [night if h < 6 or h >= 22 else 1.0 for h in range(HOURS_PER_DAY)]
    price = tou_usd_per_kwh(bands, weekday, [weekend * load for load in weekday])
    return price * unit("USD/kWh").factor
