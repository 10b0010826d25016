"""One engine with continuous batching, as a pure state machine.

In the spirit of vLLM's v1 scheduler there is no prefill phase and no decode phase. A sequence has
*known* tokens (its prompt and what was generated) and *computed* ones (those in the KV cache); each
step spends a budget of tokens on letting computed catch up with known, first for the sequences that
run, in the order in which they came, then for those that wait. A step that computes the last known
token of a sequence yields the next one.

Whoever drives it calls ``advance`` when ``next_s`` is reached, and before anything else that
happens later. A submission joins the next step to begin; a step that has begun runs to its end,
whatever becomes of the sequences in it. KV memory has no limit: ``slots`` alone bounds the batch.
"""

from collections import deque

from msgspec import Struct

from wattmill.core.records import Usage
from wattmill.core.roster import Pool

STEP_TOKENS = 2048


class StepTimes(Struct, frozen=True):
    """Seconds of a step, linear in what is in it; they come from physics or a measurement.

    ``overhead_s`` is paid by every step (reading the weights, launching kernels); the others for
    each prompt token prefilled, each sequence decoded, and each token of KV cache read.
    """

    overhead_s: float
    prefill_token_s: float = 0.0
    decode_sequence_s: float = 0.0
    kv_token_s: float = 0.0

    def __post_init__(self) -> None:
        if (
            self.overhead_s <= 0
            or min(self.prefill_token_s, self.decode_sequence_s, self.kv_token_s) < 0
        ):
            raise ValueError(f"{self} is no time: steps take more than 0 s")

    @classmethod
    def of_pool(cls, pool: Pool) -> "StepTimes":
        """A pool's rates when full: a step takes as long for one sequence as for all."""
        return cls(pool.slots / pool.decode_tok_s, prefill_token_s=1 / pool.prefill_tok_s)

    def step_s(self, prefill_tokens: int, decode_sequences: int, kv_tokens: int) -> float:
        return (
            self.overhead_s
            + self.prefill_token_s * prefill_tokens
            + self.decode_sequence_s * decode_sequences
            + self.kv_token_s * kv_tokens
        )


class Token(Struct, frozen=True, tag=True, gc=False):
    """``n`` tokens of an answer, at the end of a step."""

    request: int
    at_s: float
    n: int


class Done(Struct, frozen=True, tag=True, gc=False):
    """The answer is complete; ``usage`` is the engine's own count."""

    request: int
    at_s: float
    usage: Usage


Emission = Token | Done


class Counters(Struct, frozen=True):
    """An engine's own counters since it was built; work that was aborted is in them."""

    prompt_tokens_total: int = 0
    """Prompt tokens computed; those found in the prefix cache are not among them."""
    tokens_predicted_total: int = 0


class _Sequence:
    """A request in the engine. ``missing`` is how far computed is behind known."""

    __slots__ = ("cached", "computed", "generated", "output", "prompt", "request")

    def __init__(self, request: int, prompt: int, cached: int, output: int) -> None:
        self.request = request
        self.prompt = prompt
        self.cached = cached
        self.output = output
        self.computed = cached
        self.generated = 0

    @property
    def missing(self) -> int:
        return self.prompt + self.generated - self.computed

    @property
    def unprefilled(self) -> int:
        return max(self.prompt - self.computed, 0)

    @property
    def usage(self) -> Usage:
        return Usage(
            input_uncached=self.prompt - self.cached,
            input_cached=self.cached,
            output_text=self.generated,
        )


