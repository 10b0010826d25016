"""The table of accelerators: every row is possible, every name leads home, known figures hold."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.catalog.hardware import (
    WIDER,
    Accelerator,
    NumberFormat,
    Row,
    accelerator,
    accelerators,
    hardware,
)
from wattmill.catalog.links import link
from wattmill.core.errors import CatalogError

ROWS = accelerators()
SHEETS: list[dict[str, Any]] = tomllib.loads(
    (files("wattmill.catalog") / "data" / "accelerators.toml").read_text()
)["accelerator"]
FAMILIES = {
    "volta", "turing", "ampere-hbm", "ampere-gddr", "ada", "hopper", "blackwell", "blackwell-gddr",
    "rubin", "unified", "gcn", "cdna", "rdna", "apple", "xe", "gaudi", "tpu", "trainium", "lpu",
    "wafer", "tensix", "hexagon", "cpu",
}  # fmt: skip


def test_the_table_covers_the_market() -> None:
    assert len(ROWS) >= 70
    assert {row.family for row in ROWS} == FAMILIES
    assert {"NVIDIA", "AMD", "Intel", "Apple", "Google", "Amazon"} < {row.vendor for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_accelerator_is_possible(row: Accelerator) -> None:
    assert row.memory_bytes > 1e8
    assert row.bandwidth_bytes_per_s > 1e10
    assert all(1e11 <= rate < 1e17 for rate in row.flops_per_s.values())
    assert 0 < row.idle_w < row.tdp_w
    assert row.host_w > 0
    assert row.year is None or 2016 < row.year < 2030
    assert row.form
    assert row.source
    assert re.fullmatch(r"20[12][0-9]-[01][0-9]", row.as_of)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_narrower_format_is_never_slower(row: Accelerator) -> None:
    rates = row.flops_per_s
    order = [rates[f] for f in ("fp32", "bf16", "fp8", "fp4") if f in rates]
    assert order == sorted(order)
    assert rates.get("int8", 9e99) >= rates.get("bf16", rates.get("fp16", 0.0))
    if row.family != "cpu":  # processors compute fp16 in fp32 and bf16 in units of its own
        assert rates.get("fp16", 9e99) >= rates.get("bf16", 0.0)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_ridge_point_is_that_of_a_computer(row: Accelerator) -> None:
    sixteen = row.flops_per_s.get("bf16") or row.flops_per_s.get("fp16")
    if sixteen is None or row.sram_bytes == row.memory_bytes:
        return  # stated in narrower formats only, or SRAM that feeds every unit each cycle
    assert 5 < sixteen / row.bandwidth_bytes_per_s < 2000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_its_link_is_in_the_catalog(row: Accelerator) -> None:
    if row.link == "none":
        assert (row.link_bytes_per_s, row.link_devices) == (None, 1)
        return
    wire = link(row.link)
    assert row.link_bytes_per_s is not None
    assert (
        0.05 < row.link_bytes_per_s / wire.bytes_per_s <= 4
    )  # of several ports, or a part of them
    assert row.link_devices is None or row.link_devices >= 2


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet["name"])
def test_every_name_leads_to_its_own_row(sheet: dict[str, Any]) -> None:
    for name in (sheet["name"], *sheet.get("aliases", ())):
        assert accelerator(name).name == sheet["name"]


def test_what_is_only_announced_is_not_trusted() -> None:
    announced = [row for row in ROWS if row.status == "announced"]
    assert {row.name for row in announced} >= {"Rubin", "Rubin-CPX", "MI455X"}
    assert all(row.confidence == "low" for row in announced)


PUBLISHED = [
    # name, GB of memory, GB/s, dense TFLOPS in bf16 and in a narrower format, W
    ("A100-SXM4-80GB", 80, 2039, 312, ("int8", 624), 400),
    ("A100-80GB-PCIe", 80, 1935, 312, ("int8", 624), 300),
    ("H100", 80, 3350, 989, ("fp8", 1979), 700),
    ("H200", 141, 4800, 989, ("fp8", 1979), 700),
    ("H20", 96, 4000, 148, ("fp8", 296), 400),
    ("B200", 180, 8000, 2250, ("fp4", 9000), 1000),
    ("GB300", 279, 8000, 2500, ("fp4", 15000), 1400),
    ("L4", 24, 300, 121, ("fp8", 242.5), 72),
    ("L40S", 48, 864, 362, ("fp8", 733), 350),
    ("RTX 4090", 24, 1008, 165.2, ("fp8", 660.6), 450),
    ("RTX 5090", 32, 1792, 209.5, ("fp4", 1676), 575),
    ("RTX PRO 6000", 96, 1792, 503.8, ("fp4", 2015), 600),
    ("MI300X", 192, 5300, 1307, ("fp8", 2615), 750),
    ("MI355X", 288, 8000, 2516, ("fp4", 10066), 1400),
    ("Gaudi 3", 128, 3700, 1835, ("fp8", 1835), 900),
    ("TPU v5e", 16, 819, 197, ("int8", 394), 200),
    ("Trillium", 32, 1638, 918, ("int8", 1836), 300),
    ("Ironwood", 192, 7380, 2307, ("fp8", 4614), 960),
    ("Trainium2", 96, 2900, 667, ("fp8", 1299), 500),
    ("Arc B580", 12, 456, 116.7, ("int8", 233), 190),
]


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published[0])
def test_well_known_devices_have_their_published_figures(published: tuple[Any, ...]) -> None:
    name, memory_gb, bandwidth_gb_per_s, bf16, (narrow, narrow_tflops), tdp_w = published
    row = accelerator(name)
    # Makers write GB and mean GiB; drivers show a little less of either.
    assert 0.93 * memory_gb * 1e9 < row.memory_bytes <= memory_gb * 2**30 * 1.01
    assert row.bandwidth_bytes_per_s == pytest.approx(bandwidth_gb_per_s * 1e9)
    assert row.flops_per_s["bf16"] == pytest.approx(bf16 * 1e12, rel=2e-3)
    assert row.flops_per_s[narrow] == pytest.approx(narrow_tflops * 1e12, rel=2e-3)
    assert row.tdp_w == tdp_w


@pytest.mark.parametrize(
    ("name", "bandwidth_gb_per_s"),
    [("M1", 68.3), ("M1-Max", 400), ("M2-Ultra", 800), ("M3-Pro", 150), ("M4-Pro", 273),
     ("M4-Max", 546), ("M5", 153), ("M5-Max", 614), ("DGX-Spark", 273), ("Strix-Halo", 256)],
)  # fmt: skip
def test_one_memory_for_all_has_its_published_bandwidth(name: str, bandwidth_gb_per_s: int) -> None:
    assert accelerator(name).bandwidth_bytes_per_s == pytest.approx(bandwidth_gb_per_s * 1e9)


def test_older_names_still_work() -> None:
    older = """A100-40GB A100-SXM-40GB A100-SXM4-40GB A100-40 A100-80GB A100 A100-SXM A100-80
        A100-SXM-80GB A100-SXM4-80GB A100-80GB-PCIe H100-SXM H100 H100-SXM5 H100-80GB H100-PCIe
        H100-80GB-HBM3 H100-NVL H200 H200-SXM B200 B200-SXM L4 L40S RTX-A6000 A6000 RTX-6000-Ada
        6000-Ada RTX-PRO-6000 RTX-PRO-6000-Blackwell RTX-PRO-6000-Blackwell-Server-Edition PRO-6000
        RTX-PRO-6000-Blackwell-Workstation-Edition RTX-6000-PRO RTX-3090 3090 RTX-4090 4090 RTX-5090
        5090 DGX-Spark GB10 Spark MI300X MI325X MI355X RX-7900-XTX 7900-XTX R9700 Strix-Halo
        Radeon-AI-PRO-R9700 Ryzen-AI-Max-395 AI-Max-395 M2-Ultra M4-Max M3-Ultra Arc-B580 B580
        Arc-Pro-B60 B60 cpu desktop-cpu EPYC-9654 server-cpu"""
    assert all(accelerator(name) for name in older.split())


@pytest.mark.parametrize(
    ("driver", "name"),
    [
        ("NVIDIA A100 80GB PCIe", "A100-PCIe-80GB"),
        ("NVIDIA A10G", "A10G"),
        ("Tesla V100-SXM2-16GB", "V100-SXM2-16GB"),
        ("Tesla T4", "T4"),
        ("NVIDIA GH200 480GB", "GH200-96GB"),
        ("NVIDIA B300 SXM6 AC", "B300"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX-PRO-6000"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX-PRO-6000-Server"),
        ("NVIDIA GeForce RTX 5070 Ti", "RTX-5070-Ti"),
        ("AMD Radeon AI PRO R9700", "R9700"),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", "Strix-Halo"),
        ("Apple M5 Max", "M5-Max"),
        ("Google TPU v5p", "TPU-v5p"),
        ("Qualcomm Cloud AI 100 Ultra", "AI-100-Ultra"),
        ("Groq LPU", "Groq-LPU"),
    ],
)
def test_drivers_and_people_put_the_brand_before(driver: str, name: str) -> None:
    assert accelerator(driver).name == name


@pytest.mark.parametrize("driver", ["NVIDIA GeForce RTX 3060 Laptop GPU", "NVIDIA", "Radeon", " "])
def test_what_is_another_card_or_none_is_refused(driver: str) -> None:
    with pytest.raises(CatalogError) as caught:
        accelerator(driver)
    assert caught.value.hint


@given(st.sampled_from(ROWS), st.sampled_from(["", "NVIDIA ", "amd ", "Intel "]), st.booleans())
def test_brand_and_case_do_not_matter(row: Accelerator, brand: str, loud: bool) -> None:
    name = row.name.upper() if loud else row.name.lower()
    assert hardware(f"2x {brand}{name}").accelerator == row


@given(st.sampled_from(ROWS), st.sampled_from(sorted(WIDER)))
def test_a_missing_format_runs_in_a_wider_one(row: Accelerator, wanted: NumberFormat) -> None:
    try:
        rate = row.rate_flops_per_s(wanted)
    except CatalogError as error:
        assert not set(WIDER[wanted]) & set(row.flops_per_s)
        assert error.hint
        return
    assert rate == row.flops_per_s.get(wanted, rate)
    assert rate in [row.flops_per_s.get(f) for f in WIDER[wanted]]


def test_a_t4_computes_bf16_in_fp16_and_fp8_on_an_a100_in_bf16() -> None:
    assert accelerator("T4").rate_flops_per_s("bf16") == 65e12
    assert accelerator("A100").rate_flops_per_s("fp8") == 312e12
    assert accelerator("H100").rate_flops_per_s("fp4") == accelerator("H100").flops_per_s["fp8"]


def test_a_rate_that_nobody_stated_is_an_error() -> None:
    with pytest.raises(CatalogError, match="Rubin-CPX in bf16"):
        accelerator("Rubin-CPX").rate_flops_per_s("bf16")
    with pytest.raises(CatalogError, match="'q4_k_m' is no number format") as caught:
        accelerator("H100").rate_flops_per_s("q4_k_m")  # type: ignore[arg-type]
    assert caught.value.hint


GOOD: dict[str, Any] = {
    "name": "mine", "vendor": "me", "family": "ada", "memory_gib": 24, "bandwidth_gb_per_s": 1000,
    "tflops": {"bf16": 100}, "tdp_w": 300, "link": "pcie4", "source": "me", "as_of": "2026-11",
    "idle_w": {"value": 20, "source": "meter", "as_of": "2026-11"},
    "host_w": {"value": 100, "source": "meter", "as_of": "2026-11"},
}  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        {"memory_gib": 0}, {"memory_gib": -24}, {"bandwidth_gb_per_s": 0}, {"tflops": {}},
        {"tflops": {"bf16": 0}}, {"tflops": {"fp5": 1}}, {"tdp_w": 20}, {"link_devices": 1},
        {"form": "brick"}, {"confidence": "sure"}, {"colour": "green"},
    ],
)  # fmt: skip
def test_an_impossible_row_is_refused(bad: dict[str, Any]) -> None:
    assert msgspec.convert(GOOD, Row).name == "mine"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(GOOD | bad, Row)


def test_a_chip_that_differs_from_its_link_says_so() -> None:
    assert (accelerator("B200").link_devices, accelerator("GB200").link_devices) == (8, 72)
    assert accelerator("B200").link_bytes_per_s == accelerator("GB200").link_bytes_per_s == 900e9
    assert accelerator("MI355X").link_bytes_per_s == pytest.approx(537.6e9)
    assert accelerator("Groq-LPU").sram_bytes == accelerator("Groq-LPU").memory_bytes
