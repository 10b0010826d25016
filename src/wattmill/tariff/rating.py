"""What a quantity costs under a price. Exact: tokens × µUSD per million tokens is a whole number of pUSD."""

from collections.abc import Iterable, Sequence

from wattmill.core.records import Price, Usage


def rate(usage: Usage, price: Price) -> int:
    """The charge in pUSD for a request's usage."""
    return (
        usage.input_uncached * price.input_uncached
        + usage.input_cached * price.input_cached
        + usage.cache_write * price.cache_write
        + usage.output_text * price.output_text
        + usage.output_reasoning * price.output_reasoning
        + usage.audio_in * price.audio_in
        + usage.audio_out * price.audio_out
        + usage.image_in * price.image_in
    )


def worst_case(input_tokens: int, output_tokens: int, price: Price) -> int:
    """The most, in pUSD, that a request of at most so many tokens can cost: the dearest meter of each side."""
    dearest_input = max(
        price.input_uncached,
        price.input_cached,
        price.cache_write,
        price.audio_in,
        price.image_in,
    )
    dearest_output = max(price.output_text, price.output_reasoning, price.audio_out)
    return input_tokens * dearest_input + output_tokens * dearest_output


def price_lists(versions: Iterable[Price]) -> dict[str, list[Price]]:
    """The versions of each plan in the order in which they come into force, for ``price_at``.

    Of two versions that begin at the same instant the later version number comes later.
    """
    plans: dict[str, list[Price]] = {}
    for price in sorted(versions, key=lambda price: (price.valid_from_s, price.version)):
        plans.setdefault(price.plan, []).append(price)
    return plans


def price_at(versions: Sequence[Price], at_s: float) -> Price | None:
    """The version in force at a time: the last of a plan's list that has begun. ``None`` before the first."""
    for price in reversed(versions):
        if price.valid_from_s <= at_s:
            return price
    return None
