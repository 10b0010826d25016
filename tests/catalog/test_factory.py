"""The factory file: what it means, and that every mistake is named with its line."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.factory import Prices, load_factory, parse_factory
from wattmill.core.errors import FactoryError

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
    assert factory.rate_plan("standard").uusd_per_mtok == Prices(
        input=400_000,
        cached_input=40_000,
        cache_write=400_000,
        output=1_600_000,
        reasoning=1_600_000,
        audio_in=400_000,
        audio_out=1_600_000,
        image_in=1,
    )
    cloud = factory.pool("cloud").uusd_per_mtok
    assert cloud is not None
    assert (cloud.input, cloud.cached_input, cloud.reasoning) == (880_000, 880_000, 900_000)


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
        ('timezone = "Europe/Berlin"', 'currency = "EUR"', "currency", "USD"),
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
