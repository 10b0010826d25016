"""The factory file: what it means, and that every mistake is named with its line."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.factory import Factory, Prices, load_factory, parse_factory
from wattmill.core.errors import FactoryError
from wattmill.core.records import Band
from wattmill.core.terms import (
    Commitment,
    Flat,
    Graduated,
    Package,
    Scheme,
    Terms,
    Tier,
    Volume,
    decode_terms,
    encode_terms,
)

SMALL = """\
[[pool]]
name = "box"
model = "llama-3.1-8b"
hardware = "RTX 4090"

[[model]]
alias = "house"
route = ["box"]
"""

WHOLE = """\
[site]
name = "Half a rack"
power_usd_per_kwh = 0.09
pue = 1.2
power_cap_kw = 3
timezone = "Europe/Berlin"

[seller]
name = "House of Tokens GmbH"
address = ["Street 1", "Berlin"]
bank = ["DE00"]

[serve]
listen = "[::1]:0"
max_body_mb = 1

[[pool]]
name = "l40s"
model = "llama-3.1-70b"
hardware = "4x L40S"
precision = "fp8"
engine = "vllm"
url = "http://10.0.0.5:8000/v1/"
paid_usd = 72_000
bought = 2026-06-01
resale_usd = 8_000.50

[[pool]]
name = "cloud"
model = "llama-3.1-70b"
url = "https://api.example.com/v1"
api_key_env = "CLOUD_API_KEY"

[pool.usd_per_mtok]
input = 0.88
output = 0.9

[[model]]
alias = "house-large"
route = ["l40s", "cloud"]

[[rate_plan]]
name = "standard"
valid_from = 2026-01-01
usd_per_mtok = { input = 0.40, cached_input = 0.04, output = 1.60, image_in = 0.000001 }

