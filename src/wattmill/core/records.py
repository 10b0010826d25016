"""Records that cross rooms. All are frozen; missing is ``None``, never 0."""

from typing import Literal

from msgspec import Struct

UsageSource = Literal["engine", "counted", "estimated"]
METERS = (
    "input_uncached",
    "input_cached",
    "cache_write",
    "output_text",
    "output_reasoning",
    "audio_in",
    "audio_out",
    "image_in",
)


class Usage(Struct, frozen=True, array_like=True, gc=False):
    """Tokens of one request in disjoint meters: no token is counted twice.

    ``source`` says who counted: the engine itself, the gateway (from what it delivered), or an estimate.
    """

    input_uncached: int = 0
    input_cached: int = 0
    cache_write: int = 0
    output_text: int = 0
    output_reasoning: int = 0
    audio_in: int = 0
    audio_out: int = 0
    image_in: int = 0
    source: UsageSource = "engine"

    @property
    def meters(self) -> tuple[int, ...]:
        """The counts alone, in the order of ``METERS``."""
        return (
            self.input_uncached,
            self.input_cached,
            self.cache_write,
            self.output_text,
            self.output_reasoning,
            self.audio_in,
            self.audio_out,
            self.image_in,
        )

    @property
    def input_tokens(self) -> int:
        return (
            self.input_uncached
            + self.input_cached
            + self.cache_write
            + self.audio_in
            + self.image_in
        )

    @property
    def output_tokens(self) -> int:
        return self.output_text + self.output_reasoning + self.audio_out


NO_USAGE = Usage()


class Price(Struct, frozen=True, array_like=True, gc=False):
    """One version of a rate plan: µUSD per million tokens (= pUSD per token) for each meter.

    ``version`` is its number in the books; it applies from ``valid_from_s`` (seconds since the epoch) on.
    """

    version: int
    plan: str
    valid_from_s: float
    input_uncached: int
    input_cached: int
    cache_write: int
    output_text: int
    output_reasoning: int
    audio_in: int
    audio_out: int
    image_in: int

    @property
    def meters(self) -> tuple[int, ...]:
        """Prices alone, in the order of ``METERS``."""
        return (
            self.input_uncached,
            self.input_cached,
            self.cache_write,
            self.output_text,
            self.output_reasoning,
            self.audio_in,
            self.audio_out,
            self.image_in,
        )
