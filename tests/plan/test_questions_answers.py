"""Answers that are known, and laws that every answer obeys."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wattmill.core.errors import WattmillError
from wattmill.plan.questions.registry import Input, Question, ask, questions

KNOWN: list[tuple[str, float]] = [
    # memory
    ("kv_bytes_per_token model=llama-3.1-70b", 327680),
    ("kv_bytes_of_shape layers=80 kv_heads=8 head_dim=128", 327680),
    ("kv_cache_gb model=llama-3.1-70b context=4Ki batch=32", 42.94967296),
    ("latent_kv_bytes layers=60 latent_dim=576 bits=6", 25920),
    ("gqa_reduction heads=64 kv_heads=8", 8),
    ("latent_kv_saving latent_dim=576 kv_heads=128 head_dim=128", 98.2421875),
    ("window_kv_reduction context=128Ki window=4Ki", 32),
    ("weights_of_size params=70.6B bits=4.5", 39.7125),
    ("params_that_fit memory=32 reserve=4 bits=4.5", 49777777000.0),
    ("kv_tokens_that_fit memory=80 weights=70.6 usable=95% kv_per_token=163.84kB/token", 32958.98),
    ("sequences_that_fit memory=160 weights=140 kv_per_token=327680 context=2048", 29.802),
    ("kv_block_waste tokens=92.5", 7.5),
    # rooflines
    ("ridge_point flops=990 bandwidth=3.35TB/s", 295.522),
    ("decode_intensity", 1.0),
    ("prefill_intensity isl=2048", 2048),
    ("attention_intensity heads=64 kv_heads=8", 8),
    ("saturation_batch ridge=295.5", 295.5),
    ("decode_bound_tok_s bandwidth=819 weights=40", 20.475),
    ("decode_bound_tok_s bandwidth=1000 weights=10 batch=500 params=10B flops=100", 5000),
    ("read_time_ms bytes_read=140 bandwidth=3350", 41.791),
    ("offload_tok_s fast=20 fast_bandwidth=1008 slow=20 slow_bandwidth=80", 3.70588),
    ("prefill_flop params=70B isl=1000", 140),
    ("attention_flop isl=1000 layers=80 heads=64 head_dim=128", 1.31072),
    ("mfu throughput=1000 params=70B flops=1000", 14.0),
    ("throughput_gain model=llama-3.1-8b hardware=H100 part=link", 1.0),
    ("prepayment_saves lent=100000 rate=0.12 term=36month age=12month prepaid=20000", 4588.87174),
    ("prepayment_saves lent=100000 rate=0.12 term=36month age=12month prepaid=20000 keeps=term",
     2595.26667),
    # cost and power
    ("usd_per_mtok hourly=2.5 throughput=1000", 0.69444),
    ("decode_floor_usd_per_mtok hourly=2.5 weights=140 bandwidth=3350 batch=64", 0.45346),
    ("owned_usd_per_mtok paid=260000 throughput=16000 power=10.2kW utilisation=0.5 price=0 "
     "other=1785USD/month life=3years", 0.42839),
    ("implied_usd_per_hour price=4.5 throughput=95.238tok/s", 1.54286),
    ("blended_usd_per_mtok input_price=3 output_price=15 output_share=0.1", 4.2),
    ("request_usd isl=1000 osl=500 input_price=3 output_price=15 hit=0.5 "
     "cached_price=0.3", 0.00915),
    ("gross_margin price=10 cost=0.45", 95.5),
    ("tokens_for budget=500 price=5", 100),
    ("utilisation_of_tokens tokens=5000000000.0 throughput=32000", 5.9456),
    ("break_even_tokens monthly=2000 api_price=0.5", 4000),
    ("payback_months paid=72000 throughput=1500 api_price=0.9 utilisation=1", 20.294),
    ("price_fall_per_year before=20 after=0.02 time=3years", 10),
    ("cascade_cost small=0.1 large=1 escalated=0.3", 0.4),
    ("j_per_token power=700 throughput=2000", 0.35),
    ("tok_per_j throughput=2000 power=700", 2.857),
    ("tokens_per_kwh throughput=1000 power=1000", 3.6),
    ("energy_cost_per_month power=1kW price=0.1 pue=1.3", 94.9),
    ("machines_per_site site=500MW machine=1.83kW", 227687),
    ("tok_s_per_w throughput=16000 power=10.2kW", 1.5686),
    # mixtures, formats, caches
    ("expert_coverage experts=256 experts_per_token=8 batch=1", 3.125),
    ("moe_saturation_batch dense_batch=150 experts=256 experts_per_token=8", 4800),
    ("imbalance_of_idle idle=0.82", 5.5556),
    ("transformer_params layers=32 hidden=4096 vocab=32000 attention_params=41943040 "
     "moe_layers=32 experts=8 expert_hidden=14336", 46700000000.0),
    ("attention_params hidden=4096 heads=32 kv_heads=8 head_dim=128", 41943040),
    ("bits_with_scales bits=8 group=32", 8.5),
    ("compression from_precision=fp16 to_precision=q8_0", 1.88235),
    ("free_memory_gain memory=160 before=140 after=70", 4.5),
    ("memory_saving bits_before=16 bits_after=8", 50),
    ("prefill_speedup hit=56.3%", 2.288),
    ("fleet_saving hit=0.56 prefill_share=0.8", 44.8),
    ("kv_restore_ms tokens=10000 kv_per_token=327680 bandwidth=64", 51.2),
    ("cache_break_even_reuses", 0.27778),
    ("cache_cost_saving hit=1", 90),
    # clusters, queues, agents
    ("kv_transfer_rate requests=10 tokens=512 kv_per_token=327680", 13.4218),
    ("prefill_per_decode isl=4000 osl=400 prefill=10000 decode=1000", 1.0),
    ("tp_speedup step=41.8 cards=2 hidden=8192 layers=80 batch=32 bandwidth=450 latency=15", 1.7802),
    ("tp_speedup step=41.8 cards=2 hidden=8192 layers=80 batch=8 bandwidth=25Gb/s "
     "latency=30", 1.2897),
    ("link_latency_ceiling layers=94 latency=300", 17.73),
    ("fabric_bandwidth devices=72 bandwidth_each=1.8TB/s in_network=2", 259200),
    ("pipeline_bubble stages=4 microbatches=4", 42.857),
    ("wait_fixed_ms arrivals=1 service=0.5", 250),
    ("wait_ms arrivals=1.5 service=1 servers=2", 1285.714),
    ("wait_probability arrivals=8 service=1 servers=10", 40.918),
    ("loss_probability arrivals=8 service=1 servers=10", 12.1661),
    ("requests_in_flight requests=2 seconds=3", 6),
    ("speculative_tokens acceptance=0.8 drafts=5", 3.68928),
    ("speculative_speedup acceptance=0.8 drafts=5 draft_cost=0.1", 2.45952),
    ("agent_input_tokens turns=10 start=1000 growth=500", 32500),
    ("agent_context turns=10 start=1000 growth=500", 5500),
    ("task_usd tokens=500000 input_price=3 output_price=15", 2.1),
    ("amdahl_speedup accelerated=0.5", 2),
    ("rag_tokens passages=10 tokens_each=512", 5120),
    ("answer_time_s ttft=200 tpot=20 osl=101", 2.2),
    ("words_per_min throughput=30", 1350),
    ("bus_bandwidth transfers=6400MT/s bus=64bit", 51.2),
    ("memory_score memory=96 bandwidth=819 least_memory=8 most_memory=128 least_bandwidth=51 "
     "most_bandwidth=1792 capacity_weight=0.35", 0.5434),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), KNOWN, ids=[k[0].partition(" ")[0] for k in KNOWN])
def test_a_known_answer(words: str, expected: float) -> None:
    name, *inputs = words.split()
    given_inputs = dict(word.split("=", 1) for word in inputs)
    assert ask(name, **given_inputs).value == pytest.approx(expected, rel=3e-4)


# --- no question answers with nonsense ------------------------------------------------------------

WORDS = {
    "model": ("llama-3.1-8b", "deepseek-v3", "gpt-oss-20b"),
    "hardware": ("H100", "4x L40S", "8x H200"),
    "accelerator": ("H100", "RTX-4090"),
    "link": ("pcie5", "thunderbolt5"),
    "system": ("DGX-H100",),
    "chain": ("208v", "800vdc"),
    "coolant": ("water", "glycol"),
    "breakers": ("nec", "iec"),
    "stage": ("ups", "bus-bar"),
    "bus bar": ("orv3",),
    "cooling": ("rdhx", "direct-to-chip"),
    "floor": ("raised-floor",),
    "api": ("gpt-4o",),
    "flows": ("a => b: 3; b -> c: 5; c -> a: 4", "a -> b: 2 GUSD"),
    "member": ("a", "b"),
    "region": ("US", "US-TX"),
    "build": ("article-2026", "rack-new-low", "article-2023-area"),
    "lead time": ("transformer-power", "grid-texas"),
    "colo fee": ("power", "cross-connect"),
    "colo rule": ("retail", "high-density"),
    "generator": ("gas-engine", "solar-pv"),
    "grid": ("US", "DE"),
    "attrition": ("queue-capacity",),
    "payments": ("-100; 60; 60", "-9 kUSD; 36 x 400", "5"),
    "dated payments": ("2026-01-01: -100; 2027-01-01: 110", "2026-02-28: 5"),
    "hours": ("0-24: 0.1", "weekdays 16-21: 0.3; 0-24: 0.1 USD/kWh"),
    "roadmap": ("0 months: 10 kW; 24 months: 190 kW",),
}


def anything(spec: Input) -> st.SearchStrategy[Any]:
    if spec.choices:
        return st.sampled_from(spec.choices)
    if not spec.is_numeric:
        return st.sampled_from(WORDS[spec.kind])
    assert spec.low is not None and spec.high is not None
    if spec.kind == "whole":
        return st.integers(int(spec.low), min(int(spec.high), 2000))
    usual = st.floats(
        spec.low, min(spec.high, max(4 * spec.low, 1000.0)), exclude_min=spec.is_above
    )
    return usual | st.floats(spec.low, spec.high, exclude_min=spec.is_above)


QUESTIONS = list(questions().values())


@pytest.mark.parametrize("question", QUESTIONS, ids=[q.name for q in QUESTIONS])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_question_answers_with_a_finite_number_or_says_why_not(
    question: Question, data: st.DataObject
) -> None:
    inputs = {name: data.draw(anything(spec), name) for name, spec in question.inputs.items()}
    try:
        answer = ask(question.name, **inputs)
    except WattmillError as error:
        assert error.message and "nan" not in error.message
        return
    for number in (answer.value, answer.low, answer.high):
        assert number is None or isinstance(number, str) or math.isfinite(number)
    if answer.low is not None and answer.high is not None and float(answer.value) >= 0:
        assert answer.low <= float(answer.value) <= answer.high


def test_a_rate_that_nobody_can_mean_is_none() -> None:
    """Or a payment over it would be beyond every number."""
    asked = {"lent": 1000.0, "payment": 10.0}
    assert (
        ask("loan_term", rate=2.975e-298, **asked).value == ask("loan_term", rate=0, **asked).value
    )


# --- laws -----------------------------------------------------------------------------------------

MODELS = st.sampled_from(["llama-3.1-8b", "llama-3.1-70b", "qwen3-30b-a3b", "deepseek-v3"])
CARDS = st.sampled_from(["8x H100", "8x H200", "8x B200"])
BATCH = st.integers(1, 200)


def value(name: str, **inputs: Any) -> float:
    try:
        return float(ask(name, **inputs).value)
    except WattmillError:
        assume(False)
        raise


@settings(max_examples=40, deadline=None)
@given(MODELS, CARDS, BATCH, st.integers(256, 8000), st.floats(1, 4))
def test_more_kv_never_makes_a_step_faster(
    model: str, hardware: str, batch: int, context: int, more: float
) -> None:
    asked = {"model": model, "hardware": hardware, "precision": "fp8", "batch": batch}
    short = value("decode_step_ms", context=context, **asked)
    assert value("decode_step_ms", context=int(context * more), **asked) >= short * (1 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(MODELS, CARDS, BATCH, st.integers(256, 8000))
def test_no_engine_beats_the_roofline(model: str, hardware: str, batch: int, context: int) -> None:
    asked = {"model": model, "hardware": hardware, "batch": batch, "context": context}
    reached = value("decode_tok_s", precision="fp8", **asked)
    assert reached <= value("roofline_tok_s", precision="fp8", **asked) * (1 + 1e-9)


def test_decode_is_refused_where_memory_does_not_hold_the_batch() -> None:
    asked = {"model": "llama-3.1-8b", "hardware": "H100", "context": 8000}
    most = int(value("max_users", **asked))
    assert value("decode_tok_s", batch=most, **asked) > 1000
    with pytest.raises(WattmillError, match=f"memory holds {most} sequences of 8,000 tokens"):
        ask("decode_tok_s", batch=most + 1, **asked)


@pytest.mark.parametrize(
    ("name", "tokens"),
    [("decode_step_ms", "context"), ("decode_tok_s", "context"), ("prefill_ms", "isl"),
     ("prefill_tok_s", "isl"), ("roofline_tok_s", "context"), ("bytes_per_step_gb", "context")],
)  # fmt: skip
def test_no_model_is_asked_for_a_longer_context_than_it_is_made_for(name: str, tokens: str) -> None:
    machines = {} if name == "bytes_per_step_gb" else {"hardware": "8x H200"}
    with pytest.raises(WattmillError, match="made for 131,072 tokens, not 131,073"):
        ask(name, model="llama-3.1-8b", **machines, **{tokens: 131_073})
    assert value(name, model="llama-3.1-8b", **machines, **{tokens: 131_072}) > 0


def test_a_block_of_one_token_wastes_nothing() -> None:
    assert value("kv_block_waste", tokens=100, block=1) == 0


def test_wear_is_not_rounded_to_whole_months() -> None:
    assert value("wear_usd_per_month", paid=36_000, life=18.5) == pytest.approx(36_000 / 18.5)


@given(st.floats(10, 1e4), st.floats(1, 1e3), st.floats(1, 500), st.floats(1, 8))
def test_more_bandwidth_is_never_slower(
    bandwidth: float, weights: float, batch: float, more: float
) -> None:
    asked = {"weights": weights, "batch": batch, "params": 7e10, "flops": 990}
    before = value("decode_bound_tok_s", bandwidth=bandwidth, **asked)
    assert value("decode_bound_tok_s", bandwidth=bandwidth * more, **asked) >= before * (1 - 1e-9)


@given(st.floats(1, 64), st.floats(1, 200))
def test_sharing_layers_over_an_infinitely_fast_link_divides_the_step(
    cards: float, step: float
) -> None:
    asked = {"hidden": 8192, "layers": 80, "bandwidth": 1e15}
    assert value("tp_speedup", step=step, cards=cards, **asked) == pytest.approx(cards, rel=1e-6)


@given(st.floats(0, 0.999), st.integers(0, 32))
def test_drafting_yields_between_one_token_and_all(acceptance: float, drafts: int) -> None:
    tokens = value("speculative_tokens", acceptance=acceptance, drafts=drafts)
    assert tokens * (1 + 1e-12) >= 1 and tokens <= drafts + 1 + 1e-9


@given(st.integers(1, 20), st.floats(0.01, 0.95))
def test_more_servers_never_wait_longer(servers: int, busy: float) -> None:
    arrivals = busy * servers
    wait = value("wait_ms", arrivals=arrivals, service=1, servers=servers)
    assert value("wait_ms", arrivals=arrivals, service=1, servers=servers + 1) <= wait


@given(MODELS, st.integers(1, 5000))
def test_a_larger_batch_touches_more_experts_but_never_more_than_all(
    model: str, batch: int
) -> None:
    one = value("active_weights_gb", model=model, batch=batch)
    two = value("active_weights_gb", model=model, batch=batch + 1)
    assert one <= two * (1 + 1e-12) and two <= value("weights_gb", model=model) * (1 + 1e-12)


@settings(max_examples=30, deadline=None)
@given(MODELS, CARDS, st.integers(1, 100_000))
def test_what_fits_is_what_max_users_says(model: str, hardware: str, context: int) -> None:
    asked = {"model": model, "hardware": hardware, "precision": "fp8", "context": context}
    users = value("max_users", **asked)
    if users >= 1:
        assert ask("fits", users=users, **asked).value is True
    assert ask("fits", users=users + 1, **asked).value is False
    longest = value(
        "max_context",
        users=max(1, users),
        **{k: asked[k] for k in ("model", "hardware", "precision")},
    )
    assert (longest >= context) == (users >= 1)
