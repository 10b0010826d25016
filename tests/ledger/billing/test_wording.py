"""What lines are called when several meters are counted together."""

from fractions import Fraction

import pytest

from wattmill.core.records import METERS
from wattmill.ledger.billing.wording import words_of
from wattmill.tariff.charges import Charge

INPUT = ("input_uncached", "input_cached", "cache_write", "audio_in", "image_in")
OUTPUT = ("output_text", "output_reasoning", "audio_out")


@pytest.mark.parametrize(
    ("meters", "words"),
    [
        (METERS, "All tokens"),
        (INPUT, "All input tokens"),
        (OUTPUT, "All output tokens"),
        (tuple(set(INPUT) - {"input_cached"}), "All input tokens but cached"),
        (("input_cached",), "Input tokens, cached"),
        (("output_text", "audio_out"), "Output tokens + Audio output tokens"),
    ],
)
def test_meters_that_are_counted_together_have_one_name(
    meters: tuple[str, ...], words: str
) -> None:
    charge = Charge("usage", "p", 1, Fraction(1), "Mtok", Fraction(1), meters=meters)
    assert words_of(charge) == words
