"""Turns of demand, pools, offers, changes and candidates."""

from __future__ import annotations

from tests.plan.studies.every_key.turn import BOOKS, MARKET, SOLD, SPENT, alike, turn

# --- [demand] and pools ---------------------------------------------------------------------------

turn(
    "books", "books", "[demand]",
    alike(
        SOLD, MARKET, output_mtok_per_month="310", cached_frac="0.2", growth_frac_per_year="0.2",
        isl="1_030", osl="310",
    ),
)  # fmt: skip
turn(
    "books", "books", "[demand]", alike(SOLD, MARKET, input_mtok_per_month="900"),
    ("[demand]", "isl", None), ("[demand]", "osl", None),
)  # fmt: skip
turn(
    "books", "books", "[demand]", alike(SOLD, MARKET, peak_to_mean="9"),
    ("[demand]", "input_mtok_per_month", "10_000"), ("[demand]", "output_mtok_per_month", "3_000"),
)  # fmt: skip
turn(
    "options", "choice", "[demand]",
    alike(
        "own.cost_usd", "own.first_usd", output_mtok_per_month="2_050", peak_to_mean="4",
        growth_frac_per_year="0.3", ttft_ms="400", tpot_ms="30",
    )
    | alike("own.usd_per_mtok", "own.first_usd", input_mtok_per_month="6_100"),
)  # fmt: skip

BOX = "[[pool]] box"
turn(
    "plan", "books", BOX,
    alike(
        "pools.box.performance", "pools.let", model='"llama-3.1-8b"', hardware='"8x L40S"',
        precision='"int4"', kv_precision='"fp8"', engine='"sglang"', tp="2", slots="8",
    )
    | alike("pools.box.users", "pools.box.performance", context="4096")
    | alike("pools.box.cost", "pools.let", paid_usd="60_000", life_months="48", resale_usd="4_000")
    | alike("site.mean_kw", "pools.let", busy_w="1_700"),
)  # fmt: skip
turn("books", "books", BOX, alike(BOOKS, "discount", bought="2026-12-01"))
turn("books", "books", BOX, alike(SPENT, SOLD, idle_w="500"))
turn(
    "plan", "books", "[[pool]] cloud",
    alike("clouds", "site", usd_per_mtok="{ input = 1, output = 2 }"),
)  # fmt: skip

# --- [[offer]], [[change]], [[candidate]] ---------------------------------------------------------

OWN = "[[offer]] own"
turn(
    "options", "choice", OWN,
    alike(
        "own", "rented", name='"mine"', hardware='"8x L40S"', model='"llama-3.1-8b"',
        precision='"int4"', engine='"sglang"', usd="44_000", setup_usd="1_500",
        other_usd_per_month="150", months="20", life_months="40", resale_usd="9_000", kw="2.0",
        available="2027-02-01",
    ),
)  # fmt: skip
turn(
    "options", "choice", OWN, alike("own.by_line_usd", "rented", kind='"rent"'),
    *((OWN, key, None) for key in ("usd", "life_months", "resale_usd", "kw")),
)  # fmt: skip
turn(
    "options", "choice", "[[offer]] rented",
    alike("rented.cost_usd", "own", usd_per_hour="0.9", billed_frac="0.8", months="18"),
)  # fmt: skip
turn(
    "options", "choice", "[[offer]] leased",
    alike(
        "leased.cost_usd", "own", usd_per_month="1_600", buyout_usd="5_000", deposit_usd="4_000",
        months="20", resale_usd="500",
    ),
)  # fmt: skip
turn(
    "options", "choice", "[[offer]] api",
    alike(
        "api.by_line_usd", "own.first_usd",
        usd_per_mtok="{ input = 1.1, cached_input = 0.25, output = 4.0 }",
    ),
)  # fmt: skip
turn("options", "choice", "[[offer]] named", alike("own", "start", api='"DeepInfra/phi-4"'))
turn(
    "options",
    "choice",
    "[[offer]] mixed",
    alike("mixed.cost_usd", "own", parts='["leased", "api"]'),
)

DISTIL = "[[change]] distil"
turn(
    "distill", "choice", DISTIL,
    alike("distil", "demand", name='"smaller"')
    | alike("distil.is_own", "distil.once_usd", pool='"cloud"')
    | alike("distil.once_usd", "distil.saved", usd="6_000")
    | alike(
        "distil.upkeep_usd_per_month", "distil.saved", usd_per_month="150", repeat_months="6",
        repeat_usd="600",
    )
    | alike("distil.works_from", "distil.once_usd", months="3")
    | alike("distil.saved", "distil.once_usd", traffic_frac="0.6", retry_frac="0.2")
    | alike("distil.speed_up", "distil.once_usd", model='"llama-3.2-3b"'),
)  # fmt: skip
turn("rag", "choice", "[[change]] rag", alike("rag.speed_up", "rag.once_usd", prompt_tokens="-700"))
turn(
    "cache", "choice", "[[change]] cache", alike("cache.speed_up", "cache.once_usd", hit_frac="0.7")
)
turn(
    "quantise", "choice", "[[change]] narrow",
    alike("narrow.speed_up", "narrow.once_usd", precision='"nvfp4"'),
)  # fmt: skip
turn(
    "second-node", "choice", "[[change]] second",
    alike("second.saved", "second.once_usd", hardware='"8x L40S"'),
)  # fmt: skip
turn(
    "quantise", "choice", "[[change]] cache", alike("cache", "narrow", kind='"quantise"'),
    ("[[change]] cache", "precision", '"int4"'),
)  # fmt: skip

BETTER = "[[candidate]] better"
turn(
    "replace", "swap", BETTER,
    alike(
        "pools.box.units", "pools.box.without_new_usd", name='"new"', hardware='"1x RTX-PRO-6000"',
        kw="0.7", most="1", usd_per_hour="2.1",
    )
    | alike(
        "pools.box.best.value_usd", "pools.box.without_new_usd", usd="22_000", available="2027-05-01",
        life_months="12",
    ),
)  # fmt: skip
turn(
    "replace", "swap", BETTER,
    alike(
        "pools.box.units", "pools.box.slot_kw", tok_per_s="3_000", model='"llama-3.1-8b"',
        precision='"int4"',
    ),
    ("[finance]", "sells", '"tokens"'), ("[finance]", "usd_per_mtok", "2"),
    ("[finance]", "usd_per_hour", None), (BETTER, "usd_per_hour", None),
)  # fmt: skip