class Replica:
    """One engine: ``slots`` sequences run at once, a step computes up to ``step_tokens`` tokens."""

    def __init__(self, times: StepTimes, slots: int, step_tokens: int = STEP_TOKENS) -> None:
        if not 1 <= slots <= step_tokens:
            raise ValueError(f"{slots} slots need a step of at least as many tokens")
        self.times = times
        self.slots = slots
        self.step_tokens = step_tokens
        self._sequences: dict[int, _Sequence] = {}
        self._running: list[_Sequence] = []
        self._waiting: deque[_Sequence] = deque()
        self._step: list[tuple[_Sequence, int]] = []
        self._ends_s: float | None = None
        self._prompt_tokens = 0
        self._tokens_predicted = 0

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def counters(self) -> Counters:
        return Counters(self._prompt_tokens, self._tokens_predicted)

    # --- what is done to it ---------------------------------------------------------------------

    def submit(
        self,
        now_s: float,
        request: int,
        prompt_tokens: int,
        cached_tokens: int,
        output_tokens: int,
    ) -> None:
        """Queue a request. The last token of a prompt is always computed, never cached."""
        if not 0 <= cached_tokens < prompt_tokens or output_tokens < 0:
            raise ValueError(f"request {request}: the last token of a prompt is never cached")
        if request in self._sequences:
            raise ValueError(f"request {request} is here already")
        sequence = _Sequence(request, prompt_tokens, cached_tokens, output_tokens)
        self._sequences[request] = sequence
        self._waiting.append(sequence)
        if self._ends_s is None:
            self._begin_step(now_s)

    def abort(self, now_s: float, request: int) -> bool:
        """Forget a request and free its slot; ``False`` when it is not here (it may be done)."""
        assert self._ends_s is None or now_s <= self._ends_s, "advance first"
        sequence = self._sequences.pop(request, None)
        if sequence is None:
            return False
        if sequence in self._running:
            self._running.remove(sequence)
        else:
            self._waiting.remove(sequence)
        return True

    def fail(self, now_s: float) -> list[int]:
        """The engine dies and loses everything: returns the requests that it had, oldest first.

        It can take new ones at once; its counters go on, as if somebody had added up the restarts.
        """
        assert self._ends_s is None or now_s <= self._ends_s, "advance first"
        lost = list(self._sequences)
        self._sequences.clear()
        self._running.clear()
        self._waiting.clear()
        self._step, self._ends_s = [], None
        return lost

    # --- what it does ---------------------------------------------------------------------------

    def next_s(self) -> float | None:
        """When the step that runs ends; ``None`` while the engine idles."""
        return self._ends_s

    def advance(self, now_s: float) -> list[Emission]:
        """End every step that ends by now; returns what they yielded, in order."""
        emissions: list[Emission] = []
        while self._ends_s is not None and self._ends_s <= now_s:
            at_s = self._ends_s
            for sequence, tokens in self._step:
                if self._sequences.get(sequence.request) is sequence:
                    self._compute(sequence, tokens, at_s, emissions)
            self._begin_step(at_s)
        return emissions

    def _compute(
        self, sequence: _Sequence, tokens: int, at_s: float, emissions: list[Emission]
    ) -> None:
        self._prompt_tokens += min(tokens, sequence.unprefilled)
        sequence.computed += tokens
        if sequence.missing:
            return
        if sequence.generated < sequence.output:
            sequence.generated += 1
            self._tokens_predicted += 1
            emissions.append(Token(sequence.request, at_s, 1))
        if sequence.generated == sequence.output:
            emissions.append(Done(sequence.request, at_s, sequence.usage))
            del self._sequences[sequence.request]
            self._running.remove(sequence)

    def _begin_step(self, now_s: float) -> None:
        self._step = self._schedule()
        self._ends_s = now_s + self._step_s() if self._step else None

    def _schedule(self) -> list[tuple[_Sequence, int]]:
        """Sequences of the next step and how many tokens of each it computes."""
        left = self.step_tokens
        step = []
        for sequence in self._running:
            tokens = min(sequence.missing, left)
            left -= tokens
            step.append((sequence, tokens))
        while left and self._waiting and len(self._running) < self.slots:
            sequence = self._waiting.popleft()
            self._running.append(sequence)
            tokens = min(sequence.missing, left)
            left -= tokens
            step.append((sequence, tokens))
        return step

    def _step_s(self) -> float:
        prefill_tokens = sum(min(tokens, seq.unprefilled) for seq, tokens in self._step)
        decode_sequences = sum(not seq.unprefilled for seq, _ in self._step)
        kv_tokens = sum(seq.computed for seq, _ in self._step)
        return self.times.step_s(prefill_tokens, decode_sequences, kv_tokens)
