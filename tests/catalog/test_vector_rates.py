"""fp32 rates follow from what makes them: cores, highest clock, and a multiply with an add."""

import pytest

from wattmill.catalog.hardware import accelerator, accelerators

CORES_AND_MHZ = {
    "V100-SXM2-16GB": (5120, 1530), "V100-SXM2-32GB": (5120, 1530),
    "V100-PCIe-32GB": (5120, 1380), "T4": (2560, 1590), "RTX-2080-Ti": (4352, 1545),
    "A100-40GB": (6912, 1410), "A100-80GB": (6912, 1410), "A100-PCIe-40GB": (6912, 1410),
    "A100-PCIe-80GB": (6912, 1410), "A30": (3584, 1440),
    "A10": (9216, 1695), "A10G": (10240, 1710), "A40": (10752, 1740),
    "RTX-A2000-12GB": (3328, 1200), "RTX-A4000": (6144, 1560), "RTX-A5000": (8192, 1695),
    "RTX-A6000": (10752, 1800),
    "RTX-3060": (3584, 1777), "RTX-3070": (5888, 1725), "RTX-3080": (8704, 1710),
    "RTX-3080-Ti": (10240, 1665), "RTX-3090": (10496, 1695), "RTX-3090-Ti": (10752, 1860),
    "L4": (7424, 2040), "L20": (11776, 2520), "L40": (18176, 2490), "L40S": (18176, 2520),
    "RTX-4000-Ada": (6144, 2175), "RTX-5000-Ada": (12800, 2550), "RTX-6000-Ada": (18176, 2505),
    "RTX-4060-Ti": (4352, 2535), "RTX-4070": (5888, 2475), "RTX-4070-Ti": (7680, 2610),
    "RTX-4070-Ti-Super": (8448, 2610), "RTX-4080": (9728, 2505), "RTX-4080-Super": (10240, 2550),
    "RTX-4090": (16384, 2520),
    "H100-SXM": (16896, 1980), "H100-PCIe": (14592, 1755), "H100-NVL": (16896, 1785),
    "H200": (16896, 1980), "H200-NVL": (16896, 1785),
    "GH200-96GB": (16896, 1980), "GH200-144GB": (16896, 1980),
    "B200": (18944, 1965), "B300": (18944, 1965),
    "MI50-32GB": (3840, 1725),
}  # fmt: skip
"""Vector lanes and boost clock: whitepapers of GV100, TU102, GA100, GA102, AD102 and GH100, product pages."""

STATED_ONLY = {"H20", "B100", "GB200", "GB300", "GB300-Desktop"}
"""What the maker states is not what the known lanes and clocks give, or they are not known."""


@pytest.mark.parametrize("name", CORES_AND_MHZ)
def test_fp32_is_cores_times_clock_times_two(name: str) -> None:
    cores, mhz = CORES_AND_MHZ[name]
    found = accelerator(name).flops_per_s["fp32"]
    assert found == pytest.approx(cores * mhz * 1e6 * 2, rel=0.012)


def test_every_stated_rate_was_looked_at() -> None:
    stated = {row.name for row in accelerators() if "fp32" in row.flops_per_s}
    assert stated == CORES_AND_MHZ.keys() | STATED_ONLY


@pytest.mark.parametrize(
    "name",
    [n for n in CORES_AND_MHZ if accelerator(n).family in ("ampere-gddr", "ada")],
)
def test_tensor_units_are_two_or_four_times_the_vector_units(name: str) -> None:
    """On Ampere and Ada with GDDR; a check of the one rate by the other, both of the data sheet."""
    rates = accelerator(name).flops_per_s
    ratio = rates["bf16"] / rates["fp32"]
    assert min(abs(ratio - 2), abs(ratio - 4)) < 0.06
