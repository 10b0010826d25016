"""A factory file with rate plans of every kind."""

from collections.abc import Mapping

METER_USD = {
    "input": 1,
    "cached_input": 2,
    "cache_write": 3,
    "output": 4,
    "reasoning": 5,
    "audio_in": 6,
    "audio_out": 7,
    "image_in": 8,
}


def braces(values: Mapping[str, object]) -> str:
    """A table in one line."""
    return f"{{ {', '.join(f'{key} = {value}' for key, value in values.items())} }}"


RATES = """
[[pool]]
name = "box"
model = "llama-3.1-8b"
hardware = "1x L40S"

[[pool]]
name = "cloud"
model = "llama-3.1-8b"
url = "https://api.example.com/v1"
usd_per_mtok = { input = 0.8, output = 1.6 }

[[pool]]
name = "here"
model = "demo"
path = "demo"

[[model]]
alias = "house"
route = ["box", "cloud"]
max_output_tokens = 1_000

[[model]]
alias = "small"
route = ["box"]

[[rate_plan]]
name = "plain"
timezone = "UTC"
usd_per_mtok = EACH_METER
free_mtok = { output = 2 }
fee_usd_per_month = 20
seat_usd_per_month = 10
free_usd_per_month = 5
maximum_usd_per_month = 900
proration = "elapsed"

[[rate_plan.rate]]
model = "small"
usd_per_mtok = { output = 3 }
free_mtok = { input = 1 }

[[rate_plan.band]]
name = "night"
days = ["mon", "tue", "wed", "thu", "fri"]
hours = "22:00-06:00"
discount_percent = 40

[[rate_plan]]
name = "least"
usd_per_mtok = { input = 2, cached_input = 0.5, output = 4 }
markup_percent = 15
minimum_usd_per_month = 9_000

[[rate_plan]]
name = "promise"
usd_per_mtok = { input = 1, output = 2 }

[rate_plan.commitment]
usd = 90
months = 3
starts = "2026-09"
due = "end"
overage_percent = 90

[[tenant]]
name = "acme"
rate_plan = "plain"

[[tenant]]
name = "bolt"
rate_plan = "least"
"""
