"""Factory files for tests of `wattmill buy` and `wattmill decide`."""

from wattmill.catalog.factory import Factory, parse_factory

CLOUD = """
[[pool]]
name = "cloud"
model = "llama-3.1-70b"
url = "https://api.example.com/v1"
usd_per_mtok = { input = 0.8, cached_input = 0.2, output = 1.6 }

[[model]]
alias = "house"
route = ["cloud"]
"""
BOX = """
[[pool]]
name = "box"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.5:8000/v1"
paid_usd = 52_000
"""
DEMAND = """
[demand]
input_mtok_per_month = 300
output_mtok_per_month = 100
cached_frac = 0.25
peak_to_mean = 3.0
growth_frac_per_year = 0.2
isl = 1500
osl = 500
"""
FINANCE = """
[finance]
starts = 2026-11-01
horizon_months = 36
discount_frac_per_year = 0.1
price_frac_per_year = -0.2
paths = 40
"""
API = """
[[offer]]
name = "api"
kind = "api"
usd_per_mtok = { input = 1.0, cached_input = 0.25, output = 4.0 }
"""
BUY = """
[[offer]]
name = "own"
kind = "buy"
hardware = "4x L40S"
precision = "fp8"
usd = 40_000
resale_usd = 8_000
"""


def choice(*parts: str, finance: str = FINANCE, demand: str = DEMAND) -> Factory:
    """A factory with a cloud, a demand, and what is given beside them."""
    return parse_factory("\n".join([finance, demand, CLOUD, *parts]), "factory.toml")


def plain(text: str = "") -> str:
    """`[finance]` without growth of prices and discount, and with more lines."""
    return f"[finance]\nstarts = 2026-11-01\nhorizon_months = 36\nprice_frac_per_year = 0.0\npaths = 40\n{text}\n"


STEADY = DEMAND.replace("growth_frac_per_year = 0.2", "growth_frac_per_year = 0.0")
"""The demand without growth."""
