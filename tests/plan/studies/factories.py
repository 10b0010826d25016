"""Factory files for tests of studies."""

from datetime import date

from wattmill.catalog.factory import Factory, parse_factory

TODAY = date(2026, 11, 21)

POOL = """\
[[pool]]
name = "box"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.5:8000/v1"
paid_usd = 72_000

[[model]]
alias = "house"
route = ["box"]
"""

PLAN = """
[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 0.40, cached_input = 0.04, output = 1.60 }
"""

CLOUD = """
[[pool]]
name = "cloud"
model = "llama-3.1-70b"
url = "https://api.example.com/v1"
usd_per_mtok = { input = 3, output = 9 }
"""

LETS = """
[finance]
sells = "gpu_hours"
usd_per_hour = 1.5
utilisation_frac = 0.7
price_frac_per_year = -0.2
resale_frac_per_year = 0.7
tax_frac = 0.2
paths = 64

[[loan]]
name = "bank"
share_frac = 0.6
rate_frac_per_year = 0.12
months = 36
covenant_dscr = 1.2
"""
"""Cards that are let, and a loan for them."""


def factory(more: str = PLAN, pool: str = POOL) -> Factory:
    """The pool with more of a file behind it; `[site]` and `[finance]` may be in either."""
    return parse_factory(f"{more}\n{pool}", "factory.toml")


def pool(**keys: str) -> str:
    """The pool with keys set or replaced, as TOML writes them."""
    head, _, rest = POOL.partition("\n\n")
    lines = [line for line in head.splitlines() if line.split(" = ")[0] not in keys]
    return "\n".join([*lines, *(f"{key} = {value}" for key, value in keys.items())]) + "\n\n" + rest