[[tenant]]
name = "acme"
rate_plan = "standard"
budget_usd_per_month = 500.25
"""


def test_whole_file() -> None:
    factory = parse_factory(WHOLE, "shop/factory.toml")
    assert factory.path == Path("shop/factory.toml")
    assert factory.site.name == "Half a rack"
    assert (factory.site.power_usd_per_kwh, factory.site.power_cap_kw) == (0.09, 3.0)
    assert factory.seller.address == ("Street 1", "Berlin")
    assert factory.seller.payment_terms_days == 14
    assert (factory.serve.listen, factory.serve.max_body_mb) == ("[::1]:0", 1.0)
    l40s = factory.pool("l40s")
    assert (l40s.paid_usd, l40s.bought, l40s.resale_usd) == (72_000, date(2026, 6, 1), 8_000.5)
    assert l40s.url == "http://10.0.0.5:8000/v1"
    assert not l40s.embedded
    assert factory.pool("cloud").api_key_env == "CLOUD_API_KEY"
    assert factory.model("house-large").route == ("l40s", "cloud")
    assert factory.rate_plan("standard").valid_from == date(2026, 1, 1)
    assert factory.tenant("acme").budget_uusd_per_month == 500_250_000


def test_prices_are_exact_and_default_by_their_kind() -> None:
    factory = parse_factory(WHOLE, "f.toml")
    assert prices_of(factory) == {
        "input_uncached": "0.4",
        "input_cached": "0.04",
        "cache_write": "0.4",
        "output_text": "1.6",
        "output_reasoning": "1.6",
        "audio_in": "0.4",
        "audio_out": "1.6",
        "image_in": "0.000001",
    }
    assert factory.pool("cloud").uusd_per_mtok == Prices(
        880_000, 880_000, 880_000, 900_000, 900_000, 880_000, 900_000, 880_000
    )


def prices_of(factory: Factory, plan: str = "standard", card: int = 0) -> dict[str, str]:
    """The price of each meter on a card on which all are flat."""
    rates = factory.rate_plan(plan).terms.cards[card].rates
    return {meter: f"{rate.scheme.unit:f}" for rate in rates for meter in rate.meters}  # type: ignore[union-attr]


def test_least_file_has_defaults() -> None:
    factory = parse_factory(SMALL, "f.toml")
    box = factory.pools[0]
    assert box.embedded
    assert (box.engine, box.precision, box.life_months) == ("llama.cpp", "q4_k_m", 36)
    assert (box.paid_usd, box.uusd_per_mtok, box.url) == (None, None, None)
    assert factory.site.timezone == "UTC"
    assert factory.tenants == ()


@pytest.mark.parametrize(
    ("line", "engine", "precision"),
    [
        ('engine = "vllm"', "vllm", "bf16"),
        ('url = "http://h:1/v1"', "openai", "bf16"),
        ('engine = "ollama"\nurl = "http://h:1/v1"', "ollama", "q4_k_m"),
    ],
)
def test_engine_and_precision_follow_from_each_other(
    line: str, engine: str, precision: str
) -> None:
    box = parse_factory(SMALL.replace("\n\n", f"\n{line}\n\n", 1), "f.toml").pools[0]
    assert (box.engine, box.precision) == (engine, precision)


def test_a_cloud_without_hardware_has_no_precision() -> None:
    assert parse_factory(WHOLE, "f.toml").pool("cloud").precision is None


@pytest.mark.parametrize(
    ("written", "read"),
    [("demo", "demo"), ("m/a.gguf", "shop/m/a.gguf"), ("/m/a.gguf", "/m/a.gguf")],
)
def test_a_path_starts_at_the_factory_file(written: str, read: str) -> None:
    text = SMALL.replace("\n\n", f'\npath = "{written}"\n\n', 1)
    assert parse_factory(text, "shop/factory.toml").pools[0].path == read


def broken(old: str, new: str) -> tuple[str, int]:
    """The whole file with `old` replaced, and the line where that begins."""
    assert WHOLE.count(old) == 1, old
    return WHOLE.replace(old, new), WHOLE[: WHOLE.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("pue = 1.2", "pue = 0.9", "at least 1", "pue"),
        ("pue = 1.2", "pue = nan", "finite", "leave the key out"),
        ("pue = 1.2", "pue = 1e999999", "at most 10", "pue"),
        ("pue = 1.2", 'pue = "high"', "a number, not text", "pue = 1.0"),
        ("pue = 1.2", "pue = true", "true or false", "pue"),
        ("pue = 1.2", "pues = 1.2", "unknown key 'pues'", "pue"),
        ("power_cap_kw = 3", "power_cap_kw = 0", "more than 0", "power_cap_kw"),
        ("power_cap_kw = 3", "power_cap = 3", "unknown key 'power_cap'", "power_cap_kw"),
        ('timezone = "Europe/Berlin"', 'timezone = "Mars"', "time zone", "IANA"),
        ('timezone = "Europe/Berlin"', 'timezone = "../etc"', "time zone", "IANA"),
        ('timezone = "Europe/Berlin"', 'timezone = "Europe"', "time zone", "IANA"),
        ('timezone = "Europe/Berlin"', 'currency = "EURO"', "unknown currency", "ISO 4217"),
        ('timezone = "Europe/Berlin"', "currency = 3", "must be text", "currency"),
        ("address = [", "address = 3 # [", "list of lines", "address"),
        ('listen = "[::1]:0"', 'listen = "8600"', "host:port", "127.0.0.1:8600"),
        ('listen = "[::1]:0"', 'listen = "a:99999"', "host:port", "127.0.0.1:8600"),
        ('name = "l40s"', 'name = "L 40"', "is not a name", "small letters"),
        ('name = "l40s"', 'name = ""', "is not a name", "small letters"),
        ('name = "cloud"', 'name = "l40s"', "a second pool", "own name"),
        ('precision = "fp8"', 'precision = "fp9"', "unknown precision", "fp8"),
        ('precision = "fp8"', 'kv_precision = "q2_k"', "unknown kv_precision", "q8_0"),
        ('engine = "vllm"', 'engine = "vlm"', "unknown engine", "vllm"),
        ('hardware = "4x L40S"', 'hardware = " "', "spaces around", "without"),
        ('hardware = "4x L40S"', 'hardware = "a\\nb"', "line break", "one line"),
        ("paid_usd = 72_000", "paid_usd = -1", "at least 0", "paid_usd"),
        ("resale_usd = 8_000.50", "resale_usd = 1e6", "more than paid_usd", "both"),
        ("bought = 2026-06-01", "bought = 2026-06-01T00:00:00", "a date", "2026-06-01"),
        ("bought = 2026-06-01", "life_months = 0", "1 to 600", "life_months"),
        ("bought = 2026-06-01", "slots = 1.5", "whole number", "slots = 1"),
        ("bought = 2026-06-01", "tp = false", "whole number", "tp = 1"),
        ("input = 0.88", "input = 0.0000001", "finer than one micro-USD", "six decimals"),
        ("input = 0.88", "input = 1e-999999999", "finer than one micro-USD", "six decimals"),
        ("input = 0.88", "input = -1", "0 to 1e12", "input"),
        ("input = 0.88", "inputs = 1", "unknown key 'inputs'", "input"),
        ('route = ["l40s", "cloud"]', 'route = ["l40"]', "not in this file", "l40s"),
        ('route = ["l40s", "cloud"]', 'route = ["cloud", "cloud"]', "twice", "once"),
        ('route = ["l40s", "cloud"]', "route = []", "has no route", "route ="),
        ('rate_plan = "standard"', 'rate_plan = "stand"', "not in this file", "standard"),
        ("budget_usd_per_month = 500.25", "budget_usd_per_month = [1]", "a list", "1.0"),
        ("usd_per_mtok = { input", "usd_per_mtok = 3 # {", "must be a table", "usd_per_mtok"),
        ("valid_from = 2026-01-01", "valid_from = 2026-02-30", "not TOML", "TOML"),
        ("valid_from = 2026-01-01", "valid_from = ", "not TOML", "TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line(old: str, new: str, message: str, hint: str) -> None:
    text, line = broken(old, new)
    with pytest.raises(FactoryError, match=re.escape(message)) as caught:
        parse_factory(text, "factory.toml")
    assert caught.value.place == f"factory.toml:{line}"
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ('model = "llama-3.1-8b"\n', "", "pool 1 has no model", 1),
        ('name = "box"\n', "", "pool 1 has no name", 1),
        ('alias = "house"\n', "", "model 1 has no alias", 6),
        ('[[model]]\nalias = "house"\nroute = ["box"]\n', "", "no [[model]]", 1),
        ("[[pool]]", "[pool]", "must be a list of tables", 1),
        ("[[model]]", "[[models]]", "unknown key 'models'", 6),
        ("[[model]]", "site = 3\n[[model]]", "unknown key 'site' in pool 1", 6),
    ],
)
def test_what_is_missing_is_named_at_its_table(old: str, new: str, message: str, line: int) -> None:
    with pytest.raises(FactoryError, match=re.escape(message)) as caught:
        parse_factory(SMALL.replace(old, new), "f.toml")
    assert caught.value.place == f"f.toml:{line}"
    assert caught.value.hint


def test_an_empty_file_has_no_pool() -> None:
    with pytest.raises(FactoryError, match=r"no \[\[pool\]\]") as caught:
        parse_factory("", "f.toml")
    assert caught.value.place == "f.toml:1"


@pytest.mark.parametrize(
    "line",
    [
        'api_key_env = "sk-secret-123"',
        'api_key = "sk-secret-123"',
        'url = "https://me:secret@h/v1"',
        'url = "https://h/v1?key=secret"',
    ],
)
def test_a_key_in_clear_is_refused_and_never_shown(line: str) -> None:
    with pytest.raises(FactoryError) as caught:
        parse_factory(SMALL.replace("\n\n", f"\n{line}\n\n", 1), "f.toml")
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.place == "f.toml:5"


def test_lines_are_right_behind_values_of_many_lines() -> None:
    text = 'seller.name = """\\\n  House [x] = { # "no\\" \\\n  """\n' + SMALL.replace(
        'route = ["box"]', "route = [ # first\n  \"box\", 'x',\n]\nmax_output_tokens = 0"
    )
    with pytest.raises(FactoryError) as caught:
        parse_factory(text, "f.toml")
    assert caught.value.place == f"f.toml:{3 + 8}"  # the route with the unknown 'x'
    with pytest.raises(FactoryError) as caught:
        parse_factory(text.replace(", 'x'", ""), "f.toml")
    assert caught.value.place == f"f.toml:{3 + 11}"


