"""The table of links: line rates per direction follow the standards they are named after."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.links import Link, link, links
from wattmill.core.errors import CatalogError

LINKS = links()


@pytest.mark.parametrize("wire", LINKS, ids=lambda wire: wire.name)
def test_a_link_is_possible(wire: Link) -> None:
    assert 1e8 < wire.bytes_per_s < 1e13
    assert wire.latency_s is None or 1e-7 < wire.latency_s < 1e-3
    assert wire.max_devices is None or wire.max_devices >= 2
    assert wire.source
    assert re.fullmatch(r"(19|20)[0-9]{2}-[01][0-9]", wire.as_of)
    assert link(wire.name) == wire


def test_every_name_leads_to_its_own_row() -> None:
    text = (files("wattmill.catalog") / "data" / "links.toml").read_text()
    for row in tomllib.loads(text)["link"]:
        for name in (row["name"], *row.get("aliases", ())):
            assert link(name).name == row["name"]


@pytest.mark.parametrize("wire", LINKS, ids=lambda wire: wire.name)
def test_the_name_of_a_network_is_its_rate(wire: Link) -> None:
    found = re.fullmatch(r"ethernet-([0-9]+)", wire.name)
    if found:
        assert wire.bytes_per_s == int(found[1]) * 1e9 / 8


def test_a_generation_doubles_and_fewer_lanes_take_their_share() -> None:
    for older, newer in (("pcie3", "pcie4"), ("pcie4", "pcie5"), ("nvlink4", "nvlink5"),
                         ("infiniband-hdr", "infiniband-ndr"), ("thunderbolt4", "thunderbolt5")):  # fmt: skip
        assert link(newer).bytes_per_s == pytest.approx(2 * link(older).bytes_per_s, rel=0.01)
    for whole in ("pcie4", "pcie5", "pcie6"):
        assert link(f"{whole}-x8").bytes_per_s == pytest.approx(link(whole).bytes_per_s / 2)
        assert link(f"{whole}-x4").bytes_per_s == pytest.approx(
            link(whole).bytes_per_s / 4, rel=0.01
        )


@pytest.mark.parametrize(
    ("name", "both_directions_gb_per_s", "devices"),
    [("nvlink3", 600, 8), ("nvlink4", 900, 8), ("nvlink5", 1800, 8), ("nvlink5-nvl72", 1800, 72),
     ("nvlink6", 3600, 72), ("nvlink-bridge", 112.5, 2), ("xgmi", 896, 8), ("ici-v6e", 800, 256)],
)  # fmt: skip
def test_half_of_what_makers_print_goes_each_way(
    name: str, both_directions_gb_per_s: float, devices: int
) -> None:
    assert link(name).bytes_per_s == both_directions_gb_per_s * 1e9 / 2
    assert link(name).max_devices == devices


def test_a_wire_that_joins_more_devices_is_the_same_wire() -> None:
    assert link("nvl72").generation == link("nvlink5").generation
    assert link("xgmi4").generation == link("xgmi").generation
    assert link("infiniband-ndr").max_devices is None


def test_an_unknown_link_gets_the_nearest() -> None:
    with pytest.raises(CatalogError, match="no link 'nvlnk4'") as caught:
        link("nvlnk4")
    assert "'nvlink4'" in caught.value.hint


@given(st.sampled_from(LINKS), st.sampled_from(["-", "_", " ", ""]))
def test_spelling_does_not_matter(wire: Link, joint: str) -> None:
    assert link(wire.name.upper().replace("-", joint)) == wire
