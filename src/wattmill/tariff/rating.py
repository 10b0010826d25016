"""What a quantity costs under a price. Exact: tokens × µUSD per million tokens is a whole number of pUSD."""

from collections.abc import Sequence

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
        price.input_uncached, price.input_cached, price.cache_write, price.audio_in, price.image_in
    )
    dearest_output = max(price.output_text, price.output_reasoning, price.audio_out)
    return input_tokens * dearest_input + output_tokens * dearest_output


def price_at(versions: Sequence[Price], at_s: float) -> Price | None:
    """The version in force at a time: the latest whose ``valid_from_s`` is not after it. ``None`` before the first.

    Of two versions that begin at the same instant the later version number wins.
    """
    begun = [price for price in versions if price.valid_from_s <= at_s]
    return max(begun, key=lambda price: (price.valid_from_s, price.version), default=None)
