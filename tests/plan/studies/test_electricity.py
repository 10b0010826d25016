"""What a kWh costs where the file does not say it."""

import pytest

from tests.plan.studies.choices import API, BOX, BUY, choice
from tests.plan.studies.factories import PLAN, POOL, TODAY, factory, pool
from tests.plan.studies.halls import HALL, seen
from wattmill.catalog.factory import Factory
from wattmill.plan.studies.buy.study import study as buy
from wattmill.plan.studies.electricity import power_usd_per_kwh
from wattmill.plan.studies.inputs import study_inputs
from wattmill.plan.studies.replace.study import study as replace
from wattmill.plan.studies.sourced import Sourced, Sources

LARGE = POOL.replace("4x L40S", "1600x L40S")


def site(text: str, cards: str = POOL) -> Factory:
    return factory(f"[site]\n{text}\n{PLAN}", cards)


def price(found: Factory) -> Sourced:
    sources = Sources(found)
    power_usd_per_kwh(found, sources)
    return next(each for each in sources.all if each.name == "site.power_usd_per_kwh")


@pytest.mark.parametrize(
    ("text", "cards", "terms"),
    [('region = "US-VA"', POOL, "commercial"), ('region = "US-VA"', LARGE, "industrial"),
     ('region = "US-NM"', POOL, "commercial"), ('region = "DE-HE"', POOL, "EUR")],
)  # fmt: skip
def test_a_region_has_its_price(text: str, cards: str, terms: str) -> None:
    found = price(site(text, cards))
    assert found.source.startswith("catalog: power_usd_per_kwh of ")
    assert terms in found.source
    assert found.value != 0.12


def test_large_machines_buy_as_industry_does() -> None:
    small, large = (price(site('region = "US-VA"', cards)).value for cards in (POOL, LARGE))
    assert isinstance(small, float)
    assert isinstance(large, float)
    assert large < small


@pytest.mark.parametrize("text", ["", 'region = "JP-13"'])
def test_without_a_price_of_the_region_it_is_the_default(text: str) -> None:
    found = price(site(text))
    assert (found.value, found.source[:7]) == (0.12, "default")


def test_the_file_goes_before_the_catalog() -> None:
    found = price(site('region = "US-TX"\npower_usd_per_kwh = 0.2'))
    assert (found.value, found.source) == (0.2, "factory file [site] power_usd_per_kwh")


def inputs_of(study: str, *lines: str) -> tuple[Sourced, ...]:
    """What a study takes in a factory with these lines in its `[site]`."""
    text = "\n".join(["[site]", *lines, ""])
    if study == "buy":
        return buy(choice(text, BOX, API, BUY), TODAY, paths=0).inputs
    if study == "site":
        bare = HALL.replace("power_usd_per_kwh = 0.09\n", "").replace('region = "US-VA"\n', "")
        return seen(bare.replace("[site]\n", text, 1)).inputs
    here = factory(text + PLAN, pool(bought="2025-11-01"))
    if study == "replace":
        return replace(here, TODAY).inputs
    return study_inputs(here, TODAY).sources


@pytest.mark.parametrize("study", ["buy", "site", "replace", "finance"])
def test_every_study_moves_with_the_region(study: str) -> None:
    texas, california = (
        next(
            each.value
            for each in inputs_of(study, f'region = "{region}"')
            if each.name == "site.power_usd_per_kwh"
        )
        for region in ("US-TX", "US-CA")
    )
    assert isinstance(texas, float)
    assert isinstance(california, float)
    assert texas < california


@pytest.mark.parametrize("study", ["buy", "site", "replace", "finance"])
def test_power_that_costs_nothing_stays_so(study: str) -> None:
    """As in a colocation whose price has the energy in it."""
    names = {each.name for each in inputs_of(study, "power_usd_per_kwh = 0")}
    assert "site.power_usd_per_kwh" in names
    assert study == "site" or "finance.power.start" not in names
