"""Sizing: what is offered meets the SLO, nothing beats it, and more work never takes less."""

import math
from datetime import date
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.catalog.hardware import accelerator
from wattmill.catalog.models import model as spec_of
from wattmill.core.errors import CatalogError, PlanError, UsageError, WattmillError
from wattmill.physics.deployment import Deployment
from wattmill.physics.memory import fit
from wattmill.physics.performance import (
    TOGETHER_FRAC,
    Workload,
    busy_prefill_s,
    prompt_s,
    tpot_s,
)
from wattmill.physics.power import peak_power_w
from wattmill.physics.step import step_cost
from wattmill.plan.sizing.front import undominated
from wattmill.plan.sizing.launch import sglang, vllm
from wattmill.plan.sizing.meeting import Found, field_of, meeting
from wattmill.plan.sizing.money import PAYS, Terms
from wattmill.plan.sizing.options import Option, SizeQuestion, SizeReport
from wattmill.plan.sizing.size import SizeStudy, size, study
from wattmill.plan.sizing.slo import Slo, parse_slo
from wattmill.plan.sizing.sweep import last_true

TODAY = date(2026, 11, 21)
CHAT = Workload(1000, 300)
RENTED = Terms(pay="rent")
SOME = ("H100-SXM", "L40S", "MI300X", "M3-Ultra", "RTX-4090")
MODELS = ("llama-3.1-8b", "llama-3.1-70b", "qwen3-30b-a3b", "gpt-oss-20b")


def question(**changes: Any) -> SizeQuestion:
    base = SizeQuestion("llama-3.1-8b", CHAT, Slo(tpot_s=0.05), users=40, hardware=SOME)
    return msgspec.structs.replace(base, **changes)


def answer(**changes: Any) -> SizeReport:
    return size(question(**changes), TODAY, top=1000)


def everything(report: SizeReport) -> tuple[Option, ...]:
    return (*report.options, *report.others)


def least(report: SizeReport, name: str) -> float:
    """The least of what is known of all options; infinite where nothing meets the SLO."""
    values = [getattr(option, name) for option in everything(report)]
    return min((v for v in values if v is not None), default=math.inf)


# --- what is offered is true ----------------------------------------------------------------------

loads = st.builds(
    Workload,
    st.integers(1, 6000),
    st.integers(1, 1500),
    st.floats(0, 0.95),
)
slos = st.builds(Slo, st.floats(0.2, 10), st.floats(0.01, 0.2))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(MODELS), loads, slos, st.integers(1, 400))
def test_every_option_meets_the_slo_by_the_scalar_physics(
    model: str, load: Workload, slo: Slo, users: int
) -> None:
    found = study(question(model=model, workload=load, slo=slo, users=users), TODAY, top=50)
    for option, deployment in shown(found):
        assert math.isclose(
            seen_tpot_s(deployment, load, option.batch), option.tpot_s, rel_tol=1e-9
        )
        assert math.isclose(
            seen_ttft_s(deployment, load, option.batch), option.ttft_s, rel_tol=1e-9
        )
        assert slo.tpot_s is not None and option.tpot_s <= slo.tpot_s
        assert slo.ttft_s is not None and option.ttft_s <= slo.ttft_s
        assert fit(deployment, load.isl + load.osl).users >= option.batch
        assert (
            option.replicas * option.batch
            >= users
            > (option.replicas - 1) * option.batch - option.replicas
        )


def shown(found: SizeStudy) -> list[tuple[Option, Deployment]]:
    if found.found is None:
        return []
    where = found.found
    rows = [where.field.deployments[where.row[i]] for i in found.shown]
    return list(zip(found.report.options, rows, strict=True))


def seen_tpot_s(deployment: Deployment, load: Workload, batch: int) -> float:
    return tpot_s(step_cost(deployment), load, float(batch))


