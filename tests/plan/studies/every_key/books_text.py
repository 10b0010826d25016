"""A factory file that says everything about money over time."""

BOOKS = """
[site]
power_usd_per_kwh = 0.1
pue = 1.3
colo_usd_per_kw_month = 100
facility_usd_per_mw = 10e6
facility_life_months = 240
energised = 2027-02-01
timezone = "UTC"
currency = "USD"

[site.power_contract]
kind = "ppa"
usd_per_kwh = 0.07
escalation_frac_per_year = 0.01
until = 2028-11-01
then_usd_per_kwh = 0.09
share_frac = 0.9
demand_usd_per_kw_month = 5
peak_usd_per_kwh = 0.2
peak_frac = 0.2
volatility_frac_per_year = 0.2

[finance]
starts = 2026-11-01
horizon_months = 36
discount_frac_per_year = 0.12
inflation_frac_per_year = 0.02
tax_frac = 0.2
depreciation = "straight"
bonus_frac = 0.1
loss_offset_frac = 0.9
interest_cap_frac = 0.3
resale_frac_per_year = 0.7
selling_cost_frac = 0.05
sells = "tokens"
usd_per_mtok = 20.0
utilisation_frac = 0.5
ramp_months = 3
contracted_frac = 0.2
contract_months = 24
contract_price_frac = 0.9
take_or_pay = true
price_frac_per_year = -0.1
elasticity = 0.5
staff_usd_per_month = 100
maintenance_frac_per_year = 0.02
insurance_frac_per_year = 0.01
revenue_share_frac = 0.03
other_usd_per_month = 50
working_capital_days = 30
vat_frac = 0.19
vat_months = 1
paths = 20
seed = 1

[finance.token_price]
start = 20.0
anchor = 18.0
anchor_frac_per_year = -0.1
half_life_months = 9
volatility_frac_per_year = 0.2
scarcity_factor = 1.3
scarcity_starts_per_year = 0.5
scarcity_months = 6
scarce_now = false

[finance.power]
half_life_months = 6

[finance.resale]
half_life_months = 6

[finance.correlation]
"token_price:power" = 0.2
"token_price:resale" = 0.3
"power:resale" = 0.1

[[capex]]
name = "racks"
usd = 10_000
bought = 2026-12-01
life_months = 24
resale_usd = 100

[[loan]]
name = "bank"
usd = 20_000
rate_frac_per_year = 0.1
months = 24
kind = "level"
interest_only_months = 2
fee_frac = 0.01
sweep_frac = 0.1
starts = 2027-04-01
draw_months = 2
dsra_months = 3
covenant_dscr = 1.5
covenant_ltv = 0.6
covenant_months = 6

[[loan]]
name = "fund"
share_frac = 0.1
rate_frac_per_year = 0.1
months = 24
kind = "balloon"
balloon_frac = 0.2

[[lease]]
name = "let"
pool = "let"
usd_per_month = 900
months = 24
buyout_usd = 2_000
deposit_usd = 1_000
escalation_frac_per_year = 0.02

[demand]
input_mtok_per_month = 1_000
output_mtok_per_month = 300
cached_frac = 0.1
peak_to_mean = 3.0
growth_frac_per_year = 0.05
isl = 1000
osl = 300
"""

MACHINES = """
[[pool]]
name = "box"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
kv_precision = "fp16"
engine = "vllm"
url = "http://10.0.0.5:8000/v1"
tp = 4
context = 8192
slots = 16
paid_usd = 52_000
bought = 2026-11-01
life_months = 36
resale_usd = 2_000
idle_w = 400
busy_w = 1_500

[[pool]]
name = "let"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.6:8000/v1"

[[pool]]
name = "cloud"
model = "llama-3.1-70b"
url = "https://api.example.com/v1"
usd_per_mtok = { input = 0.8, cached_input = 0.2, output = 1.6 }

[[model]]
alias = "house"
route = ["box", "cloud"]

[[rate_plan]]
name = "standard"
usd_per_mtok = { input = 0.40, cached_input = 0.04, output = 1.60 }
"""
