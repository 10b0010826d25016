"""What holds a model: nothing is offered that does not fit, and what is missing is said."""

import math
from datetime import date
from typing import Any

import pytest

from wattmill.catalog.hardware import hardware
from wattmill.catalog.models import model
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.core.errors import CatalogError, PlanError
from wattmill.physics.deployment import deploy
from wattmill.physics.memory import fit
from wattmill.plan.sizing.candidates import candidates, ladder, split_words
from wattmill.plan.sizing.fit_records import (
    FitQuestion,
    FitReport,
    FitRow,
    by_device,
    one_per_class,
)
from wattmill.plan.sizing.fitting import fit_report

TODAY = date(2026, 11, 21)
MODELS = ("llama-3.1-70b", "deepseek-v3", "gpt-oss-120b", "qwen2.5-0.5b", "whisper-large-v3")


def report(name: str = "llama-3.1-70b", **changes: Any) -> FitReport:
    return fit_report(FitQuestion(name, **changes), TODAY)


def row(found: FitReport, hardware_name: str, precision: str) -> FitRow:
    (one,) = [r for r in found.rows if (r.accelerator, r.precision) == (hardware_name, precision)]
    return one


@pytest.mark.parametrize("name", MODELS)
def test_every_row_holds_what_it_says(name: str) -> None:
    found = report(name)
    assert found.rows
    for r in found.rows:
        assert r.users >= 1 and r.batch >= 1
        assert r.weights_bytes + r.free_bytes < r.memory_bytes
        assert r.cards == r.tp * r.pp * r.dp
        assert r.single_low_tok_per_s < r.single_tok_per_s < r.single_high_tok_per_s
        assert r.full_low_tok_per_s < r.full_tok_per_s < r.full_high_tok_per_s
        assert r.power_w > 0 and all(map(math.isfinite, (r.full_tok_per_s, r.power_w)))


def test_the_fewest_cards_are_named() -> None:
    """70B in bf16 is 141 GB: two cards of 80 GB, four of 45, one of 192."""
    found = report()
    assert row(found, "H100-SXM", "bf16").cards == 2
    assert row(found, "L40S", "bf16").cards == 4
    assert row(found, "MI300X", "bf16").cards == 1
    assert row(found, "L40S", "fp8").cards == 2
    assert row(found, "H100-SXM", "int4").cards == 1


def test_users_are_those_of_the_physics() -> None:
    placed = deploy(model("llama-3.1-70b"), hardware("2x H100-SXM"), "bf16")
    assert row(report(), "H100-SXM", "bf16").users == fit(placed, 8192).users


def test_a_longer_context_holds_fewer_users() -> None:
    short = row(report(context_tokens=4096), "MI300X", "bf16")
    long = row(report(context_tokens=32768), "MI300X", "bf16")
    assert short.cards == long.cards and short.users > 4 * long.users


def test_half_as_wide_a_cache_holds_twice_the_users() -> None:
    wide = row(report(), "MI300X", "fp8").users
    assert row(report(kv_precision="fp8"), "MI300X", "fp8").users in (2 * wide, 2 * wide + 1)


def test_formats_of_one_device_go_from_wide_to_narrow() -> None:
    for first, others in by_device(report().rows):
        bits = [WEIGHT_BITS[r.precision] for r in (first, *others)]
        cards = [r.cards for r in (first, *others)]
        assert bits == sorted(bits, reverse=True) and cards == sorted(cards, reverse=True)


def test_the_shipped_format_is_the_widest() -> None:
    assert {first.precision for first, _ in by_device(report("gpt-oss-120b").rows)} == {"mxfp4"}
    assert "bf16" not in {r.precision for r in report("deepseek-v3").rows}


def test_hardware_is_in_the_rows_or_lacks_something() -> None:
    found = report("deepseek-v3")
    held = {r.accelerator for r in found.rows}
    missing = {m.hardware.split("x ", 1)[1] for m in found.misses}
    assert not held & missing
    assert held | missing == {c.accelerator.name for c in candidates(())}


