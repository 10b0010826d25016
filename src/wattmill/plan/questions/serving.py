"""What users see of a model on machines: tokens per second, TTFT, TPOT, and how many are served."""

from typing import Annotated

from wattmill.core.errors import PlanError
from wattmill.physics.deployment import Deployment
from wattmill.physics.memory import fit
from wattmill.physics.performance import Workload, full_batch, shares, step_rates
from wattmill.physics.sensitivity import PARTS, effects
from wattmill.physics.step import step_cost
from wattmill.plan.questions.deployments import Laid, Placed, Served, interval, within
from wattmill.plan.questions.inputs import (
    Batch,
    Context,
    Isl,
    Load,
    Osl,
    Tokens,
    choice,
    positive,
)
from wattmill.plan.questions.registry import Found, Input, question

STEP = (
    "wattmill.physics: rooflines by operator with fitted shares and fixed costs (docs/physics.md)"
)


@question("serving", gives="tok/s", source=STEP)
def decode_tok_s(laid: Laid, batch: Batch = 1, context: Context = 2048) -> Found:
    """Tokens per second of a batch in decode, all sequences together, no prompt running."""
    step = decode_step_ms(laid, batch, context)
    assert step.low is not None and step.high is not None
    low, high = batch / step.high, batch / step.low
    return Found(batch / step.value, low, high, step.binds, step.note)


@question("serving", gives="ms", source=STEP)
def decode_step_ms(laid: Laid, batch: Batch = 1, context: Context = 2048) -> Found:
    """Time of one decode step of a batch, which is TPOT while no prompt runs."""
    deployment = laid.deployment
    _held(deployment, batch, context)
    step_s = _step_s(deployment, batch, context)
    low, high = interval(step_s, deployment.spread.tpot)
    binds, note = _step_binds(deployment, batch, context)
    return Found(step_s, low, high, binds, note)


@question("serving", gives="tok/s", source=STEP)
def prefill_tok_s(placed: Placed, isl: Isl = 1024) -> Found:
    """Prompt tokens per second of one prompt at a time on every replica, nothing else running."""
    within(placed.model, isl)
    deployment = placed.deployment
    rate = deployment.replicas * isl / step_rates(deployment).prefill_s(isl)
    low, high = interval(rate, deployment.spread.ttft)
    return Found(rate, low, high)


@question("serving", gives="ms", source=STEP)
def prefill_ms(placed: Placed, isl: Isl = 1024, cached: Tokens = 0.0) -> Found:
    """Time to compute a prompt of `isl` tokens of which `cached` are in the cache, alone."""
    if cached >= isl:
        raise PlanError(f"{cached:g} of {isl:g} tokens leave nothing to compute", hint="cache less")
    within(placed.model, isl)
    deployment = placed.deployment
    seconds = step_rates(deployment).prefill_s(isl - cached, cached)
    low, high = interval(seconds, deployment.spread.ttft)
    return Found(seconds, low, high)


@question("serving", gives="ms", source=STEP)
def ttft_ms(served: Served, load: Load = 0.3) -> Found:
    """Time to first token at a share of full load: prefill, the wait for others, half a step."""
    found = served.at(load)
    low, high = interval(found.ttft_s, served.deployment.spread.ttft)
    return Found(found.ttft_s, low, high, found.binds)


@question("serving", gives="ms", source=STEP)
def tpot_ms(served: Served, load: Load = 0.3) -> Found:
    """Time per output token at a share of full load, prompts of others included."""
    found = served.at(load)
    low, high = interval(found.tpot_s, served.deployment.spread.tpot)
    return Found(found.tpot_s, low, high, found.binds)


@question("serving", gives="tok/s", source=STEP)
def throughput_tok_s(served: Served) -> Found:
    """Output tokens per second with as many requests in flight as memory and engine allow."""
    found = served.at(1.0)
    low, high = interval(found.full_tok_per_s, served.deployment.spread.tpot)
    note = f"{found.full_batch:,} requests in flight"
    return Found(found.full_tok_per_s, low, high, found.binds, note)


@question("serving", gives="x", source=STEP)
def throughput_gain(
    served: Served,
    part: Annotated[str, choice("part of the machines that is better", *PARTS)] = PARTS[0],
    times: Annotated[float, Input("how many times better it is", "", 1.001, 1000.0)] = 2.0,
) -> Found:
    """Throughput at full load with one part of the machines better and all else as it is, over today's."""
    found = {each.part: each for each in effects(served.deployment, served.workload, times)}
    best = next(iter(found.values()))
    note = f"most would help: {best.part}, {best.tok_per_s:.3g} times"
    return Found(found[part].tok_per_s, note=note)


@question("serving", gives="req/s", source=STEP)
def requests_per_s(served: Served) -> Found:
    """Requests per second at full load."""
    found, osl = throughput_tok_s(served), served.osl
    assert found.low is not None and found.high is not None
    return Found(found.value / osl, found.low / osl, found.high / osl, found.binds, found.note)


@question("serving", gives="x", source=STEP)
def max_batch(laid: Laid, isl: Isl = 1000, osl: Osl = 300) -> float:
    """Requests in flight that memory holds at full length, within the engine's own bound."""
    return float(full_batch(laid.deployment, Workload(isl=int(isl), osl=int(osl))))


@question("serving", gives="users", source=STEP)
def users_at_rate(
    laid: Laid,
    rate: Annotated[float, positive("tokens per second that each user must get", "tok/s")] = 20.0,
    context: Context = 2048,
) -> float:
    """Most users in decode at once who each get so many tokens per second; 0: not even one."""
    deployment = laid.deployment
    half = max(1, int(context) // 2)
    low, high = 0, full_batch(deployment, Workload(isl=half, osl=half))
    while low < high:
        middle = (low + high + 1) // 2
        enough = _step_s(deployment, float(middle), context) <= 1 / rate
        low, high = (middle, high) if enough else (low, middle - 1)
    return float(low)


def _held(deployment: Deployment, batch: float, context: float) -> None:
    """PlanError for a batch whose KV cache memory does not hold."""
    within(deployment.model, context)
    most = fit(deployment, int(context)).users
    if batch > max(1, most):
        raise PlanError(
            f"memory holds {most:,} sequences of {context:,.0f} tokens, not {batch:,.0f}",
            hint="give a smaller batch or context, a smaller kv_precision or more cards",
        )


def _step_s(deployment: Deployment, batch: float, context: float) -> float:
    rates = step_rates(deployment, context_tokens=max(2, int(context)))
    return rates.decode_step_s(batch, batch * context)


def _step_binds(deployment: Deployment, batch: float, context: float) -> tuple[str, str]:
    """What takes most of a decode step, and how its time divides.

    Sequences that grow from one token to twice the mean context have that mean, and no prompts.
    """
    workload = Workload(isl=1, osl=max(1, 2 * int(context) - 2))
    found = shares(step_cost(deployment), workload, max(1.0, batch / deployment.replicas))
    parts = {
        "memory bandwidth": found.bandwidth_s,
        "compute": found.compute_s,
        "link": found.link_s,
        "engine overhead": found.overhead_s,
    }
    note = ", ".join(f"{name} {part / found.total_s:.0%}" for name, part in parts.items())
    return max(parts, key=lambda name: parts[name]), f"time of a step: {note}"
