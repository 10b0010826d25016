"""`examples/audit/hardware.toml` against a second recomputation."""

import pytest

from tests.plan.audit.recomputed_hardware import MACHINES, RECOMPUTED
from tests.plan.audit.support import disagreements_of, findings


def test_every_claim_on_hardware_agrees_with_raw_numbers() -> None:
    assert disagreements_of("hardware.toml", RECOMPUTED) == []


def test_the_lowest_price_of_memory_is_the_lowest_of_all_machines() -> None:
    found = findings("hardware.toml")["framework-128-lowest-usd-per-gb"]
    assert found.recomputed is not None
    lowest = min(usd / gb for gb, _, usd in MACHINES.values())
    assert found.recomputed[0] == pytest.approx(lowest)


def test_a_refuted_peak_rate_says_which_number_format_was_meant() -> None:
    found = findings("hardware.toml")
    for name in ("b200-fp8-9000-tflops", "b300-10-7-tflops-per-w-fp8", "rtx-5090-1677-tops"):
        assert found[name].remedies[0].needed == "fp4"
