"""The user's catalog file: it replaces and adds rows; what is wrong in it is said with its line."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from pathlib import Path

import pytest
import rtoml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.factory import ROOT

from wattmill.catalog import electrical, facilities
from wattmill.catalog.browse import check, rows_of
from wattmill.catalog.hardware import accelerator, accelerators
from wattmill.catalog.kinds import KINDS, SITE, Kind
from wattmill.catalog.links import link, links
from wattmill.catalog.models import model
from wattmill.catalog.staleness import HALF_LIFE_MONTHS
from wattmill.catalog.systems import systems
from wattmill.catalog.table import clear_caches
from wattmill.catalog.user_file import RawRow, user_catalog_path
from wattmill.core.errors import CatalogError

Write = Callable[[str], Path]

LINK = """[[link]]
name = "NVLink 4"
kind = "scale-up"
generation = "nvlink4"
gb_per_s = 400
source = "measured here"
as_of = 2026-10-01
"""
CARD = """[[accelerator]]
name = "Home-NPU"
aliases = ["npu"]
vendor = "me"
family = "npu"
memory_gib = 24
bandwidth_gb_per_s = 500
tflops = { bf16 = 90 }
tdp_w = 120
link = "none"
source = "measured here"
as_of = "2026-10"

[accelerator.idle_w]
value = 10
source = "wall meter"
as_of = "2026-10"

[accelerator.host_w]
value = 40
source = "wall meter"
as_of = "2026-10"
"""


CHAIN = """[[delivery_chain]]
name = "mine"
feed_v = 400
phases = 3
bus_v = 48
stages = ["ups", "bus bra"]
source = "my hall"
as_of = "2026-10"
"""
GRID = """[[grid]]
region = "US-TX"
g_per_kwh = 120
basis = "combustion"
source = "my contract"
as_of = "2026-10"
"""
FEE = """[[colo_fee]]
name = "power"
unit = "usd_per_kw_month"
low = 150
high = 140
source = "my quote"
as_of = "2026-10"
"""
PLANT = """[[generator]]
name = "mine"
kind = "thermal"
fuel = "natural-gas"
capital_usd_per_kw = 2500
fixed_usd_per_kw_year = 30
variable_usd_per_mwh = 6
availability_frac = 0.95
life_years = 20
source = "my quote"
as_of = "2026-10"
"""
PAGE = ROOT / "docs/catalog-file.md"
read_all = check


# --- where it is ----------------------------------------------------------------------------------


def test_the_file_is_where_people_put_such_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mia")
    monkeypatch.setenv("WATTMILL_CATALOG", "~/prices.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/mine")
    assert user_catalog_path() == Path("/home/mia/prices.toml")
    monkeypatch.delenv("WATTMILL_CATALOG")
    assert user_catalog_path() == Path("/etc/mine/wattmill/catalog.toml")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert user_catalog_path() == Path("/home/mia/.config/wattmill/catalog.toml")


def test_no_file_is_no_rows(own_catalog: Write) -> None:
    before = accelerators()
    own_catalog("").unlink()
    clear_caches()
    assert accelerators() == before


def test_the_package_alone_is_tested() -> None:
    assert not user_catalog_path().exists()


# --- what it does ---------------------------------------------------------------------------------


def test_a_row_of_the_same_name_replaces_the_whole_row(own_catalog: Write) -> None:
    before = link("nvlink4")
    count = len(links())
    own_catalog(LINK)
    found = link("nvlink4")
    assert len(links()) == count
    assert found.name == "NVLink 4"
    assert (found.bytes_per_s, found.as_of) == (400e9, "2026-10-01")
    assert found.latency_s is None
    assert before.latency_s is not None


def test_a_row_of_a_new_name_is_added(own_catalog: Write) -> None:
    count = len(accelerators())
    own_catalog(CARD)
    assert len(accelerators()) == count + 1
    assert accelerator("NPU").idle_w == 10
    assert accelerator("home npu").price_usd is None


def test_a_changed_file_is_seen(own_catalog: Write) -> None:
    own_catalog(LINK)
    own_catalog(LINK.replace("400", "300"))
    assert link("nvlink4").bytes_per_s == 300e9
    own_catalog("# nothing\n")
    assert link("nvlink4").bytes_per_s == 450e9


def test_every_kind_of_row_can_be_ones_own(own_catalog: Write) -> None:
    own_catalog(
        CARD
        + LINK
        + """