def test_windows_text_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "factory.toml"
    path.write_bytes(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    assert load_factory(path).tenants == parse_factory(WHOLE, "f").tenants
    path.write_bytes(WHOLE.replace("pue = 1.2", "pue = 0").replace("\n", "\r\n").encode())
    with pytest.raises(FactoryError) as caught:
        load_factory(path)
    assert caught.value.place == f"{path}:4"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FactoryError, match="No such file"):
        load_factory(tmp_path / "none.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b"[site]\nname = '\xe9'\n")
    with pytest.raises(FactoryError, match="not UTF-8") as caught:
        load_factory(path)
    assert caught.value.place == f"{path}:2"


def test_unknown_names_get_the_nearest() -> None:
    factory = parse_factory(WHOLE, "f.toml")
    with pytest.raises(FactoryError, match="no pool 'l40'") as caught:
        factory.pool("l40")
    assert "'l40s'" in caught.value.hint
    with pytest.raises(FactoryError, match="no tenant"):
        factory.tenant("nobody")


VALUES = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=2),
)
KEYS = [i for i, text in enumerate(WHOLE.splitlines()) if " = " in text]


def toml(value: object) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(c):08x}" for c in value) + '"'
        case dict():
            return "{" + ", ".join(f"{k} = {v}" for k, v in value.items()) + "}"
        case _:
            return str(value).replace(" ", "T") if not isinstance(value, list) else str(value)