def seen_ttft_s(deployment: Deployment, load: Workload, batch: int) -> float:
    """A closed loop: half of a prefill that is met, half of all where everybody starts at once."""
    cost, step_s = step_cost(deployment), seen_tpot_s(deployment, load, batch)
    alone_s, busy_s = prompt_s(cost, load), busy_prefill_s(cost, load)
    met_frac = min(1.0, (batch - 1) * busy_s / (load.osl * step_s + alone_s))
    wait_s = busy_s / 2 * (met_frac + TOGETHER_FRAC * (batch - 1))
    return float(cost.request_s + alone_s + wait_s + step_s / 2)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(MODELS), slos, st.integers(1, 300))
def test_nothing_that_was_found_beats_a_row_of_the_front(model: str, slo: Slo, users: int) -> None:
    found = study(question(model=model, slo=slo, users=users), TODAY, top=1000)
    if found.found is None:
        return
    where = found.found
    table = np.column_stack((where.usd, where.power_w, where.seen.tpot_s))
    for i in found.front:
        no_worse, better = table <= table[i], table < table[i]
        assert not (no_worse.all(axis=1) & better.any(axis=1)).any()


def test_the_front_ends_where_it_costs_ten_times_the_least() -> None:
    found = study(question(model="llama-3.1-70b", users=300), TODAY, top=1000)
    assert found.found is not None
    usd = [o.usd_per_hour for o in found.report.options if o.usd_per_hour is not None]
    assert max(usd) <= 10 * min(usd) < float(found.found.usd[np.isfinite(found.found.usd)].max())


def test_figures_of_an_option_belong_together() -> None:
    report = answer(users=64)
    for o in everything(report):
        assert o.tpot_low_s < o.tpot_s < o.tpot_high_s
        assert o.cards == o.replicas * o.tp * o.dp * o.pp
        assert o.mean_power_w <= o.power_w
        assert math.isclose(o.requests_per_s * CHAT.osl, o.tok_per_s)
        assert o.usd_per_hour is None or o.usd_per_mtok is not None
        assert o.hardware == f"{o.cards}x {o.accelerator}"
    assert [o.usd_per_hour for o in report.options if o.usd_per_hour] == sorted(
        o.usd_per_hour for o in report.options if o.usd_per_hour
    )


def test_tokens_cost_what_an_hour_costs_over_the_tokens_of_an_hour() -> None:
    for o in everything(answer(terms=Terms(load_frac=0.5))):
        if o.usd_per_hour is None:
            continue
        answers = o.tok_per_s * 0.5 * 3600 / 1e6
        assert o.usd_per_mtok_output is not None and o.usd_per_mtok is not None
        assert math.isclose(o.usd_per_mtok_output * answers, o.usd_per_hour)
        assert math.isclose(o.usd_per_mtok * answers * 1300 / 300, o.usd_per_hour)


def test_power_is_not_above_what_the_cards_may_draw() -> None:
    for option, deployment in shown(study(question(), TODAY, top=100)):
        assert option.power_w <= option.replicas * peak_power_w(deployment) * (1 + 1e-9)


# --- more never takes less ------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(MODELS), slos, st.integers(1, 500), st.integers(1, 500))
def test_more_users_never_need_fewer_cards(model: str, slo: Slo, users: int, more: int) -> None:
    few = cards_of(question(model=model, slo=slo, users=users))
    many = cards_of(question(model=model, slo=slo, users=users + more))
    assert few <= many


def cards_of(asked: SizeQuestion) -> float:
    found = found_for(asked)
    return math.inf if found is None else float(found.cards.min())


def found_for(asked: SizeQuestion) -> Found | None:
    where = field_of(spec_of(asked.model), asked, TODAY)
    assert where is not None
    return meeting(where, asked)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(MODELS), slos, st.integers(1, 400), st.floats(1, 5), st.floats(1, 5),
    st.sampled_from(PAYS),
)  # fmt: skip
def test_a_looser_slo_never_costs_more(
    model: str, slo: Slo, users: int, ttft: float, tpot: float, pay: Any
) -> None:
    assert slo.ttft_s is not None and slo.tpot_s is not None
    looser = Slo(slo.ttft_s * ttft, slo.tpot_s * tpot)
    tight = cost_of(question(model=model, slo=slo, users=users, terms=Terms(pay=pay)))
    loose = cost_of(question(model=model, slo=looser, users=users, terms=Terms(pay=pay)))
    assert loose <= tight * (1 + 1e-9)


