"""What is asked of a factory, and what breaks in it: records, and generators that a seed repeats.

A job knows what no policy may see: how long its answer will be, and when its client will leave.
"""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from wattmill.core.roster import Roster
from wattmill.twin.replica import StepTimes


class Job(Struct, frozen=True):
    """One request to come. Bounds are what the gateway knows on arrival, the token counts are true.

    Its client leaves at ``leaves_at_s``, or when it has been handed ``leaves_after`` pieces of a
    stream, whatever comes first; ``None`` means that it stays.
    """

    request: int
    arrival_s: float
    key: str
    model: str
    stream: bool
    prompt_tokens: int
    cached_tokens: int
    output_tokens: int
    input_bound: int
    output_bound: int | None = None
    leaves_after: int | None = None
    leaves_at_s: float | None = None

    @property
    def generated_tokens(self) -> int:
        """How long the answer gets: the model's own end, or the client's limit."""
        if self.output_bound is None:
            return self.output_tokens
        return min(self.output_tokens, self.output_bound)


class Failure(Struct, frozen=True):
    """The engine of a pool dies at ``at_s`` and is back ``down_for_s`` later."""

    pool: str
    at_s: float
    down_for_s: float


class Scene(Struct, frozen=True):
    """All that a run depends on: who may ask, what is asked, what breaks, how slow the disk is.

    An engine that is not in ``engines`` has the rates of its pool.
    """

    start_s: float
    roster: Roster
    jobs: tuple[Job, ...] = ()
    failures: tuple[Failure, ...] = ()
    engines: dict[str, StepTimes] = {}
    sync_s: float = 0.0


class Mix(Struct, frozen=True, kw_only=True):
    """What kind of traffic: Poisson arrivals, exponential lengths, and how often clients do what.

    A ``hungry`` key asks for ``hungry_output`` tokens at the most, whatever it will use: its holds
    are far above its charges, which is what exhausts a budget before it is spent.
    """

    keys: tuple[str, ...]
    models: tuple[str, ...]
    arrivals_per_s: float = 2.0
    prompt_tokens_mean: float = 200.0
    output_tokens_mean: float = 30.0
    stream_frac: float = 0.6
    cached_frac: float = 0.3
    bounded_frac: float = 0.7
    leaves_frac: float = 0.2
    patience_s: float = 2.0
    hungry: tuple[str, ...] = ()
    hungry_output: int = 4000


def poisson_jobs(seed: int, count: int, mix: Mix, start_s: float = 0.0) -> list[Job]:
    """``count`` jobs in the order in which they arrive, numbered from 1."""
    random = Random(seed)
    jobs = []
    now_s = start_s
    for request in range(1, count + 1):
        now_s += random.expovariate(mix.arrivals_per_s)
        jobs.append(_job(random, request, now_s, mix))
    return jobs


def _job(random: Random, request: int, now_s: float, mix: Mix) -> Job:
    key = random.choice(mix.keys)
    stream = random.random() < mix.stream_frac
    prompt = _tokens(random, mix.prompt_tokens_mean)
    output = _tokens(random, mix.output_tokens_mean)
    leaves_after, leaves_at_s = _departure(random, now_s, stream, output, mix)
    return Job(
        request,
        now_s,
        key,
        random.choice(mix.models),
        stream,
        prompt_tokens=prompt,
        cached_tokens=random.randrange(prompt) if random.random() < mix.cached_frac else 0,
        output_tokens=output,
        input_bound=prompt + random.randint(0, prompt // 4),
        output_bound=_output_bound(random, key, output, mix),
        leaves_after=leaves_after,
        leaves_at_s=leaves_at_s,
    )


def _tokens(random: Random, mean: float) -> int:
    return 1 + int(random.expovariate(1 / mean))


def _output_bound(random: Random, key: str, output: int, mix: Mix) -> int | None:
    if key in mix.hungry:
        return mix.hungry_output
    if random.random() < mix.bounded_frac:
        return random.randint(1, 2 * output)
    return None


def _departure(
    random: Random, now_s: float, stream: bool, output: int, mix: Mix
) -> tuple[int | None, float | None]:
    if random.random() >= mix.leaves_frac:
        return None, None
    if stream and random.random() < 0.5:
        return random.randint(1, output), None
    return None, now_s + random.expovariate(1 / mix.patience_s)


def random_failures(
    seed: int, pools: Sequence[str], start_s: float, end_s: float, every_s: float
) -> list[Failure]:
    """Failures of each pool, one in ``every_s`` on average, lasting a tenth of that on average."""
    random = Random(seed)
    failures = []
    for pool in pools:
        at_s = start_s + random.expovariate(1 / every_s)
        while at_s < end_s:
            failures.append(Failure(pool, at_s, random.expovariate(10 / every_s)))
            at_s += random.expovariate(1 / every_s)
    return sorted(failures, key=lambda failure: (failure.at_s, failure.pool))
