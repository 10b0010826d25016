"""Turns of what tenants pay, and of what the gateway is told."""

from __future__ import annotations

from tests.plan.studies.every_key.rates_text import METER_USD, braces
from tests.plan.studies.every_key.turn import TURNS, Turn, alike, turn

# --- what tenants pay -----------------------------------------------------------------------------

PLAIN, LEAST = "[[rate_plan]] plain", "[[rate_plan]] least"
KIND, METER, OTHER = "plans.plain.by_kind", "plans.plain.by_meter", "plans.promise"

turn(
    "bills", "rates", PLAIN,
    alike("plans.plain", OTHER, name='"simple"')
    | alike(METER, OTHER, free_mtok="{ output = 3 }", timezone='"Asia/Tokyo"')
    | alike(f"{KIND}.fee", f"{KIND}.usage", fee_usd_per_month="30")
    | alike(f"{KIND}.maximum", f"{KIND}.usage", maximum_usd_per_month="300")
    | alike(f"{KIND}.allowance", f"{KIND}.usage", free_usd_per_month="7")
    | alike(f"{KIND}.fee", f"{KIND}.usage", proration='"whole"'),
    ("[[tenant]] acme", "rate_plan", '"promise"'),
)  # fmt: skip
turn(
    "bills", "rates", PLAIN, alike("tenants.acme", OTHER, seat_usd_per_month="12"),
    ("[[tenant]] acme", "seats", "4"),
)  # fmt: skip
turn(
    "bills", "rates", LEAST,
    alike("plans.least.by_meter", OTHER, markup_percent="20")
    | alike("plans.least.by_kind.minimum", OTHER, minimum_usd_per_month="9_500"),
)  # fmt: skip
for meter, usd in METER_USD.items():
    row = Turn(
        "bills", "rates", PLAIN, "usd_per_mtok", braces({**METER_USD, meter: usd + 1}), METER, OTHER,
        inside=("usd_per_mtok", meter),
    )  # fmt: skip
    TURNS.append(row)

TIERS = "{ up_to_mtok = 5, usd_per_mtok = 2 }, { usd_per_mtok = 1, flat_usd = 3 }"
VOLUME = f"input = {{ volume = [{TIERS}] }}, output = 4"
EDGE = VOLUME.replace("= 5", "= 120")
PACKAGES = "input = 1, output = { package_mtok = 10, package_usd = 15 }"
PROMISE = "[[rate_plan]] promise"
for key, old, new, written in (
    ("graduated", "volume", "graduated", VOLUME),
    ("volume", "graduated", "volume", VOLUME.replace("volume", "graduated")),
    ("up_to_mtok", "up_to_mtok = 5", "up_to_mtok = 500", VOLUME),
    ("usd_per_mtok", "usd_per_mtok = 1", "usd_per_mtok = 1.5", VOLUME),
    ("flat_usd", "flat_usd = 3", "flat_usd = 4", VOLUME),
    ("bound", "] }", '], bound = "excluded" }', EDGE),
    ("package_mtok", "= 10", "= 7", PACKAGES),
    ("package_usd", "= 15", "= 16", PACKAGES),
):
    row = Turn(
        "bills", "rates", PROMISE, "usd_per_mtok", f"{{ {written.replace(old, new)} }}",
        "plans.promise", "plans.plain", ((PROMISE, "usd_per_mtok", f"{{ {written} }}"),),
        ("tiers and packages", key),
    )  # fmt: skip
    TURNS.append(row)

RATE, NIGHT, PROMISED = "[[rate_plan.rate]]", "[[rate_plan.band]] night", "[rate_plan.commitment]"
turn(
    "bills", "rates", RATE,
    alike(METER, OTHER, model='"house"', usd_per_mtok="{ output = 2 }", free_mtok="{ input = 2 }"),
)  # fmt: skip
turn(
    "bills",
    "rates",
    RATE,
    alike(METER, OTHER, pool='"cloud"'),
    (RATE, "model", None),
    (RATE, "pool", '"box"'),
)
turn(
    "bills",
    "rates",
    RATE,
    alike(METER, OTHER, band='"night"'),
    (NIGHT, "discount_percent", None),
    (NIGHT, "usd_per_mtok", "{ output = 2 }"),
)
turn(
    "bills", "rates", NIGHT,
    alike(METER, OTHER, name='"late"', days='["fri"]', hours='"21:00-09:30"', discount_percent="50"),
)  # fmt: skip
turn(
    "bills", "rates", NIGHT, alike(METER, OTHER, usd_per_mtok="{ output = 2 }", free_mtok="{ output = 1 }"),
    (NIGHT, "discount_percent", None), (NIGHT, "usd_per_mtok", "{ output = 3 }"),
)  # fmt: skip
turn(
    "bills", "rates", PROMISED,
    alike("plans.promise.by_kind", "plans.plain", usd="120", months="1", due='"start"', overage_percent="80"),
)  # fmt: skip
turn(
    "bills", "rates", PROMISED,
    alike("plans.promise.by_kind.commitment", "plans.plain", starts='"2026-10"'),
    (PROMISED, "usd", "9_000"),
)  # fmt: skip
ACME = "[[tenant]] acme"
TAX_FIELDS = {"rate_percent": "rate_percent", "name": "jurisdiction", "note": "note"}
ONE_RATE = '[{ model = "small", usd_per_mtok = { output = 9 } }]'
turn(
    "bills", "rates", ACME,
    alike("tenants.acme", "tenants.bolt", name='"acme-2"', rate_plan='"promise"', seats="4")
    | alike(
        "tenants.acme.by_meter", "plans.plain", usd_per_mtok="{ output = 9 }",
        free_mtok="{ output = 5 }", rate=ONE_RATE,
    )
    | alike("tenants.acme.by_kind.commitment", "plans.plain", commitment="{ usd = 5_000 }"),
)  # fmt: skip
turn(
    "bills", "rates", ACME,
    alike("tenants.acme.by_kind.minimum", "plans.plain", minimum_usd_per_month="1_600"),
    (PLAIN, "maximum_usd_per_month", None),
)  # fmt: skip
turn(
    "bills",
    "rates",
    "[[tenant]] bolt",
    alike("tenants.bolt.by_meter", "plans.least", markup_percent="50"),
)

for key, new in (("rate_percent", "9"), ("name", '"Sales"'), ("note", '"By hand"')):
    rule = {"rate_percent": "7", "name": '"GST"', "note": '"As told"'}
    row = Turn(
        "gateway", "rates", ACME, "tax", braces(rule | {key: new}), f"tax.acme.{TAX_FIELDS[key]}",
        "tax.bolt", ((ACME, "tax", braces(rule)),), ("tax", key),
    )  # fmt: skip
    TURNS.append(row)

# --- what the gateway is told ---------------------------------------------------------------------

turn(
    "gateway", "rates", "[[pool]] cloud",
    alike("pools.cloud", "pools.box", url='"http://10.0.0.9/v1"', served_model='"m"', api_key_env='"KEY"'),
)  # fmt: skip
turn("gateway", "rates", "[[pool]] here", alike("engines", "pools.box", threads="3"))
turn("gateway", "rates", "[serve]", alike("pools.box.max_waiting", "models", max_waiting="9"))
turn(
    "gateway", "rates", "[[model]]",
    alike("models", "pools", alias='"mill"', route='["box"]', max_output_tokens="500"),
    ("[[rate_plan.rate]]", "model", '"small"'),
)  # fmt: skip
