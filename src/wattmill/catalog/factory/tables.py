"""What each table of the file may say, and the record that it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from wattmill.catalog.factory.bands import BAND_KEYS
from wattmill.catalog.factory.choices import Candidate, Change, Demand, Offer
from wattmill.catalog.factory.money import (
    Capex,
    Finance,
    LeadTime,
    Lease,
    Loan,
    PowerContract,
    Process,
)
from wattmill.catalog.factory.money_tables import PAIRS
from wattmill.catalog.factory.rate_plans import COMMITMENT_KEYS, OVERRIDE_KEYS, PLAN_KEYS, RATE_KEYS
from wattmill.catalog.factory.records import (
    ENGINES,
    Alerts,
    Model,
    Pool,
    Prices,
    Seller,
    Serve,
    Site,
    Tax,
    Tenant,
)
from wattmill.catalog.factory.schemes import METER_OF, PACKAGE_KEYS, TIER_KEYS, TIERED_KEYS
from wattmill.catalog.factory.site_tables import lead_times, power_contract
from wattmill.catalog.factory.table import Table
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.core.money import EXPONENTS


def keys_of(record: type[msgspec.Struct]) -> list[str]:
    """The keys of a table are the fields of its record; money is written in whole units."""
    return [field.replace("uusd", "usd") for field in record.__struct_fields__]


TENANT_KEYS = [*keys_of(Tenant), *OVERRIDE_KEYS]
KEYS: dict[str, Sequence[str]] = {
    "[site]": keys_of(Site),
    "[site.power_contract]": keys_of(PowerContract),
    "[[site.lead_time]]": keys_of(LeadTime),
    "[seller]": keys_of(Seller),
    "[alerts]": keys_of(Alerts),
    "[serve]": keys_of(Serve),
    "[[pool]]": keys_of(Pool),
    "[[model]]": keys_of(Model),
    "[[rate_plan]]": PLAN_KEYS,
    "usd_per_mtok": tuple(METER_OF),
    "tiers and packages": (*TIERED_KEYS, *TIER_KEYS, *PACKAGE_KEYS),
    "[[rate_plan.rate]]": RATE_KEYS,
    "[[rate_plan.band]]": BAND_KEYS,
    "[rate_plan.commitment]": COMMITMENT_KEYS,
    "[[tenant]]": TENANT_KEYS,
    "tax": keys_of(Tax),
    "[finance]": keys_of(Finance),
    "[finance.rent]": keys_of(Process),
    "[finance.correlation]": PAIRS,
    "[[capex]]": keys_of(Capex),
    "[[loan]]": keys_of(Loan),
    "[[lease]]": keys_of(Lease),
    "[demand]": keys_of(Demand),
    "[[offer]]": keys_of(Offer),
    "[[candidate]]": keys_of(Candidate),
    "[[change]]": keys_of(Change),
}
"""Every table of the file by its title, with its keys."""


def site(t: Table) -> Site:
    return Site(
        name=t.word("name", "factory"),
        power_usd_per_kwh=t.number("power_usd_per_kwh", 0.12, high=100),
        pue=t.number("pue", 1.30, low=1, high=10),
        power_cap_kw=t.number("power_cap_kw", None, above=0),
        colo_usd_per_kw_month=t.number("colo_usd_per_kw_month", 0.0),
        timezone=t.timezone("timezone", "UTC"),
        currency=t.one_of("currency", "USD", EXPONENTS),
        region=t.word("region", None),
        feed_v=t.number("feed_v", 208.0, low=48, high=50_000),
        feed_phases=_phases(t),
        power_factor=t.number("power_factor", 0.95, low=0.5, high=1),
        rack_kw=t.number("rack_kw", None, above=0, high=10_000),
        rack_kg=t.number("rack_kg", None, above=0, high=100_000),
        floor_kg_per_m2=t.number("floor_kg_per_m2", None, above=0, high=100_000),
        delivery=t.word("delivery", None),
        cooling=t.word("cooling", None),
        water_delta_k=t.number("water_delta_k", 10.0, above=0, high=80),
        air_delta_k=t.number("air_delta_k", 12.0, above=0, high=60),
        altitude_m=t.number("altitude_m", 0.0, low=-430, high=6000),
        carbon_g_per_kwh=t.number("carbon_g_per_kwh", None, high=2000),
        facility_usd_per_mw=t.number("facility_usd_per_mw", None, high=1e9),
        facility_life_months=t.count("facility_life_months", 240, high=600),
        energised=t.date("energised"),
        power_contract=_power_contract(t),
        lead_time=lead_times(t.tables("lead_time", keys_of(LeadTime))),
        keep_details_days=t.count("keep_details_days", None, high=36_525),
    )


def _power_contract(t: Table) -> PowerContract | None:
    contract = t.table("power_contract", keys_of(PowerContract))
    return None if contract is None else power_contract(contract)


def _phases(t: Table) -> int:
    phases = t.count("feed_phases", 3, high=3)
    if phases == 2:
        t.fail("feed_phases", "feed_phases must be 1 or 3", "two legs of 120/240 V count as 1")
    return phases


def seller(t: Table) -> Seller:
    return Seller(
        name=t.text("name", ""),
        address=t.lines("address"),
        tax_id=t.text("tax_id", ""),
        email=t.text("email", ""),
        payment_terms_days=t.count("payment_terms_days", 14, low=0, high=3650),
        bank=t.lines("bank"),
        collect_with=t.one_of("collect_with", None, ["stripe"]),
        country=t.country("country"),
        tax=_tax(t),
    )


def alerts(t: Table) -> Alerts:
    return Alerts(
        webhook_url=t.url("webhook_url"),
        at_percent=t.percents("at_percent", (80, 100)),
        spike_factor=t.count("spike_factor", 3, low=2, high=1000),
        spike_least_uusd=t.uusd("spike_least_usd", 1_000_000),
    )


def serve(t: Table) -> Serve:
    return Serve(
        listen=t.address("listen", "127.0.0.1:8600"),
        control=t.address("control", "127.0.0.1:8601"),
        max_body_mb=t.number("max_body_mb", 16.0, above=0, high=4096),
        max_header_kb=t.number("max_header_kb", 32.0, above=0, high=1024),
        header_timeout_s=t.number("header_timeout_s", 10.0, above=0, high=3600),
        body_timeout_s=t.number("body_timeout_s", 60.0, above=0, high=3600),
        drain_timeout_s=t.number("drain_timeout_s", 30.0, high=3600),
        max_connections=t.count("max_connections", 4096),
        max_waiting=t.count("max_waiting", 1024, low=0),
        gateways=t.count("gateways", 1, high=64),
        database_url=t.database_url("database_url"),
    )


def pool(t: Table, folder: Path) -> Pool:
    url = t.url("url")
    engine = t.one_of("engine", "llama.cpp" if url is None else "openai", ENGINES)
    hardware = t.word("hardware", None)
    default = ENGINES[engine] or ("bf16" if hardware is not None else None)
    paid_usd = t.number("paid_usd", None)
    resale_usd = t.number("resale_usd", 0.0)
    if resale_usd > (paid_usd or 0.0):
        t.fail("resale_usd", "resale_usd is more than paid_usd", "check both sums")
    return Pool(
        name=t.name("name"),
        model=t.required(t.word("model", None), "model"),
        hardware=hardware,
        precision=t.one_of("precision", default, WEIGHT_BITS),
        kv_precision=t.one_of("kv_precision", None, KV_BITS),
        engine=engine,
        url=url,
        path=t.path("path", folder),
        served_model=t.word("served_model", None),
        api_key_env=t.env_name("api_key_env"),
        context=t.count("context", None),
        slots=t.count("slots", None),
        threads=t.count("threads", None),
        tp=t.count("tp", None),
        paid_usd=paid_usd,
        bought=t.date("bought"),
        life_months=t.count("life_months", 36, high=600),
        resale_usd=resale_usd,
        uusd_per_mtok=prices_per_mtok(t),
        idle_w=t.number("idle_w", None),
        busy_w=t.number("busy_w", None),
    )


def model(t: Table, pools: set[str]) -> Model:
    return Model(
        alias=t.name("alias"),
        route=t.route("route", pools),
        max_output_tokens=t.count("max_output_tokens", None),
    )


def tenant(t: Table, plans: Iterable[str]) -> Tenant:
    named = t.required(t.word("rate_plan", None), "rate_plan")
    return Tenant(
        name=t.name("name"),
        rate_plan=t.refers("rate_plan", named, set(plans)),
        budget_uusd_per_month=t.uusd("budget_usd_per_month", None),
        timezone=t.timezone("timezone", None),
        requests_per_minute=t.count("requests_per_minute", None),
        max_concurrency=t.count("max_concurrency", None),
        address=t.lines("address"),
        tax_id=t.text("tax_id", ""),
        email=t.text("email", ""),
        alert_at_percent=t.percents("alert_at_percent", None),
        reseller=t.word("reseller", None),
        prepaid=t.flag("prepaid", False),
        country=t.country("country"),
        tax=_tax(t),
    )


def prices_per_mtok(t: Table) -> Prices | None:
    """What a cloud charges by meter; a meter left out has the price of its kind."""
    prices = t.table("usd_per_mtok", Prices.__struct_fields__)
    if prices is None:
        return None
    inp = prices.required(prices.uusd("input", None), "input")
    out = prices.required(prices.uusd("output", None), "output")
    return Prices(
        input=inp,
        cached_input=prices.uusd("cached_input", inp),
        cache_write=prices.uusd("cache_write", inp),
        output=out,
        reasoning=prices.uusd("reasoning", out),
        audio_in=prices.uusd("audio_in", inp),
        audio_out=prices.uusd("audio_out", out),
        image_in=prices.uusd("image_in", inp),
    )


def _tax(t: Table) -> Tax | None:
    tax = t.table("tax", Tax.__struct_fields__)
    if tax is None:
        return None
    rate = tax.required(tax.percent("rate_percent", None, high=100), "rate_percent")
    return Tax(rate, tax.word("name", "VAT"), tax.text("note", ""))