def test_what_is_missing_is_the_difference_to_what_is_there() -> None:
    (miss,) = report(hardware=("RTX-3060",), precisions=("int4",), name="deepseek-v3").misses
    assert miss.hardware == "8x RTX-3060" and miss.precision == "int4"
    placed = deploy(model("deepseek-v3"), hardware("8x RTX-3060"), "int4")
    memory = fit(placed, 8192)
    assert miss.missing_bytes <= memory.kv_bytes_per_user - memory.free_bytes
    assert miss.missing_bytes > memory.weights_bytes - memory.usable_bytes


def test_rows_go_from_cheap_to_dear_and_unknown_prices_last() -> None:
    cheapest = []
    for first, others in by_device(report().rows):
        known = [r.usd_per_hour for r in (first, *others) if r.usd_per_hour is not None]
        cheapest.append(min(known, default=math.inf))
    assert cheapest == sorted(cheapest)


def test_the_short_view_has_one_row_of_each_class() -> None:
    rows = report().rows
    short = one_per_class(rows)
    classes = [first.device_class for first, _ in short]
    assert sorted(classes) == sorted({r.device_class for r in rows})
    for first, _ in short:
        rivals = [f for f, _ in by_device(rows) if f.device_class == first.device_class]
        assert first.cards == min(r.cards for r in rivals)


def test_a_system_is_used_whole() -> None:
    found = report("llama-3.1-8b", hardware=("DGX-H100",))
    assert {(r.hardware, r.cards) for r in found.rows} == {("DGX-H100", 8)}


def test_a_count_bounds_the_cards() -> None:
    assert not report("llama-3.1-70b", hardware=("1x RTX-4090",)).rows
    assert row(report(hardware=("2x RTX-4090",)), "RTX-4090", "int4").cards == 2


def test_systems_that_hold_so_many_are_named() -> None:
    assert "DGX-H100" in row(report(), "H100-SXM", "bf16").systems
    assert row(report(), "RTX-PRO-6000", "bf16").systems == ()


def test_vendors_of_their_own_software_are_studied_only_by_name() -> None:
    assert all(c.accelerator.name != "WSE-3" for c in candidates(()))
    named = report("llama-3.1-8b", hardware=("WSE-3",)).rows
    assert {r.accelerator for r in named} == {"WSE-3"}


def test_nothing_announced_is_offered_unless_named() -> None:
    assert all(c.accelerator.status == "sold" for c in candidates(()))
    assert [c.accelerator.name for c in candidates(("Rubin",))] == ["Rubin"]


def test_every_rung_of_a_ladder_is_narrower() -> None:
    for name in MODELS:
        for candidate in candidates(()):
            bits = [WEIGHT_BITS[p] for p in ladder(model(name), candidate.accelerator)]
            assert bits and bits == sorted(set(bits), reverse=True)


def test_prices_carry_their_day() -> None:
    one = row(report(), "H100-SXM", "bf16")
    assert one.price_usd == 2 * 28000 and one.price_as_of == "2025-06" and one.is_price_stale
    assert one.rent_usd_per_hour is not None and one.rent_as_of is not None


def test_options_may_be_repeated_and_hold_commas() -> None:
    assert split_words(["a, b", "c", ","]) == ("a", "b", "c")
    assert split_words(None) == ()


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("llama-3.1-71b", {}, "llama-3.1-71b"),
        ("bge-m3", {}, "embeddings"),
        ("llama-3.1-70b", {"context_tokens": 0}, "a context of 0"),
        ("llama-3.1-70b", {"context_tokens": -5}, "a context of -5"),
        ("llama-3.1-70b", {"context_tokens": 200_000}, "131,072"),
        ("llama-3.1-70b", {"hardware": ("L40Z",)}, "L40Z"),
        ("llama-3.1-70b", {"hardware": ("Rubin-CPX",)}, "Rubin-CPX"),
        ("llama-3.1-70b", {"hardware": ("0x L40S",)}, "0x L40S"),
        ("llama-3.1-70b", {"precisions": ("fp9",)}, "fp9"),
        ("llama-3.1-70b", {"kv_precision": "q9"}, "q9"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises((CatalogError, PlanError)) as refused:
        report(name, **changes)
    assert said in refused.value.message and refused.value.hint