[[model]]
name = "tiny"
params = 1e9
layers = 16
hidden = 2048
heads = 32
kv_heads = 8
head_dim = 64
vocab = 32000
max_context_tokens = 4096
mlp_hidden = 8192
source = "config"
as_of = "2026-10"

[[system]]
name = "home-box"
vendor = "me"
accelerator = "npu"
count = 2
cooling = "air"
source = "bill"
as_of = "2026-10"
"""
    )
    read_all()
    assert model("tiny").params == 1e9
    assert "home-box" in {system.name for system in systems()}


SITE_ROWS = [(kind, entry.row) for kind in SITE for entry in rows_of(kind)[:2]]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None
)
@given(st.sampled_from(SITE_ROWS))
def test_a_row_of_a_site_is_replaced_by_the_same_row_of_ones_own(
    own_catalog: Write, found: tuple[str, RawRow]
) -> None:
    kind, row = found
    own_catalog("")
    count, key = len(rows_of(kind)), KINDS[kind].key
    path = own_catalog(rtoml.dumps({kind: [row | {"source": "mine", "as_of": "2026-10"}]}))
    check()
    mine = [entry for entry in rows_of(kind) if entry.is_yours]
    assert [(entry.row[key], entry.replaces) for entry in mine] == [(row[key], True)]
    assert len(rows_of(kind)) == count
    assert mine[0].place() == f"{path}:1"


def test_a_chain_of_ones_own_takes_stages_of_ones_own(own_catalog: Write) -> None:
    own_catalog(CHAIN.replace("bus bra", "bus-bar"))
    assert [stage.name for stage in electrical.chain("mine").stages] == ["ups", "bus-bar"]
    better = """
[[delivery_stage]]
name = "UPS"
efficiency_frac = 0.985
at_load_frac = 0.5
side = "facility"
source = "my UPS"
as_of = "2026-10"
"""
    own_catalog(CHAIN.replace("bus bra", "bus-bar") + better)
    assert electrical.chain("mine").stages[0].efficiency_frac == 0.985
    assert electrical.chain("54v").stages[1].source == "my UPS"


def test_a_grid_and_a_price_of_a_building_of_ones_own(own_catalog: Write) -> None:
    known = len(facilities.builds())
    own_catalog(
        GRID
        + """
