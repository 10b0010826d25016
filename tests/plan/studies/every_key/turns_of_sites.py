"""Turns of the site, its power contract, and the way to its first kW."""

from __future__ import annotations

from tests.plan.studies.every_key.turn import BOOKS, SOLD, SPENT, alike, turn

# --- [site] ---------------------------------------------------------------------------------------

turn("plan", "books", "[site]", alike("site.name", "pools", name='"hall"'))
turn("plan", "books", "[site]", alike("site.over_cap_kw", "pools.box.cost", power_cap_kw="2"))
turn("books", "books", "[site]", alike(SPENT, SOLD, pue="1.5", colo_usd_per_kw_month="120"))
turn(
    "books", "books", "[site]", alike(SPENT, SOLD, power_usd_per_kwh="0.2"),
    ("[site.power_contract]", "then_usd_per_kwh", None),
)  # fmt: skip
turn(
    "books", "books", "[site]",
    alike(BOOKS, SOLD, facility_usd_per_mw="11e6", facility_life_months="120")
    | alike(SOLD, "start", energised="2027-06-01"),
)  # fmt: skip
turn(
    "site", "hall", "[site]",
    alike("contracts.rows", "envelope", region='"US-TX"')
    | alike("feeders", "envelope.committed_kw", feed_v="480", feed_phases="1", power_factor="0.9")
    | alike("envelope.racks", "envelope.committed_kw", rack_kw="90", rack_kg="400")
    | alike("floor", "envelope", floor_kg_per_m2="300")
    | alike("chains", "envelope.committed_kw", delivery='"800vdc"')
    | alike("cooling", "feeders", water_delta_k="8", air_delta_k="10", altitude_m="1000")
    | alike("carbon", "contracts", carbon_g_per_kwh="200")
    | alike("envelope.free_slots", "envelope.committed_kw", power_cap_kw="1400")
    | alike("calendar.planned_months", "envelope", energised="2028-09-01"),
)  # fmt: skip
turn(
    "site", "hall", "[site]", alike("envelope.racks", "contracts", cooling='"direct-to-chip"'),
    ("[site]", "rack_kw", None),
)  # fmt: skip

CONTRACT = "[site.power_contract]"
turn(
    "books", "books", CONTRACT,
    alike(
        SPENT, SOLD, usd_per_kwh="0.08", escalation_frac_per_year="0.03", until="2028-01-01",
        then_usd_per_kwh="0.2", share_frac="0.8", demand_usd_per_kw_month="9", peak_usd_per_kwh="0.3",
        peak_frac="0.3",
    )
    | alike("random.power", SOLD, kind='"spot"'),
)  # fmt: skip
turn("site", "hall", CONTRACT, alike("contracts.rows", "envelope", kind='"tariff"'))
turn(
    "books", "books", CONTRACT, alike("random.power", SPENT, volatility_frac_per_year="0.4"),
    (CONTRACT, "kind", '"spot"'),
)  # fmt: skip
turn(
    "site", "hall", "[[site.lead_time]] interconnection",
    alike("calendar.plan", "envelope", months="[10, 18, 36]", after="[]")
    | alike("calendar.outlook", "calendar.plan", shape='"pert"', done_frac="0.9"),
)  # fmt: skip
turn(
    "site", "hall", "[[site.lead_time]] commissioning",
    alike("calendar.spans", "envelope", name='"hand-over"'),
)  # fmt: skip
