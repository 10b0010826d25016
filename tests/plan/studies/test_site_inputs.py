"""Every key of the site moves what the study answers, and every number says where it is from."""

import re

import msgspec
import pytest

from tests.plan.studies.halls import HALL, changed, hall, small
from wattmill.catalog.factory import KEYS
from wattmill.plan.studies.site.report import SiteReport

WORDS = {
    'region = "US-VA"': 'region = "US-TX"',
    'delivery = "415v"': 'delivery = "480v"',
    'cooling = "rear-door"': 'cooling = "rear-door-active"',
    "feed_phases = 3": "feed_phases = 1",
    "energised = 2028-06-01": "energised = 2028-12-01",
    "rack_kg = 1500": "rack_kg = 500",
    'kind = "ppa"': 'kind = "tariff"',
    "until = 2031-12-31": "until = 2029-12-31",
    "months = [12, 15, 20]": "months = [18, 25, 30]",
    'shape = "lognormal"': 'shape = "pert"',
    'after = ["interconnection", "shell"]': 'after = ["shell"]',
    "share_frac = 0.9": "share_frac = 0.9\nthen_usd_per_kwh = 0.2",
    "done_frac = 0.95": "done_frac = 0.8",
    'sells = "gpu_hours"': 'sells = "tokens"',
    "share_frac = 0.6": "share_frac = 0.8",
}
"""What is not a number, or no other number will do, and what it becomes."""


def numbers() -> dict[str, str]:
    """Each line with a number, and the same with another."""
    found = {}
    for line in HALL.splitlines():
        number = re.fullmatch(r"(\w+ = )([0-9][0-9_.e]*)", line)
        if number and line not in WORDS:
            whole = number[2].replace("_", "").isdecimal()
            value = float(number[2])
            found[line] = number[1] + (str(int(value) + 12) if whole else repr(value * 1.05))
    return {old: new for old, new in found.items() if old != "months = 48"}


def answers(report: SiteReport) -> bytes:
    """All that is answered, without the inputs."""
    return msgspec.json.encode(msgspec.structs.replace(report, inputs=()))


@pytest.mark.parametrize(("old", "new"), [*numbers().items(), *WORDS.items()])
def test_every_input_moves_something(old: str, new: str) -> None:
    assert answers(changed(old, new)) != answers(hall())


def test_every_key_of_the_site_is_walked() -> None:
    elsewhere = {"name", "timezone", "currency", "keep_details_days", "power_contract", "lead_time"}
    wanted = {
        *KEYS["[site]"],
        *KEYS["[site.power_contract]"],
        *KEYS["[[site.lead_time]]"],
    } - elsewhere
    walked = HALL + "\n".join(WORDS.values())
    assert {key for key in wanted if not re.search(rf"^{key} = ", walked, re.M)} == set()


@pytest.mark.parametrize("report", [hall, small])
def test_every_number_says_where_it_is_from(report: object) -> None:
    inputs = report().inputs  # type: ignore[operator]
    names = [each.name for each in inputs]
    assert len(names) == len(set(names))
    for each in inputs:
        assert each.value is not None, each.name
        assert each.unit, each.name
        assert each.source.startswith(("factory file [", "catalog: ", "computed by ", "default")), (
            each
        )


def test_what_the_file_says_is_said_to_be_from_the_file() -> None:
    sources = {each.name: each.source for each in hall().inputs}
    for key in (
        "pue",
        "rack_kw",
        "rack_kg",
        "delivery",
        "cooling",
        "carbon_g_per_kwh",
        "energised",
    ):
        assert sources[f"site.{key}"] == f"factory file [site] {key}"
    assert sources["lead_time.shell"] == "factory file [[site.lead_time]]"