@given(st.sampled_from(KEYS), VALUES)
def test_any_value_anywhere_is_read_or_refused_with_a_line(index: int, value: object) -> None:
    lines = WHOLE.splitlines()
    lines[index] = lines[index].split(" = ")[0] + " = " + toml(value)
    try:
        parse_factory("\n".join(lines), "f.toml")
    except FactoryError as error:
        file, _, line = error.place.partition(":")
        assert file == "f.toml"
        assert 1 <= int(line) <= len(lines)
        assert error.hint


@given(st.sampled_from(KEYS), st.sampled_from([-1, "\x00", [1], {"a": 1}]))
def test_a_broken_value_is_refused_at_its_own_line(index: int, value: object) -> None:
    lines = WHOLE.splitlines()
    lines[index] = lines[index].split(" = ")[0] + " = " + toml(value)
    with pytest.raises(FactoryError) as caught:
        parse_factory("\n".join(lines), "f.toml")
    assert caught.value.place == f"f.toml:{index + 1}"


@given(st.integers(0, len(WHOLE)), st.text(max_size=3), st.integers(0, 40))
def test_any_damage_is_read_or_refused(at: int, inserted: str, deleted: int) -> None:
    text = WHOLE[:at] + inserted + WHOLE[at + deleted :]
    try:
        parse_factory(text, "f.toml")
    except FactoryError as error:
        assert re.fullmatch(r"f\.toml:[1-9][0-9]*", error.place)


@given(st.integers(0, 10**18))
def test_every_price_in_micro_usd_is_exact(uusd: int) -> None:
    usd = f"{uusd // 10**6}.{uusd % 10**6:06d}"
    text = WHOLE.replace("input = 0.88", f"input = {usd}")
    prices = parse_factory(text, "f.toml").pool("cloud").uusd_per_mtok
    assert prices is not None
    assert prices.input == uusd


# --- rate plans -------------------------------------------------------------------------------------------------------

PLAN = """\
[[rate_plan]]
name = "rich"
usd_per_mtok = { input = 0.40, cached_input = 0.0000001, output = 1.60 }

[[tenant]]
name = "globex"
rate_plan = "rich"
"""
GENERAL = "usd_per_mtok = { input = 0.40, cached_input = 0.0000001, output = 1.60 }"


