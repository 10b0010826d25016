"""The journal on disk: whole frames are read, a torn end is not, damage before it is an error."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmill.core.errors import JournalError
from wattmill.core.records import Usage
from wattmill.ledger.entries import Deliver, Entry, Hold, Settle, Void, Waive
from wattmill.ledger.journal import (
    create_segment,
    encode_frame,
    read_frames,
    segment_numbers,
    segment_path,
)

WHO = ("acme", "k_1", "house")
ENTRIES: list[Entry] = [
    Hold(1, 10.5, *WHO, 3, 4_000_000),
    Settle(1, 11.0, 10.5, *WHO, "here", 3, Usage(7, 2, 0, 5, source="counted"), 12_345, "finished"),
    Deliver(1, 11.25),
    Hold(2, 12.0, *WHO, 3, 1),
    Void(2, 13.0, 12.0, *WHO, None, "engine_failed", Usage(7)),
    Waive(1, 14.0, 10.5, "acme", 12_345, "crash"),
]
FRAMES = [encode_frame(ENTRIES[:2]), encode_frame(ENTRIES[2:3]), encode_frame(ENTRIES[3:])]
WHOLE = b"".join(FRAMES)


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    path = segment_path(tmp_path, 1)
    path.write_bytes(WHOLE)
    return path


def read(path: Path, offset: int = 0) -> list[Entry]:
    return [entry for entries, _ in read_frames(path, offset) for entry in entries]


def test_entries_come_back_as_they_were(segment: Path) -> None:
    assert read(segment) == ENTRIES


def test_reading_goes_on_where_it_stopped(segment: Path) -> None:
    ends = [end for _, end in read_frames(segment)]
    assert ends == [len(FRAMES[0]), len(FRAMES[0]) + len(FRAMES[1]), len(WHOLE)]
    assert read(segment, ends[0]) == ENTRIES[2:]
    assert read(segment, ends[2]) == []


@pytest.mark.parametrize("left", range(1, len(FRAMES[2])))
def test_a_torn_end_was_never_durable(segment: Path, left: int) -> None:
    segment.write_bytes(WHOLE[: -len(FRAMES[2])] + FRAMES[2][:left])
    assert read(segment) == ENTRIES[:3]


def test_an_end_of_rubbish_was_never_durable(segment: Path) -> None:
    """A power loss can leave the length of a file without its data."""
    segment.write_bytes(WHOLE[: -len(FRAMES[2])] + FRAMES[2][:8] + bytes(len(FRAMES[2]) - 8))
    assert read(segment) == ENTRIES[:3]


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_damaged_frame_is_never_read_as_entries(place: int, flip: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= flip
    found: list[Entry] = []
    with TemporaryDirectory() as folder, suppress(JournalError):
        path = Path(folder, "damaged")
        path.write_bytes(damaged)
        for entries, _ in read_frames(path):
            found += entries
    assert found == ENTRIES[: len(found)] and len(found) < len(ENTRIES)


def test_damage_in_the_middle_names_the_place(segment: Path) -> None:
    damaged = bytearray(WHOLE)
    damaged[len(FRAMES[0]) + 12] ^= 1
    segment.write_bytes(damaged)
    with pytest.raises(JournalError) as refused:
        read(segment)
    assert str(refused.value) == f"{segment.name}: the frame at byte {len(FRAMES[0])} is damaged"
    assert "backup" in refused.value.hint


def test_numbers_of_segments_are_never_used_twice(tmp_path: Path) -> None:
    numbers = [create_segment(tmp_path)[0] for _ in range(3)]
    segment_path(tmp_path, 2).unlink()
    numbers.append(create_segment(tmp_path)[0])
    numbers.append(create_segment(tmp_path, at_least=9)[0])
    assert numbers == [1, 2, 3, 4, 9]
    assert segment_numbers(tmp_path) == [1, 3, 4, 9]


def test_a_segment_is_for_its_owner_alone(tmp_path: Path) -> None:
    number, _ = create_segment(tmp_path)
    assert segment_path(tmp_path, number).stat().st_mode & 0o777 == 0o600
