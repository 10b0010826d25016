"""The table of systems: what is inside exists, and the wall gives at least what is inside."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.systems import System, system, systems
from wattmill.core.errors import CatalogError

SYSTEMS = systems()


@pytest.mark.parametrize("whole", SYSTEMS, ids=lambda whole: whole.name)
def test_a_system_is_possible(whole: System) -> None:
    assert 1 <= whole.hardware.count <= 144
    assert (whole.hardware.count > 1) == (whole.link is not None)
    assert whole.rack_units is None or 1 <= whole.rack_units <= 48
    assert whole.weight_kg is None or 0.1 < whole.weight_kg < 2000
    assert whole.host_memory_bytes is None or whole.host_memory_bytes > 2**34
    assert whole.source
    assert re.fullmatch(r"20[12][0-9]-[01][0-9]", whole.as_of)
    assert system(whole.name) == whole


@pytest.mark.parametrize("whole", SYSTEMS, ids=lambda whole: whole.name)
def test_the_wall_gives_what_is_inside(whole: System) -> None:
    count, card = whole.hardware.count, whole.hardware.accelerator
    if whole.max_w:
        assert count * card.tdp_w <= whole.max_w.value <= 3 * count * (card.tdp_w + card.host_w)
    if whole.typical_w:
        assert count * card.idle_w <= whole.typical_w.value
        assert whole.max_w is None or whole.typical_w.value <= whole.max_w.value
    for watts in filter(None, (whole.max_w, whole.typical_w)):
        assert watts.source
        assert watts.confidence in ("high", "medium", "low")


@pytest.mark.parametrize("whole", SYSTEMS, ids=lambda whole: whole.name)
def test_its_link_is_the_one_of_its_accelerators(whole: System) -> None:
    card = whole.hardware.accelerator
    if whole.link is None:
        return
    assert whole.link.max_devices is None or whole.hardware.count <= whole.link.max_devices
    if card.link != whole.link.name:  # a domain of the same wire with a row of its own
        assert whole.link.bytes_per_s == pytest.approx(card.link_bytes_per_s)


@pytest.mark.parametrize("whole", SYSTEMS, ids=lambda whole: whole.name)
def test_ports_and_their_link_come_together(whole: System) -> None:
    assert (whole.scale_out is None) == (whole.scale_out_count == 0)
    rate = whole.scale_out.bytes_per_s if whole.scale_out else 0.0
    assert whole.scale_out_bytes_per_s == whole.scale_out_count * rate


def test_every_name_leads_to_its_own_row() -> None:
    text = (files("wattmill.catalog") / "data" / "systems.toml").read_text()
    for row in tomllib.loads(text)["system"]:
        for name in (row["name"], *row.get("aliases", ()), f"{row['vendor']} {row['name']}"):
            assert system(name).name == row["name"]


@pytest.mark.parametrize(
    ("name", "hardware", "max_kw", "rack_units", "cooling"),
    [
        ("DGX A100", "8x A100-80GB", 6.5, 6, "air"),
        ("NVIDIA DGX H100", "8x H100-SXM", 10.2, 8, "air"),
        ("DGX H200", "8x H200", 10.2, 8, "air"),
        ("DGX B200", "8x B200", 14.3, 10, "air"),
        ("GB300 NVL72", "72x GB300", 142, 48, "liquid"),
        ("CS-3", "1x WSE-3", 23, 16, "liquid"),
    ],
)
def test_published_machines(
    name: str, hardware: str, max_kw: float, rack_units: int, cooling: str
) -> None:
    found = system(name)
    assert str(found.hardware) == hardware
    assert found.max_w is not None
    assert found.max_w.value == max_kw * 1000
    assert (found.rack_units, found.cooling) == (rack_units, cooling)


def test_a_mac_draws_what_was_read_at_the_wall() -> None:
    studio = system("Apple Mac Studio M3 Ultra")
    assert studio.typical_w is not None
    assert (studio.typical_w.value, studio.typical_w.confidence) == (227, "high")
    assert studio.link is None
    assert studio.scale_out_bytes_per_s == 60e9


def test_a_rack_reaches_out_through_every_tray() -> None:
    rack = system("GB200-NVL72")
    assert rack.link is not None
    assert rack.link.name == "nvlink5-nvl72"
    assert rack.scale_out_bytes_per_s == 72 * 50e9


def test_an_unknown_system_gets_the_nearest() -> None:
    with pytest.raises(CatalogError, match="no system 'DGX-H10'") as caught:
        system("DGX-H10")
    assert "'DGX-H100'" in caught.value.hint
    with pytest.raises(CatalogError):
        system("")


@given(st.sampled_from(SYSTEMS), st.sampled_from(["-", "_", " "]))
def test_spelling_does_not_matter(whole: System, joint: str) -> None:
    assert system(whole.name.upper().replace("-", joint)) == whole