def with_plan(more: str = "", prices: str = GENERAL, tenant: str = "") -> Factory:
    """The whole file with a second plan that says more, and a tenant of it."""
    plan, _, buyer = PLAN.replace(GENERAL, f"{prices}\n{more}").partition("[[tenant]]")
    return parse_factory(f"{WHOLE}\n{plan}\n[[tenant]]{buyer}{tenant}", "f.toml")


def terms(more: str = "", prices: str = GENERAL, tenant: str = "") -> Terms:
    """The terms that the tenant is billed by."""
    factory = with_plan(more, prices, tenant)
    return factory.rate_plan(factory.tenant("globex").rate_plan).terms


def scheme_of(price: str, meter: str = "output_text") -> Scheme:
    (card,) = terms(prices=f"usd_per_mtok = {{ input = 1, output = {price} }}").cards
    return next(rate.scheme for rate in card.rates if meter in rate.meters)


def test_terms_go_through_json_and_back() -> None:
    read = terms("commitment = { usd = 100 }\nfree_mtok = { output = 2.5 }\nmarkup_percent = 7")
    assert decode_terms(encode_terms(read)) == read
    assert encode_terms(terms(prices=GENERAL)) == encode_terms(
        terms(prices=GENERAL.replace("0.40", "0.4").replace("1.60", "1.6000"))
    )


def test_a_price_may_be_finer_than_a_millionth() -> None:
    assert scheme_of("0.000000000001") == Flat(Decimal("1e-12"))


def test_tiers_and_packages_as_they_are_written() -> None:
    rows = "[{ up_to_mtok = 5, usd_per_mtok = 2 }, { usd_per_mtok = 1, flat_usd = 3 }]"
    tiers = (Tier(Decimal(5), Decimal(2)), Tier(None, Decimal(1), Decimal(3)))
    assert scheme_of(f"{{ graduated = {rows} }}") == Graduated(tiers)
    assert scheme_of(f"{{ volume = {rows}, flat_at_zero = true }}") == Volume(tiers, True)
    excluded = scheme_of(f'{{ volume = {rows}, bound = "excluded" }}')
    assert excluded == Volume(tiers, tier_bounds="up_to_excluded")
    assert scheme_of("{ package_mtok = 10, package_usd = 15 }") == Package(Decimal(10), Decimal(15))


def test_meters_that_are_not_named_are_counted_with_their_kind() -> None:
    (card,) = terms("free_mtok = { reasoning = 3 }").cards
    groups = {rate.meters: (f"{rate.scheme.unit:f}", f"{rate.free:f}") for rate in card.rates}  # type: ignore[union-attr]
    assert groups == {
        ("input_uncached", "cache_write", "audio_in", "image_in"): ("0.4", "0"),
        ("input_cached",): ("0.0000001", "0"),
        ("output_text", "audio_out"): ("1.6", "0"),
        ("output_reasoning",): ("1.6", "3"),
    }


def test_a_rate_leaves_to_the_plan_what_it_does_not_say() -> None:
    with_rate = '[[rate_plan.rate]]\nmodel = "house-large"\nusd_per_mtok = { output = 9 }'
    general, large = (
        {meter: rate.scheme for rate in card.rates for meter in rate.meters}
        for card in terms(with_rate).cards
    )
    assert large["output_reasoning"] == Flat(Decimal(9))
    assert large["input_cached"] == general["input_cached"]


def test_a_markup_is_on_what_each_cloud_charges() -> None:
    read = terms("markup_percent = 12.5", prices="")
    (card,) = read.cards
    assert (card.pool, card.note) == ("cloud", "cloud + 12.5 %")
    assert card.rates[0].scheme == Flat(Decimal("0.99"))


NIGHT = '[[rate_plan.band]]\nname = "night"\nhours = "22:00-06:00"\n'


def test_a_band_has_hours_on_days_and_a_discount_on_every_rate() -> None:
    more = (
        '[[rate_plan.rate]]\nmodel = "house-large"\nusd_per_mtok = { output = 9 }\n'
        f'{NIGHT}days = ["fri", "sun"]\ndiscount_percent = 50'
    )
    read = terms(more)
    assert read.bands == (Band("night", "Europe/Berlin", ((0, 360), (7080, 7560), (9960, 10080))),)
    found = {(card.model, card.band): card.rates[2].scheme for card in read.cards}
    assert found == {
        (None, None): Flat(Decimal("1.6")),
        (None, "night"): Flat(Decimal("0.8")),
        ("house-large", None): Flat(Decimal(9)),
        ("house-large", "night"): Flat(Decimal("4.5")),
    }