[[build]]
name = "my hall"
region = "US-TX"
kind = "retrofit"
per = "mw_it"
usd = 4e6
source = "my builder"
as_of = "2026-10"
"""
    )
    assert facilities.grid("us-tx").g_per_kwh == 120
    assert facilities.build("My-Hall").usd == 4e6
    assert len(facilities.builds()) == known + 1


def test_the_page_about_the_file_names_every_kind_with_its_list() -> None:
    text = PAGE.read_text()
    rows = re.findall(r"^\| `\[\[(\w+)\]\]` \| `([\w-]+)` \| ([^|]+) \|", text, re.M)
    assert {(kind, listed): half.strip() for kind, listed, half in rows} == {
        (kind.name, kind.listed): _half_life(kind) for kind in KINDS.values()
    }


def test_the_example_of_that_page_is_read(own_catalog: Write) -> None:
    own_catalog(PAGE.read_text().partition("```toml\n")[2].partition("```")[0])
    check()
    assert facilities.grid("US-TX").g_per_kwh == 120
    assert electrical.stage("ups").source == "measured in hall 2"


def _half_life(kind: Kind) -> str:
    if kind.name == "quote":
        return "by what it is of"
    months = HALF_LIFE_MONTHS[kind.ages_as]
    return f"{months} months" if months else "–"


# --- what can be wrong with it --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("[[link]\nname = 1", 1, "not TOML", "[[accelerator]]"),
        ("# one\n\nname = \n", 3, "not TOML", "[[accelerator]]"),
        ("[[link]]\nname = 'a'\nname = 'b'\n", 3, "not TOML", "[[accelerator]]"),
        ("# one\n[[accelerators]]\n", 2, "'accelerators' is no kind of row", "'accelerator'"),
        ("\n[link]\nname = 'x'\n", 2, "'link' is not a list of rows", "[[link]]"),
        ("link = [1, 2]\n", 1, "'link' is not a list of rows", "[[link]]"),
        (LINK + "gb_per_sec = 3\n", 8, "no field 'gb_per_sec'", "'gb_per_s'"),
        (LINK.replace("400", '"400"'), 5, "gb_per_s = '400'", "catalog show"),
        (LINK.replace("400", "-1"), 5, "gb_per_s = -1", "catalog show"),
        (LINK.replace("400", "inf"), 5, "inf is no figure", "leave it out"),
        (LINK.replace("scale-up", "scaleup"), 3, "kind = 'scaleup'", "'scale-up'"),
        (LINK.replace("2026-10-01", '"lately"'), 7, "'lately' is no date", "2026-03"),
        (LINK.replace('source = "measured here"\n', ""), 1, "lacks 'source'", "needed are"),
        (LINK + "\n" + LINK.replace("NVLink 4", "nvlink-4"), 10, "is there twice", "one of them"),
        (CARD.replace('source = "wall meter"\n', "", 1), 14, "lacks 'source' in idle_w", "value"),
        (CARD.replace("value = 10", "valu = 10"), 14, "no field 'valu'", "value"),
        (CARD.replace("bf16 = 90", "bf17 = 90"), 8, "bf17", "bf16"),
        (CHAIN, 1, "no delivery stage 'bus bra'", "'bus-bar'"),
        (CHAIN.replace('["ups", "bus bra"]', "[]"), 6, "length >= 1", "catalog show"),
        (GRID.replace("basis", "bases"), 4, "no field 'bases'", "'basis'"),
        (GRID + GRID.replace("US-TX", "us_tx"), 8, "us_tx is there twice", "one of them"),
        (FEE, 1, "low, high = 150, 140 is not from low to high", "catalog show"),
        (PLANT, 1, "a fuel needs heat_rate_btu_per_kwh", "catalog show"),
        (PLANT.replace("0.95", "0"), 8, "availability_frac = 0", "catalog show"),
        (
            CARD.replace("value = 10", "value = 200"),
            1,
            "idle_w = 200.0 is not less",
            "catalog show",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    own_catalog: Write, text: str, line: int, message: str, hint: str
) -> None:
    path = own_catalog(text)
    with pytest.raises(CatalogError) as caught:
        read_all()
    assert caught.value.place == f"{path}:{line}"
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_named(own_catalog: Write) -> None:
    path = own_catalog("")
    path.write_bytes(b"\xff\xfe[[link]]")
    with pytest.raises(CatalogError, match="is not UTF-8"):
        links()
    path.unlink()
    path.mkdir()
    with pytest.raises(CatalogError, match="cannot be read") as caught:
        links()
    assert caught.value.place == f"{path}"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_other_editors_are_read(own_catalog: Write, mark: str, end: str) -> None:
    path = own_catalog("")
    path.write_bytes((mark + LINK.replace("\n", end)).encode())
    clear_caches()
    assert link("nvlink4").bytes_per_s == 400e9


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [*LINK.splitlines(), *CARD.splitlines(), "[[quote]]", "[[api]]", "[link.x]"]
        ),
        st.text(string.printable, max_size=20),
    ),
    max_size=12,
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(LINES)
def test_any_file_is_read_or_refused_with_its_place(own_catalog: Write, lines: list[str]) -> None:
    path = own_catalog("\n".join(lines))
    try:
        read_all()
    except CatalogError as error:
        assert error.message
        assert error.hint
        assert not error.place or error.place.startswith(f"{path}")
