"""Claims held against what is computed: verdicts, remedies, files, and the exit status."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console

from wattmill.core.errors import UsageError
from wattmill.plan.audit import Audit, Finding, as_data, audit, chosen, judge, named
from wattmill.plan.audit.claims import Row
from wattmill.plan.audit.text import finding_screen, summary

KV = {"model": "llama-3.1-70b", "context": "128Ki"}


def claim(**fields: Any) -> Finding:
    return judge(Row(id="one", text="one", **fields))


def of_inputs(compute: str, stated: Any, inputs: dict[str, Any], **more: Any) -> Finding:
    return claim(compute=compute, stated=stated, inputs=inputs, **more)


# --- verdicts -------------------------------------------------------------------------------------


def test_a_claim_is_a_question_and_a_stated_value() -> None:
    found = claim(ask="kv_cache_gb", inputs=KV, stated="42.9 GB")
    assert found.verdict == "reproduced" and found.remedies == ()
    assert found.recomputed == pytest.approx((42.94967296,)) and found.unit == "GB"
    assert found.recomputed_text == "42.95 GB"
    assert found.how == "wattmill ask kv_cache_gb model=llama-3.1-70b context=128Ki"
    assert "config.json" in found.sources[0]


def test_a_refuted_claim_says_what_would_make_it_true_the_smallest_change_first() -> None:
    found = claim(ask="kv_cache_gb", inputs=KV, stated="80 GB")
    assert found.verdict == "refuted"
    first = found.remedies[0]
    assert (first.input, first.given) == ("batch", "1 (the default)")
    assert first.factor == pytest.approx(80 / 42.94967296)
    assert str(first) == "batch were 1.863 instead of 1 (the default)"


def test_another_word_may_make_it_true() -> None:
    found = claim(ask="kv_cache_gb", inputs=KV, stated="85.9 GB")
    words = [r for r in found.remedies if r.factor is None]
    assert [(r.input, r.needed, r.given) for r in words] == [("kv_precision", "fp32", "fp16")]


def test_what_is_computed_is_shown_in_the_unit_of_what_is_stated() -> None:
    found = claim(ask="kv_cache_gb", inputs=KV, stated="40 GiB", tolerance=0)
    assert found.verdict == "reproduced" and found.recomputed == pytest.approx((40.0,))


def test_a_missing_input_is_unknown_and_named() -> None:
    asked = claim(
        ask="usd_per_mtok", inputs={"hourly": 2.5, "throughput": "?"}, stated="1 USD/Mtok"
    )
    left_out = claim(ask="usd_per_mtok", inputs={"hourly": 2.5}, stated="1 USD/Mtok")
    computed = of_inputs("n / m", "3", {"n": 3, "m": "?"})
    for found, name in ((asked, "throughput"), (left_out, "throughput"), (computed, "m")):
        assert (found.verdict, found.recomputed) == ("unknown", None)
        assert found.why == f"needs {name}" and found.recomputed_text == "—"


def test_nothing_stated_is_unknown_but_recomputed() -> None:
    found = claim(ask="kv_cache_gb", inputs=KV)
    assert found.verdict == "unknown" and found.recomputed_text == "42.95 GB"
    assert "nothing is stated" in found.why


def test_what_physics_refuses_is_unknown_and_says_why() -> None:
    found = claim(ask="kv_cache_gb", inputs={**KV, "context": "1M"}, stated="625 GB")
    assert found.verdict == "unknown" and "131,072" in found.why
    inputs = {"memory": "80 GB", "weights": "70 GB", "kv_per_token": 0}
    found = claim(ask="kv_tokens_that_fit", inputs=inputs, stated="9 tokens")
    assert found.verdict == "unknown" and "divide by 0" in found.why


def test_a_yes_or_no() -> None:
    inputs = {"model": "llama-3.1-405b", "hardware": "8x H100", "precision": "bf16"}
    found = claim(ask="fits", inputs=inputs, stated=True)
    assert (found.verdict, found.stated, found.recomputed_text) == ("refuted", "yes", "no")
    assert any(r.input == "precision" and r.needed == "fp8" for r in found.remedies)


@pytest.mark.parametrize(
    ("stated", "check", "computed", "verdict"),
    [
        ("40 GB", None, 41.9, "reproduced"),
        ("40 GB", None, 42.1, "refuted"),
        ("40-80 GB", None, 60, "reproduced"),
        ("40 to 80 GB", None, 83.9, "reproduced"),
        ("40–80 GB", None, 84.1, "refuted"),
        ("at most 96 GB", None, 10, "reproduced"),
        ("at most 96 GB", None, 101, "refuted"),
        ("≤ 96 GB", None, 101, "refuted"),
        ("under 96 GB", None, 97, "reproduced"),
        ("at least 96 GB", None, 91, "refuted"),
        ("over 96 GB", None, 1000, "reproduced"),
        ("about 40 GB", None, 41, "reproduced"),
        ("96 GB", "at-most", 10, "reproduced"),
        ("60-90 GB", "bound", 44.8, "refuted"),
        ("60-90 GB", "bound", 86, "reproduced"),
        ("60-90 GB", "bound", 85, "refuted"),
        ("60-90 GB", "floor", 63, "reproduced"),
        ("60-90 GB", "floor", 64, "refuted"),
        ("500 MB to 2 GB", None, 1, "reproduced"),
    ],
)
def test_how_a_statement_is_held_against_a_value(
    stated: str, check: Any, computed: float, verdict: str
) -> None:
    assert of_inputs("x", stated, {"x": f"{computed} GB"}, check=check).verdict == verdict


@pytest.mark.parametrize(
    ("stated", "check", "computed", "verdict"),
    [
        (["1.2 GB", "1 GB"], None, ["1.23 GB", "1.03 GB"], "reproduced"),
        (["1.2 GB", "1 GB"], None, ["1.03 GB", "1.23 GB"], "refuted"),
        ("0.14 GB", "contains", ["0.12 GB", "0.18 GB"], "reproduced"),
        ("0.2 GB", "contains", ["0.12 GB", "0.18 GB"], "refuted"),
        ("1-3 GB", None, ["1.5 GB", "2 GB"], "reproduced"),
        ("1-3 GB", None, ["0.5 GB", "2 GB"], "refuted"),
        ("1-3 GB", "overlaps", ["0.5 GB", "2 GB"], "reproduced"),
        ("1-3 GB", "overlaps", ["4 GB", "5 GB"], "refuted"),
        ("30 GB", None, ["29 GB", "31 GB"], "reproduced"),
    ],
)
def test_lists_are_held_element_by_element_and_ranges_against_all(
    stated: Any, check: Any, computed: list[str], verdict: str
) -> None:
    assert of_inputs("x", stated, {"x": computed}, check=check).verdict == verdict


@pytest.mark.parametrize(
    ("stated", "tolerance", "computed", "verdict"),
    [
        ("0.73", "rounded", 0.7349, "reproduced"),
        ("0.73", "rounded", 0.736, "refuted"),
        (0.73, "rounded", 0.7349, "reproduced"),
        ("42", "rounded", 42.4, "reproduced"),
        ("42", "rounded", 42.6, "refuted"),
        ("1.5e3", "rounded", 1549, "reproduced"),
        ("42", "± 3", 44.9, "reproduced"),
        ("42", "± 3", 45.1, "refuted"),
        ("42", "10 %", 46.1, "reproduced"),
        ("42", 0, 42.0, "reproduced"),
        ("50 %", "± 2 %", 0.515, "reproduced"),
        ("50 %", "± 2 %", 0.525, "refuted"),
        (0, "± 0.01", 0.005, "reproduced"),
    ],
)
def test_a_tolerance_is_a_share_a_slack_or_the_digits(
    stated: Any, tolerance: Any, computed: float, verdict: str
) -> None:
    assert of_inputs("x", stated, {"x": computed}, tolerance=tolerance).verdict == verdict


def test_billions_of_what_is_counted_are_no_bytes() -> None:
    inputs = {"memory": "32 GB", "reserve": "4 GB", "bits": 4.5}
    assert claim(ask="params_that_fit", inputs=inputs, stated="49.8B").verdict == "reproduced"


# --- remedies -------------------------------------------------------------------------------------


def needed(found: Finding) -> dict[str, float | None]:
    return {r.input: r.factor for r in found.remedies}


def test_every_number_that_went_in_is_solved_for() -> None:
    found = of_inputs(
        "bw / weights", "80 tok/s", {"bw": "1600 GB/s", "weights": "40 GB"}, tolerance=0.001
    )
    assert needed(found) == pytest.approx({"bw": 2.0, "weights": 0.5}, rel=1e-6)
    assert str(found.remedies[0]) in (
        "bw were 3,200 GB/s instead of 1,600 GB/s", "weights were 20 GB instead of 40 GB",
    )  # fmt: skip


def test_a_list_is_varied_as_a_whole() -> None:
    found = of_inputs("2 * x", ["20", "40"], {"x": [5, 10]})
    assert needed(found) == pytest.approx({"x": 2.0})
    assert "2 times as large" in str(found.remedies[0])


def test_a_share_stays_a_share() -> None:
    assert needed(of_inputs("100 * x", "150", {"x": "60 %"})) == {}
    assert needed(of_inputs("100 * x", "90", {"x": "60 %"})) == pytest.approx({"x": 1.5})


def test_a_range_of_the_question_is_kept() -> None:
    found = claim(ask="prefill_speedup", inputs={"hit": "50 %"}, stated="1000x", tolerance="1 %")
    assert needed(found)["hit"] == pytest.approx(0.999 / 0.5, rel=1e-4)


def test_a_whole_number_stays_one() -> None:
    found = claim(
        ask="wait_ms", inputs={"arrivals": 8, "service": "1 s", "servers": 9},
        stated="under 20 ms", tolerance=0,
    )  # fmt: skip
    servers = next(r for r in found.remedies if r.input == "servers")
    assert servers.needed == "13"


def test_an_input_that_must_not_change_much_is_found_though_far_values_have_no_answer() -> None:
    found = claim(ask="kv_cache_gb", inputs={**KV, "context": "100k"}, stated="40 GB")
    assert needed(found)["context"] == pytest.approx(40e9 / 327_680 / 100e3, rel=1e-6)


def test_nothing_is_offered_that_does_not_help() -> None:
    assert of_inputs("x - x + 1", "5", {"x": 3}).remedies == ()
    assert of_inputs("x ** 2", "at most -1", {"x": 3}).remedies == ()


def test_an_input_of_zero_can_be_the_remedy() -> None:
    found = of_inputs("10 + x", "12", {"x": 0}, tolerance=0.001)
    assert found.remedies[0].needed == "2"


@given(st.floats(0.1, 1e3), st.floats(0.1, 1e3), st.floats(0.01, 100), st.sampled_from(["n", "m"]))
def test_a_remedy_makes_the_claim_true(n: float, m: float, times: float, name: str) -> None:
    assume(abs(times - 1) > 0.06)
    stated = n * n / m * times
    found = of_inputs("n * n / m", f"{stated!r}", {"n": n, "m": m}, tolerance="5 %")
    factor = needed(found)[name]
    assert factor is not None
    values = {"n": n, "m": m}
    values[name] *= factor
    assert of_inputs("n * n / m", f"{stated!r}", values, tolerance=1e-6).verdict == "reproduced"


# --- what is not a claim --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stated": "1"}, "either ask or compute"),
        ({"ask": "kv_cache_gb", "compute": "1", "stated": "1"}, "either ask or compute"),
        ({"ask": "kv_cach_gb", "stated": "1"}, "no question 'kv_cach_gb'"),
        ({"ask": "kv_cache_gb", "inputs": {"modl": "a"}, "stated": "1"}, "no input 'modl'"),
        ({"ask": "kv_cache_gb", "inputs": KV, "stated": "40 s"}, "byte is computed"),
        ({"ask": "kv_cache_gb", "inputs": KV, "stated": "many"}, "states no value"),
        ({"ask": "kv_cache_gb", "inputs": KV, "stated": "40 GBs"}, "unknown unit"),
        ({"ask": "kv_cache_gb", "inputs": KV, "stated": ["1 GB", "2 GB"]}, "2 values are stated"),
        ({"ask": "kv_cache_gb", "inputs": KV, "stated": ["1 GB", "2 s"]}, "mixes units"),
        ({"ask": "kv_cache_gb", "inputs": KV, "stated": "1 GB", "tolerance": "x"}, "no tolerance"),
        ({"ask": "kv_cache_gb", "inputs": KV, "stated": "1 GB", "tolerance": "± 2 s"}, "unit"),
        ({"compute": "s * 2", "inputs": {"s": 1}, "stated": "1"}, "is a unit"),
        ({"compute": "max * 2", "inputs": {"max": 1}, "stated": "1"}, "is a unit"),
        ({"compute": "x * 2", "inputs": {"x": "fp8"}, "stated": "1"}, "is no number"),
        ({"compute": "x * 2", "inputs": {"x": True}, "stated": "1"}, "no inputs"),
        ({"compute": "'a'", "stated": "1"}, "no number"),
    ],
)
def test_what_is_no_claim_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        claim(**fields)


# --- files ----------------------------------------------------------------------------------------

GOOD = """
[[claim]]
id = "kv"
text = "a"
ask = "kv_cache_gb"
inputs = { model = "llama-3.1-70b", context = "128Ki" }
stated = "80 GB"
expect = "refuted"
topic = "memory-kv"
source = "a talk"