def test_fees_and_promises() -> None:
    read = terms(
        "fee_usd_per_month = 10\nmaximum_usd_per_month = 99\nfree_usd_per_month = 1\n"
        'proration = "whole"\n[rate_plan.commitment]\nusd = 50_000\nmonths = 12\n'
        'starts = "2026-01"\ndue = "start"\noverage_percent = 120'
    )
    assert read.proration == "whole"
    assert [read.fee, read.maximum, read.allowance] == [Decimal(10), Decimal(99), Decimal(1)]
    assert read.commitment == Commitment(Decimal(50_000), 12, "2026-01", "start", Decimal("1.2"))


def test_a_tenant_with_prices_of_its_own_has_its_own_plan() -> None:
    own = "seats = 3\nusd_per_mtok = { output = 1 }\nminimum_usd_per_month = 7"
    factory = with_plan("seat_usd_per_month = 5\nfree_usd_per_month = 2", tenant=own)
    plan = factory.rate_plan("rich@globex")
    assert factory.tenant("globex").rate_plan == plan.name
    assert (plan.tenant, plan.terms.seats) == ("globex", 3)
    assert (plan.terms.minimum, plan.terms.allowance) == (Decimal(7), Decimal(2))
    assert prices_of(factory, plan.name)["output_reasoning"] == "1"
    assert prices_of(factory, plan.name)["input_uncached"] == "0.4"
    assert prices_of(factory, "rich")["output_text"] == "1.6"


def test_a_chain_of_resellers() -> None:
    assert with_plan(tenant='reseller = "acme"').tenant("globex").reseller == "acme"
    with pytest.raises(FactoryError, match="above itself"):
        with_plan(tenant='reseller = "globex"')
    with pytest.raises(FactoryError, match="not in this file"):
        with_plan(tenant='reseller = "acne"')


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("markup_percent = -1", "at least 0"),
        ("free_mtok = { output = 0.0000001 }", "more than 6 decimals"),
        ("free_mtok = { outputs = 1 }", "unknown key 'outputs'"),
        ("commitment = { months = 2 }", "has no starts"),
        ("commitment = { usd = 2, starts = '2026-13' }", "is not a month"),
        ("commitment = { }", "has no usd"),
        ("commitment = { usd = 1 }\nminimum_usd_per_month = 1", "same usage"),
        ('proration = "some"', "unknown proration"),
        ("rate = 3", "must be a list of tables"),
        ("[[rate_plan.rate]]\nusd_per_mtok = { input = 1 }", "of its own"),
        ('[[rate_plan.rate]]\nmodel = "house-large"', "and have a price"),
        ('[[rate_plan.rate]]\nmodel = "house"\nusd_per_mtok = { input = 1 }', "not in this file"),
        ('[[rate_plan.rate]]\nband = "day"\nusd_per_mtok = { input = 1 }', "not in this file"),
        (f"{NIGHT}", "a discount or prices"),
        (f"{NIGHT}discount_percent = 101", "at most 100"),
        (f"{NIGHT}discount_percent = 1\n{NIGHT}discount_percent = 1", "a second band"),
        (
            f"{NIGHT}discount_percent = 1\n{NIGHT.replace('night', 'late')}discount_percent = 1",
            "overlap",
        ),
        (f'{NIGHT}days = "friday"\ndiscount_percent = 1', "is not a day"),
        (f"{NIGHT.replace('06:00', '6')}discount_percent = 1", "is not a time of day"),
        (f"{NIGHT.replace('06:00', '22:00')}discount_percent = 1", "no time at all"),
    ],
)
def test_a_mistake_in_a_plan_is_refused_with_a_line(more: str, message: str) -> None:
    with pytest.raises(FactoryError, match=re.escape(message)) as caught:
        with_plan(more)
    assert int(caught.value.place.removeprefix("f.toml:")) > WHOLE.count("\n")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("price", "message"),
    [
        ("{ graduated = [] }", "has no tier"),
        ("{ graduated = [{ up_to_mtok = 5 }] }", "the last tier ends"),
        ("{ volume = [{ usd_per_mtok = 1 }, { usd_per_mtok = 2 }] }", "needs its end"),
        ("{ volume = [{ up_to_mtok = 5 }, { up_to_mtok = 5 }, { }] }", "not more than that"),
        ("{ volume = [{ up_to = 5 }, { }] }", "unknown key 'up_to'"),
        ("{ graduated = [{ }], volume = [{ }] }", "in 2 ways"),
        ("{ flat_at_zero = true }", "in 0 ways"),
        ("{ package_mtok = 1 }", "has no package_usd"),
        ("{ package_mtok = 0, package_usd = 1 }", "more than 0"),
        ("{ package_mtok = 1, package_usd = 1, flat_at_zero = true }", "does not go with packages"),
        ('{ graduated = [{ }], bound = "open" }', "unknown bound"),
        ("0.0000000000001", "more than 12 decimals"),
        ("[1]", "must be a number"),
    ],
)
def test_a_mistake_in_a_price_is_refused_with_its_line(price: str, message: str) -> None:
    with pytest.raises(FactoryError, match=re.escape(message)) as caught:
        scheme_of(price)
    assert caught.value.place == f"f.toml:{WHOLE.count(chr(10)) + 4}"