def cost_of(asked: SizeQuestion) -> float:
    found = found_for(asked)
    return math.inf if found is None else float(found.usd.min())


@settings(max_examples=6, deadline=None)
@given(st.floats(0.1, 50), st.floats(1.01, 4))
def test_more_requests_never_need_fewer_cards(rps: float, more: float) -> None:
    few = cards_of(question(users=None, rps=rps))
    many = cards_of(question(users=None, rps=rps * more))
    assert few <= many


def test_requests_per_second_are_served() -> None:
    for o in everything(answer(users=None, rps=20.0)):
        assert o.tok_per_s == 20 * CHAT.osl
        assert o.replicas * o.batch >= 20 * CHAT.osl * o.tpot_s * 0.99  # Little's law


def test_more_hardware_to_choose_from_never_costs_more() -> None:
    assert least(answer(hardware=()), "usd_per_hour") <= least(answer(), "usd_per_hour")


def test_cached_prompts_never_cost_more() -> None:
    half = answer(workload=Workload(1000, 300, 0.5))
    assert least(half, "usd_per_hour") <= least(answer(), "usd_per_hour")


# --- what may be chosen ---------------------------------------------------------------------------


def test_a_number_before_the_card_is_a_limit() -> None:
    report = answer(hardware=("2x L40S",), users=60)
    assert {o.accelerator for o in report.options} == {"L40S"}
    assert max(o.cards for o in report.options) == 2


def test_a_system_is_bought_whole() -> None:
    report = answer(hardware=("DGX-H100",), users=4)
    assert {o.cards % 8 for o in report.options} == {0}
    one = report.options[0]
    assert (one.system, one.machines, one.cards) == ("DGX-H100", 1, 8)
    single = answer(hardware=("H100-SXM",), users=4).options[0]
    assert one.usd_per_hour is not None and single.usd_per_hour is not None
    assert one.usd_per_hour > 4 * single.usd_per_hour


def test_a_family_and_a_vendor_are_words_for_hardware() -> None:
    families = {o.accelerator for o in everything(answer(hardware=("hopper",)))}
    assert "H100-SXM" in families and "L40S" not in families
    vendor = {o.accelerator for o in everything(answer(hardware=("amd",)))}
    assert "MI300X" in vendor and {accelerator(name).vendor for name in vendor} == {"AMD"}


def test_formats_are_those_asked_for() -> None:
    assert {o.precision for o in everything(answer(precisions=("int4",)))} == {"int4"}
    assert {o.precision for o in everything(answer())} <= {"bf16", "fp8", "q8_0"}


def test_rent_and_ownership_are_told_apart() -> None:
    rented, owned = answer(terms=RENTED), answer(terms=Terms(pay="own"))
    assert {o.usd_basis for o in everything(rented)} <= {"rent", None}
    assert {o.usd_basis for o in everything(owned)} <= {"own", None}
    both = least(answer(), "usd_per_hour")
    assert both == min(least(rented, "usd_per_hour"), least(owned, "usd_per_hour"))


def test_an_owned_hour_is_wear_and_energy() -> None:
    terms = Terms(usd_per_kwh=0.2, pue=1.5, life_months=24, load_frac=1.0, pay="own")
    option = answer(hardware=("M3-Ultra",), users=1, terms=terms).options[0]
    wear = 9500 / (24 * 730)
    assert option.usd_per_hour == pytest.approx(wear + option.power_w * 1.5 * 0.2 / 1000)


def test_top_bounds_the_rows_and_keeps_the_best() -> None:
    report = size(question(users=200), TODAY, top=3)
    assert len(report.options) == 3 <= report.front
    assert {name for o in report.options for name in o.best_at} == {"cost", "power", "speed"}


def test_experts_may_be_spread_over_attention_copies() -> None:
    asked = question(model="deepseek-v3", hardware=("8x H200",), users=64, slo=Slo(tpot_s=0.1))
    spread = [o for o in size(asked, TODAY, top=1000).options if o.dp > 1]
    assert all(o.ep == o.tp * o.dp for o in spread)
    found = study(asked, TODAY).found
    assert found is not None
    assert any(found.field.deployments[i].dp > 1 for i in found.row)