[[claim]]
id = "rate"
text = "b"
compute = "kv_bytes_per_token(model='llama-3.1-70b') * 131072 / 1 GB"
stated = "43"
"""


def write(folder: Path, text: str, name: str = "a.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_file_and_a_folder_of_files(tmp_path: Path) -> None:
    one = audit(write(tmp_path, GOOD))
    assert [f.verdict for f in one.findings] == ["refuted", "reproduced"]
    assert one.is_as_expected and one.count("refuted") == 1
    write(tmp_path, GOOD.replace('"kv"', '"kv2"'), "b.toml")
    both = audit(tmp_path)
    assert [f.file for f in both.findings] == ["a.toml", "a.toml", "b.toml", "b.toml"]
    assert summary(both) == "4 claims: 2 reproduced, 2 refuted, 0 unknown; all as expected"


def test_findings_are_chosen_by_verdict(tmp_path: Path) -> None:
    found = audit(write(tmp_path, GOOD.replace('expect = "refuted"', "")))
    assert [f.id for f in chosen(found, "refuted")] == ["kv"]
    assert [f.id for f in chosen(found, "unexpected")] == ["kv"]
    assert len(chosen(found, None)) == 2
    with pytest.raises(UsageError):
        chosen(found, "refused")
    data = as_data(found, chosen(found, "reproduced"))
    assert (data["claims"], data["refuted"], len(data["findings"])) == (2, 1, 1)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("[[claim]", "Expected", "a.toml"),
        ("[[claim]]\nid = 'a'", "text", "a.toml"),
        (GOOD + "\nstatd = 3", "statd", "a.toml"),
        (GOOD.replace('"rate"', '"kv"'), "two claims", "a.toml: kv"),
        (GOOD.replace("llama-3.1-70b", "lama-3.1-70b"), "model: the catalog", "a.toml: kv"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(
    tmp_path: Path, text: str, message: str, place: str
) -> None:
    with pytest.raises(UsageError) as refused:
        audit(write(tmp_path, text))
    assert message in refused.value.message and refused.value.place.endswith(place)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.toml"):
        with pytest.raises(UsageError, match="no audit file"):
            audit(path)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wattmill.cli", "audit", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_exit_status_tells_whether_verdicts_are_as_the_file_expects(tmp_path: Path) -> None:
    good = command(str(write(tmp_path, GOOD)))
    assert good.returncode == 0 and "all as expected" in good.stdout
    surprising = command(str(write(tmp_path, GOOD.replace('expect = "refuted"', ""))), "--json")
    told = json.loads(surprising.stdout)
    assert surprising.returncode == 1 and told["as_expected"] is False
    assert told["findings"][0]["remedies"][0]["input"] == "batch"
    broken = command(str(write(tmp_path, "nonsense")))
    assert broken.returncode == 2 and "a.toml" in broken.stderr and broken.stdout == ""


def test_one_claim_is_shown_with_all_that_is_known_of_it() -> None:
    """Its words, its remedies and its note; an unknown id hints the nearest."""
    found = Audit((claim(ask="kv_cache_gb", inputs=KV, stated="80 GB", note="eight heads"),))
    screen = StringIO()
    Console(width=100, file=screen).print(finding_screen(named(found, "one")))
    for part in ("refuted", "42.95 GB", "true if", "eight heads"):
        assert part in screen.getvalue()
    with pytest.raises(UsageError, match="onne") as error:
        named(found, "onne")
    assert "one" in error.value.hint