@pytest.mark.parametrize(
    ("tenant", "message"),
    [
        ("seats = 3", "no price for seats"),
        ("usd_per_mtok = { output = -1 }", "0 to 1e12"),
        ('country = "de"', "ISO 3166"),
        ("tax = { name = 'VAT' }", "has no rate_percent"),
        ("prepaid = 1", "true or false"),
    ],
)
def test_a_mistake_in_what_a_tenant_has_of_its_own(tenant: str, message: str) -> None:
    with pytest.raises(FactoryError, match=re.escape(message)):
        with_plan(tenant=tenant)


def test_a_plan_must_say_what_input_and_output_cost() -> None:
    with pytest.raises(FactoryError, match="has no usd_per_mtok"):
        with_plan(prices="")
    with pytest.raises(FactoryError, match="do not say what input and output cost"):
        with_plan(prices="usd_per_mtok = { input = 1 }")


# --- currency ---------------------------------------------------------------------------------------------------------

EUROS = WHOLE.replace("usd", "eur").replace("pue = 1.2", 'pue = 1.2\ncurrency = "EUR"')


def test_keys_are_written_in_the_currency_of_the_site() -> None:
    euros, dollars = parse_factory(EUROS, "f.toml"), parse_factory(WHOLE, "f.toml")
    assert euros.site.currency == "EUR"
    assert (euros.pools, euros.rate_plans, euros.tenants) == (
        dollars.pools,
        dollars.rate_plans,
        dollars.tenants,
    )


@pytest.mark.parametrize(
    "key", ["paid_eur", "power_eur_per_kwh", "eur_per_mtok", "budget_eur_per_month"]
)
@pytest.mark.parametrize("wrong", ["usd", "gbp"])
def test_a_key_in_another_currency_says_so(key: str, wrong: str) -> None:
    other = key.replace("eur", wrong)
    with pytest.raises(FactoryError, match=f"{other} is in {wrong.upper()}, .* is EUR") as caught:
        parse_factory(EUROS.replace(key, other, 1), "f.toml")
    assert key in caught.value.hint


def test_a_mistake_is_told_in_the_keys_of_the_file() -> None:
    with pytest.raises(FactoryError, match="resale_eur is more than paid_eur"):
        parse_factory(EUROS.replace("paid_eur = 72_000", "paid_eur = 1"), "f.toml")
    with pytest.raises(FactoryError, match="finer than one micro-EUR"):
        parse_factory(EUROS.replace("input = 0.88", "input = 0.0000001"), "f.toml")