def test_stale_prices_say_so() -> None:
    later = size(question(), date(2031, 1, 1))
    assert all(o.is_usd_stale for o in later.options if o.usd_per_hour is not None)
    assert any("stale" in note for note in later.notes)


# --- how to start it ------------------------------------------------------------------------------


def launches(**changes: Any) -> list[tuple[Option, dict[str, str]]]:
    return [(o, o.launch) for o in everything(answer(**changes))]


def test_servers_are_started_with_the_layout() -> None:
    for o, launch in launches(model="llama-3.1-70b", hardware=("H100-SXM",), kv_precision="fp8"):
        assert (f"--tensor-parallel-size {o.tp}" in launch["vllm"]) == (o.tp > 1)
        assert (f"--tp-size {o.tp * o.dp}" in launch["sglang"]) == (o.tp * o.dp > 1)
        assert f"--max-num-seqs {o.batch}" in launch["vllm"]
        assert f"--max-running-requests {o.batch}" in launch["sglang"]
        assert "--kv-cache-dtype fp8" in launch["vllm"] and "--max-model-len 1300" in launch["vllm"]
        assert ("--quantization fp8" in launch["vllm"]) == (o.precision == "fp8")


def test_attention_copies_are_started_as_data_parallel() -> None:
    asked = question(model="deepseek-v3", hardware=("8x H200",), users=64, slo=Slo(tpot_s=0.1))
    found = study(asked, TODAY, top=1000)
    assert found.found is not None
    spread = next(d for d in found.found.field.deployments if d.dp == 4 and d.tp == 2)
    assert "--data-parallel-size 4 --enable-expert-parallel" in vllm(spread, 10, 1300)
    assert "--max-num-seqs 3" in vllm(spread, 10, 1300)
    assert "--tp-size 8 --dp-size 4 --enable-dp-attention --ep-size 8" in sglang(
        spread, 10, 1300
    ).replace(" --context", " --context")
    assert "--quantization" not in vllm(spread, 10, 1300)  # it is shipped in fp8


def test_llama_cpp_shares_its_context_between_slots() -> None:
    for o, launch in launches(hardware=("M3-Ultra",), users=6, kv_precision="q8_0"):
        assert f"-c {o.batch * 1300} -np {o.batch}" in launch["llama.cpp"]
        assert "-ctk q8_0 -ctv q8_0" in launch["llama.cpp"]
        assert f"llama-3.1-8b-{o.precision.upper()}.gguf" in launch["llama.cpp"]


# --- when nothing is good enough ------------------------------------------------------------------


def knobs(**changes: Any) -> tuple[str, ...]:
    report = answer(**changes)
    assert report.options == () and report.miss is not None
    return report.miss.knobs


def test_a_looser_slo_that_is_proposed_would_be_met() -> None:
    tight = {"slo": Slo(ttft_s=0.001, tpot_s=0.0005), "hardware": ("2x L40S",), "users": 30}
    (proposed,) = [knob for knob in knobs(**tight) if knob.startswith("--slo")]
    looser = parse_slo(proposed.split()[1])
    assert answer(**{**tight, "slo": looser}).options


def test_too_few_cards_are_named() -> None:
    report = answer(hardware=("1x L40S",), users=5000, slo=Slo(tpot_s=0.2))
    assert report.miss is not None and report.miss.most_users is not None
    assert 0 < report.miss.most_users < 5000
    assert any("--hardware L40S" in knob for knob in report.miss.knobs)
    assert answer(hardware=("L40S",), users=5000, slo=Slo(tpot_s=0.2)).options


def test_what_does_not_fit_says_by_how_much() -> None:
    report = answer(model="deepseek-v3", hardware=("2x H100-SXM",), users=4)
    assert report.miss is not None and report.miss.missing_bytes is not None
    assert 4e11 < report.miss.missing_bytes < 8e11
    assert any("other hardware" in knob for knob in report.miss.knobs)


