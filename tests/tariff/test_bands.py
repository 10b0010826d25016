"""Stretches of time in which one band holds: together they are the time, and each has one answer."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.records import Band
from wattmill.tariff.bands import WEEK_MINUTES, band_at, stretches

SPRING_FORWARD_S = 1_774_746_000.0
"""29 March 2026, 01:00 UTC: the clocks of Europe go forward."""

edges = st.lists(
    st.integers(0, WEEK_MINUTES), min_size=2, max_size=8, unique=True
).map(sorted)  # fmt: skip


@st.composite
def made_bands(draw: st.DrawFn) -> list[Band]:
    found = []
    for name in ("night", "weekend")[: draw(st.integers(0, 2))]:
        cuts = draw(edges)
        windows = tuple(zip(cuts[::2], cuts[1::2], strict=False))
        found.append(
            Band(name, draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"])), windows)
        )
    return found


@given(bands=made_bands(), days=st.integers(0, 9), at=st.floats(0, 0.999))
def test_stretches_are_the_time_and_each_has_one_answer(
    bands: list[Band], days: int, at: float
) -> None:
    start_s, end_s = SPRING_FORWARD_S - 2 * 86_400, SPRING_FORWARD_S + days * 86_400
    parts = list(stretches(bands, start_s, end_s))
    assert (parts[0][0], parts[-1][1]) == (start_s, end_s)
    assert all(one[1] == other[0] and one[2] != other[2] for one, other in pairwise(parts))
    moment_s = start_s + at * (end_s - start_s)
    (answer,) = [band for from_s, until_s, band in parts if from_s <= moment_s < until_s]
    assert answer == band_at(bands, moment_s)


def test_no_time_has_no_stretch() -> None:
    assert list(stretches([], 5.0, 5.0)) == []
