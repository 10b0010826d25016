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


class Band(Struct, frozen=True, array_like=True):
    """Times of the week at which a price holds, on the clock of a zone.

    ``windows`` are half-open ranges of minutes of the week, from Monday 00:00 on, in order and disjoint.
    """

    name: str
    timezone: str
    windows: tuple[tuple[int, int], ...]


class _LinearPrice(Struct, frozen=True, array_like=True):
    """The part of a price that may be given by position."""

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


class Price(_LinearPrice, frozen=True, array_like=True, kw_only=True):
    """What a request costs under a version of a rate plan: pUSD per ``denominator`` tokens, for each meter.

    With a denominator of 1 that is µUSD per million tokens. ``version`` is its number in the books; it applies from
    ``valid_from_s`` (seconds since the epoch) on. It holds for one model, pool and band where these are named,
    and for any other where they are ``None``. ``plan_version`` numbers the terms that it follows from.
    """

    model: str | None = None
    pool: str | None = None
    band: Band | None = None
    denominator: int = 1
    plan_version: int | None = None

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
