"""Factory files with offers, changes and candidates."""

CHOICE = """
[finance]
starts = 2026-11-01
horizon_months = 36
price_frac_per_year = -0.2

[demand]
input_mtok_per_month = 6_000
output_mtok_per_month = 2_000
cached_frac = 0.25
peak_to_mean = 3.0
growth_frac_per_year = 0.2
isl = 1500
osl = 500
ttft_ms = 4_000
tpot_ms = 200

[[offer]]
name = "own"
kind = "buy"
hardware = "4x L40S"
model = "llama-3.1-70b"
precision = "fp8"
engine = "vllm"
usd = 40_000
setup_usd = 1_000
other_usd_per_month = 100
months = 30
life_months = 36
resale_usd = 8_000
kw = 1.9
available = 2027-01-01

[[offer]]
name = "rented"
kind = "rent"
hardware = "4x L40S"
precision = "fp8"
usd_per_hour = 0.8
billed_frac = 0.9
months = 12

[[offer]]
name = "leased"
kind = "lease"
hardware = "4x L40S"
precision = "fp8"
usd_per_month = 1_500
months = 24
buyout_usd = 4_000
deposit_usd = 3_000

[[offer]]
name = "api"
kind = "api"
usd_per_mtok = { input = 1.0, cached_input = 0.25, output = 4.0 }

[[offer]]
name = "named"
kind = "api"
model = "llama-3.1-70b"

[[offer]]
name = "mixed"
kind = "hybrid"
parts = ["rented", "api"]

[[change]]
name = "distil"
kind = "distill"
pool = "box"
model = "llama-3.1-8b"
usd = 5_000
usd_per_month = 100
months = 2
repeat_months = 12
repeat_usd = 500
traffic_frac = 0.5
retry_frac = 0.1

[[change]]
name = "rag"
kind = "rag"
pool = "box"
prompt_tokens = -500

[[change]]
name = "cache"
kind = "cache"
pool = "box"
hit_frac = 0.6

[[change]]
name = "narrow"
kind = "quantise"
pool = "box"
precision = "int4"

[[change]]
name = "second"
kind = "second-node"
pool = "box"
hardware = "4x L40S"
usd = 20_000
"""

SWAP = """
[site]
power_usd_per_kwh = 0.1
pue = 1.25
colo_usd_per_kw_month = 160

[finance]
horizon_months = 24
sells = "gpu_hours"
usd_per_hour = 1.2
utilisation_frac = 0.7
price_frac_per_year = -0.2
resale_frac_per_year = 0.7
selling_cost_frac = 0.05

[finance.rent]
volatility_frac_per_year = 0
scarcity_factor = 1

[[loan]]
name = "bank"
share_frac = 0.8
rate_frac_per_year = 0.12
months = 48

[[candidate]]
name = "better"
hardware = "2x RTX-PRO-6000"
usd = 20_000
usd_per_hour = 2.0
kw = 0.6
available = 2027-03-01
life_months = 18
most = 4

[[pool]]
name = "box"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.5:8000/v1"
paid_usd = 48_000
bought = 2025-05-01
life_months = 48

[[model]]
alias = "house"
route = ["box"]
"""
