"""A hall of H100s and a rack of L40S for tests of site studies."""

from functools import cache

from tests.plan.studies.factories import PLAN, TODAY, factory
from wattmill.plan.studies.site.fleet import Limits
from wattmill.plan.studies.site.report import SiteReport
from wattmill.plan.studies.site.study import study

HALL = """
[site]
region = "US-VA"
power_usd_per_kwh = 0.09
pue = 1.25
power_cap_kw = 1500
colo_usd_per_kw_month = 0
feed_v = 415
feed_phases = 3
power_factor = 0.95
rack_kw = 45
rack_kg = 1500
floor_kg_per_m2 = 400
delivery = "415v"
cooling = "rear-door"
water_delta_k = 10
air_delta_k = 12
altitude_m = 100
carbon_g_per_kwh = 300
facility_usd_per_mw = 12e6
facility_life_months = 240
energised = 2028-06-01

[site.power_contract]
kind = "ppa"
usd_per_kwh = 0.065
escalation_frac_per_year = 0.02
until = 2031-12-31
share_frac = 0.9
demand_usd_per_kw_month = 8
peak_usd_per_kwh = 0.15
peak_frac = 0.1
volatility_frac_per_year = 0.2

[[site.lead_time]]
name = "permits"
months = [3, 5, 9]

[[site.lead_time]]
name = "interconnection"
months = [10, 16, 34]
after = ["permits"]
shape = "lognormal"
done_frac = 0.95

[[site.lead_time]]
name = "shell"
months = [12, 15, 20]
after = ["permits"]

[[site.lead_time]]
name = "commissioning"
months = [1, 2, 4]
after = ["interconnection", "shell"]

[finance]
horizon_months = 84
discount_frac_per_year = 0.10
inflation_frac_per_year = 0.025
resale_frac_per_year = 0.7
sells = "gpu_hours"
usd_per_hour = 2.4
utilisation_frac = 0.7
staff_usd_per_month = 40_000
other_usd_per_month = 100
seed = 1

[[loan]]
name = "bank"
share_frac = 0.6
rate_frac_per_year = 0.11
months = 48
"""

POOL = """
[[pool]]
name = "hall"
model = "llama-3.1-70b"
hardware = "640x H100-SXM"
tp = 8
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.5:8000/v1"
paid_usd = 20_000_000

[[model]]
alias = "house"
route = ["hall"]
"""


def seen(text: str = HALL, pool: str = POOL, mix: Limits | None = None) -> SiteReport:
    """The study of a text."""
    return study(factory(text, pool), TODAY, mix=mix)


def changed(old: str, new: str, mix: Limits | None = None) -> SiteReport:
    """The hall with one thing changed."""
    assert old in HALL, old
    return seen(HALL.replace(old, new, 1), mix=mix)


@cache
def hall() -> SiteReport:
    """The hall as it is."""
    return seen()


@cache
def small() -> SiteReport:
    """Four cards in one rack."""
    return study(factory(PLAN), TODAY)