def test_a_prompt_that_is_too_long_for_ttft_may_be_cached() -> None:
    slow = {"workload": Workload(30000, 300), "slo": Slo(ttft_s=0.6), "hardware": ("4x L40S",)}
    assert any("--hit" in knob or "--isl" in knob for knob in knobs(users=1, **slow))


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"users": -3}, "users = -3"),
        ({"users": 0}, "users = 0"),
        ({"users": None}, "one of both"),
        ({"rps": 4.0}, "one of both"),
        ({"users": None, "rps": math.nan}, "rps = nan"),
        ({"users": None, "rps": math.inf}, "rps = inf"),
        ({"model": "llama-3.1-71b"}, "llama-3.1-71b"),
        ({"model": "bge-m3"}, "embeddings"),
        ({"hardware": ("H1000",)}, "H1000"),
        ({"precisions": ("fp9",)}, "fp9"),
        ({"kv_precision": "fp7"}, "fp7"),
        ({"hardware": ("apple",), "precisions": ("fp8",)}, "no engine"),
        ({"workload": Workload(200_000, 300)}, "131,072"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_next_step(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises((PlanError, CatalogError)) as refused:
        answer(**changes)
    assert said in refused.value.message and refused.value.hint


@pytest.mark.parametrize(
    "changes",
    [{"usd_per_kwh": -1}, {"usd_per_kwh": math.nan}, {"pue": 0.9}, {"life_months": 0},
     {"load_frac": 0}, {"load_frac": 1.1}, {"load_frac": math.nan}],
)  # fmt: skip
def test_terms_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanError) as refused:
        Terms(**changes)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("text", "ttft_s", "tpot_s"),
    [
        ("ttft=500ms,tpot=30ms", 0.5, 0.03),
        (" TTFT = 2s ", 2.0, None),
        ("tpot<=250us", None, 0.00025),
        ("itl=1e-2s", None, 0.01),
    ],
)
def test_an_slo_is_read_with_its_units(
    text: str, ttft_s: float | None, tpot_s: float | None
) -> None:
    slo = parse_slo(text)
    assert slo.ttft_s == pytest.approx(ttft_s) and slo.tpot_s == pytest.approx(tpot_s)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "''"),
        ("fast", "'fast'"),
        ("ttft=500", "no unit"),
        ("ttft=5min", "'min'"),
        ("tttf=5ms", "'tttf'"),
        ("ttft=-5ms", "-5ms"),
        ("ttft=0s", "0s"),
        ("ttft=1e999s", "1e999s"),
        ("ttft=1.2.3s", "'1.2.3'"),
        ("ttft=1s,ttft=2s", "already"),
        ("ttft=1s,", "''"),
    ],
)
def test_an_slo_that_makes_no_sense_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_slo(text)
    assert said in refused.value.message
    assert refused.value.hint and refused.value.place == "--slo"


@settings(max_examples=100)
@given(st.text(max_size=30))
def test_any_text_is_an_slo_or_an_error_of_ours(text: str) -> None:
    try:
        slo = parse_slo(text)
    except WattmillError as error:
        assert error.hint
    else:
        assert slo.ttft_s or slo.tpot_s


# --- its parts ------------------------------------------------------------------------------------

cells = st.sampled_from([0.0, 1.0, 2.0, 3.0, math.inf])


@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=30))
def test_the_front_is_what_nothing_beats(rows: list[tuple[float, float, float]]) -> None:
    table = np.array(rows)
    front = undominated(table)
    kept = {rows[i] for i in front}
    assert len(kept) == len(front)  # of equal rows one stays
    for row in rows:
        beaten = any(all(a <= b for a, b in zip(k, row, strict=True)) for k in kept - {row})
        assert beaten == (row not in kept)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=20))
def test_the_last_number_that_holds_is_found(rows: list[tuple[int, int]]) -> None:
    until = np.array([[float(u)] for u, _ in rows])
    most = np.array([[float(m)] for _, m in rows])
    found = last_true(lambda batch: batch <= until, most)
    assert found.ravel().tolist() == [min(u, m) for u, m in rows]
