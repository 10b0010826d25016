"""The register: what can be asked, how inputs are checked, and what an answer carries."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wattmill.core.errors import UsageError, WattmillError
from wattmill.plan.questions.asking import answered, described, from_words
from wattmill.plan.questions.registry import Answer, Input, Question, ask, find, questions, topics
from wattmill.plan.questions.units import Quantity, unit

MODEL = "llama-3.1-70b"
QUESTIONS = list(questions().values())


def names(of: list[Question]) -> list[str]:
    return [q.name for q in of]


@pytest.mark.parametrize("question", QUESTIONS, ids=names(QUESTIONS))
def test_every_question_says_what_it_means_and_where_it_is_from(question: Question) -> None:
    assert question.meaning.endswith(".") and len(question.meaning) < 110
    assert len(question.source) > 10
    assert question.scale.factor > 0
    for spec in question.inputs.values():
        assert spec.meaning and spec.scale.factor > 0
        assert spec.kind in ("number", "whole") or spec.choices or spec.find
        if spec.is_numeric:
            assert spec.low is not None and spec.high is not None and spec.low < spec.high


@pytest.mark.parametrize("question", QUESTIONS, ids=names(QUESTIONS))
def test_every_default_is_within_its_range(question: Question) -> None:
    for spec in question.inputs.values():
        if not spec.is_required and spec.is_numeric and spec.default is not None:
            low, high = spec.base_range()
            assert low <= spec.default <= high, spec.name
        elif not spec.is_required and spec.choices:
            assert spec.default in spec.choices


def test_there_are_enough_questions_on_every_topic_of_the_claims() -> None:
    counted = {topic: len(asked) for topic, asked in topics().items()}
    assert sum(counted.values()) >= 120
    for topic in ("memory", "roofline", "serving", "cost", "power", "moe", "quantisation",
                  "prefix-cache", "disaggregation", "clustering", "hardware", "agents", "queueing",
                  "speculative", "catalog", "rag", "routing", "latency"):  # fmt: skip
        assert counted[topic] >= 1, topic


def test_an_answer_carries_value_unit_inputs_and_source() -> None:
    answer = ask("kv_cache_gb", model=MODEL, context="128Ki")
    assert answer.value == pytest.approx(42.94967296)
    assert (answer.unit, answer.low, answer.binds) == ("GB", None, None)
    assert answer.inputs == {
        "model": MODEL, "context": "131,072 tokens", "batch": "1", "kv_precision": "fp16",
    }  # fmt: skip
    assert "config.json" in answer.source
    assert answer.quantity.value == pytest.approx(42.94967296e9)
    assert answer.quantity.dims == unit("GB").dims


def test_a_performance_answer_carries_an_interval_and_what_binds() -> None:
    answer = ask("decode_tok_s", model=MODEL, hardware="4x L40S", precision="fp8", batch=8)
    assert answer.low is not None and answer.high is not None
    assert isinstance(answer.value, float) and answer.low < answer.value < answer.high
    assert answer.binds == "memory bandwidth" and answer.note is not None


@pytest.mark.parametrize(
    ("bandwidth", "expected"),
    [("3.35TB/s", 3.35e12 / 140e9), (3350, 3350 / 140), ("3350", 3350 / 140), ("26.8 Tb/s", 23.93),
     (Quantity(3.35e12, unit("B/s").dims), 23.93), ("3.35k", 3350 / 140)],
)  # fmt: skip
def test_a_value_may_have_any_unit_that_fits_and_else_has_that_of_the_input(
    bandwidth: Any, expected: float
) -> None:
    answer = ask("decode_bound_tok_s", bandwidth=bandwidth, weights="140 GB")
    assert answer.value == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("inputs", "place", "message", "hint"),
    [
        ({"model": "lama-3.1-70b"}, "model", "'lama-3.1-70b'", "llama-3.1-70b"),
        ({"model": MODEL, "contxt": 3}, "", "contxt", "context"),
        ({"model": MODEL, "context": "3 GB"}, "context", "byte", "tokens"),
        ({"model": MODEL, "context": "3 GBs"}, "", "GBs", "did you mean"),
        ({"model": MODEL, "context": -3}, "context", "-3 tokens is out of range", "from 1"),
        ({"model": MODEL, "context": "many"}, "context", "'many' is no number", "tokens"),
        ({"model": MODEL, "context": math.nan}, "context", "nan", "from 1"),
        ({"model": MODEL, "context": math.inf}, "context", "inf", "from 1"),
        ({"model": MODEL, "context": True}, "context", "True is no number", ""),
        ({"model": MODEL, "context": 10**400}, "context", "too large", ""),
        ({"model": 70}, "model", "70 is no name", ""),
        ({"model": MODEL, "kv_precision": "fp9"}, "kv_precision", "'fp9'", "fp8"),
        ({}, "", "needs model", "model=…"),
    ],
)
def test_a_wrong_input_is_refused_with_value_place_and_next_step(
    inputs: dict[str, Any], place: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError) as refused:
        ask("kv_cache_gb", **inputs)
    assert refused.value.place == place
    assert message in refused.value.message and hint in refused.value.hint


def test_names_are_read_as_people_write_them() -> None:
    plainly = ask("decode_tok_s", model="Llama 3.1 70B", hardware="4 x l40s", precision="FP8")
    assert plainly.inputs["model"] == MODEL and plainly.inputs["precision"] == "fp8"


def test_an_unknown_question_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as refused:
        find("kv_cach_gb")
    assert "kv_cache_gb" in refused.value.hint
    with pytest.raises(UsageError) as refused:
        find("zzzzzz")
    assert "--list" in refused.value.hint


@pytest.mark.parametrize(
    ("word", "hint"),
    [("memory", "--list memory"), ("KV", "kv_cache_gb, "), ("copper", "bus_bar_area"),
     ("model", " and "), ("", "--list")],
)  # fmt: skip
def test_a_word_that_is_no_question_leads_to_those_that_it_is_about(word: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        find(word)
    assert hint in refused.value.hint
    assert "did you mean" not in refused.value.hint


def test_a_question_may_be_written_in_capitals() -> None:
    assert find("KV-cache-GB") is find("kv_cache_gb")


def test_a_whole_number_is_required_where_only_whole_ones_make_sense() -> None:
    with pytest.raises(UsageError, match="whole"):
        ask("wait_ms", arrivals=1, service=0.5, servers=1.5)


def test_an_interval_comes_from_the_stated_error() -> None:
    answer = ask("weights_gb", model=MODEL, precision="q4_k_m")
    assert answer.low == pytest.approx(float(answer.value) / 1.03)
    assert answer.high == pytest.approx(float(answer.value) * 1.03)


def test_a_question_without_a_finite_answer_is_an_error() -> None:
    with pytest.raises(WattmillError, match="divide by 0"):
        ask("kv_tokens_that_fit", memory=80, weights=70, kv_per_token=0)


def test_what_is_hardly_more_than_nothing_is_refused_where_nothing_is() -> None:
    """Quotients of such figures are infinite, and NumPy would say so in words of its own."""
    with pytest.raises(UsageError, match=r"paid: 4.9.*e-324 is hardly more than 0"):
        ask("owners_least_cover", paid=5e-324, receipts=1, term=12, rate=0.1, lent_share=0.7)


def test_one_question_is_found_without_importing_all() -> None:
    code = (
        "import sys; from wattmill.plan.questions.registry import ask;"
        "assert ask('speculative_tokens', acceptance=0.5).value > 1.9;"
        "assert 'wattmill.plan.questions.serving' not in sys.modules;"
        "assert 'numpy' not in sys.modules and 'pint' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_cold_question_goes_without_what_commands_need() -> None:
    code = (
        "import sys; sys.argv = ['wattmill', 'ask', 'decode_tok_s', 'model=llama-3.1-8b',"
        "'hardware=H100'];"
        "from wattmill.start import main;"
        "import atexit; heavy = {'typer', 'rich', 'dataclasses', 'importlib.resources', 'numpy', 'pint',"
        "'jinja2', 'wattmill.catalog.market', 'wattmill.plan.questions.quotes'};"
        "atexit.register(lambda: print('heavy:', *sorted(heavy & set(sys.modules))));"
        "main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "tok/s" in ran.stdout and ran.stdout.endswith("heavy:\n")


def test_a_bundle_is_asked_for_its_fields() -> None:
    inputs = find("ttft_ms").inputs
    assert list(inputs)[:3] == ["model", "hardware", "precision"]
    assert {"isl", "osl", "hit", "load", "tp"} <= set(inputs)
    assert inputs["model"].is_required and inputs["isl"].default == 1000
    shared = [find(name).inputs for name in ("tpot_ms", "power_w", "serving_j_per_token")]
    assert all(set(other) == set(inputs) for other in shared)
    assert find("serving_j_per_token").inputs["load"].default == 1.0
    asked = ask("requests_per_s", model=MODEL, hardware="4x L40S", precision="fp8", osl=500)
    whole = ask("throughput_tok_s", model=MODEL, hardware="4x L40S", precision="fp8", osl=500)
    assert asked.value == pytest.approx(float(whole.value) / 500)


def test_the_order_of_questions_does_not_depend_on_what_was_asked_first() -> None:
    code = (
        "from wattmill.plan.questions.registry import ask, questions;"
        "ask('words_per_min', throughput=30); print(*questions())"
    )
    first = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    code = "from wattmill.plan.questions.registry import questions; print(*questions())"
    plain = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert first == plain


def test_every_module_of_questions_is_one_topic_or_few() -> None:
    import wattmill.plan.questions as package

    files = {p.stem for p in Path(package.__path__[0]).glob("*.py")}
    asked = {q.function.__module__.rpartition(".")[2] for q in QUESTIONS}
    assert asked <= files


# --- the command line -----------------------------------------------------------------------------


def test_the_words_of_a_command_are_an_answer() -> None:
    text = from_words(["kv_cache_gb", f"model={MODEL}", "context=128Ki"])
    assert text.splitlines()[0] == "42.95 GB"
    assert "context = 131,072 tokens" in text and "source:" in text


def test_an_answer_as_json_has_every_field() -> None:
    import json

    told = json.loads(from_words(["kv_cache_gb", f"model={MODEL}", "--json"]))
    assert set(told) == set(Answer.__struct_fields__)


def test_the_list_is_by_topic() -> None:
    text = from_words(["--list", "speculative"])
    assert text.startswith("speculative\n") and "speculative_speedup" in text
    assert "kv_cache_gb" in from_words([]) and "kv_cache_gb" in from_words(["--list"])
    with pytest.raises(UsageError) as refused:
        from_words(["--list", "memry"])
    assert "memory" in refused.value.hint
    for topic, hint in (("zzz", "topics are: agents"), ("kv_cache_gb", "kv_cache_gb --about")):
        with pytest.raises(UsageError) as refused:
            from_words(["--list", topic])
        assert hint in refused.value.hint


def test_about_tells_units_ranges_choices_and_defaults() -> None:
    text = from_words(["decode_tok_s", "--about"])
    for part in ("tok/s", "context [tokens]", "default 2,048 tokens", "vllm", "source:", "usage"):
        assert part in text or part == "usage"
    assert "wattmill ask decode_tok_s model=… hardware=…" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["kv_cache_gb", MODEL], "is no input"),
        (["kv_cache_gb", "=3"], "is no input"),
        (["kv_cache_gb", "model=a", "model=b"], "twice"),
        (["kv_cache_gb", "kv_precision=fp8", "kv-precision=fp16"], "twice"),
        (["--about"], "which question"),
        (["kv_cache_gb", "--jsn"], "no option"),
    ],
)
def test_wrong_words_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_words(words)


def test_a_yes_or_no_is_said_so() -> None:
    words = ["fits", f"model={MODEL}", "hardware=4x L40S", "precision=fp8"]
    assert from_words(words).splitlines()[0] == "yes"
    assert from_words([*words, "users=5000"]).splitlines()[0] == "no"


def test_a_description_has_all_that_a_caller_needs() -> None:
    told = described(find("kv_cache_gb"))
    context = next(i for i in told["inputs"] if i["name"] == "context")
    assert (context["unit"], context["required"], context["default"]) == (
        "tokens", False, "8,192 tokens",
    )  # fmt: skip
    assert answered("kv_cache_gb", [], list_=False, about=True, as_json=True).startswith("{")


def test_an_open_range_is_told_apart_from_a_closed_one() -> None:
    open_range = Input("", "", 0.0, 1.0, is_above=True, name="load")
    assert open_range.range_text() == "above 0 to 1"
    with pytest.raises(UsageError):
        open_range.base(0.0)
    assert Input("", "", 0.0, 1.0, name="hit").base(0.0) == 0.0
