"""The journal: an append-only log of frames on disk, the first place where an entry becomes durable.

A segment file is a run of frames. A frame is ``length (u32 LE), crc32 (u32 LE), payload``; the payload is a MessagePack
array of entries that became durable together. A torn frame at the end of a segment was never durable, so nobody was
told of it: reading stops there, and so it does at zeros, which a file system may leave behind the last sync after a
power loss. Damage before the end is an error, because something durable is lost.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from wattmill.core.errors import JournalError
from wattmill.ledger.entries import Entry

SEGMENT_BYTES = 64 * 2**20
_HEADER = struct.Struct("<II")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Entry])


def encode_frame(entries: Sequence[Entry]) -> bytes:
    payload = _encoder.encode(entries)
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:010d}.journal"


def segment_numbers(directory: Path) -> list[int]:
    """Numbers of the segments that are there, in order."""
    return sorted(int(path.stem) for path in directory.glob("*.journal"))


def create_segment(directory: Path, at_least: int = 1) -> tuple[int, int]:
    """Create the next segment. Returns its number, unique for all time, and a file descriptor to append to.

    As long as the descriptor is open the segment is locked, so that nobody takes it for one that is no longer written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    number = max([at_least - 1, *segment_numbers(directory)]) + 1
    while True:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            descriptor = os.open(segment_path(directory, number), flags, 0o600)
        except FileExistsError:
            number += 1
            continue
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if segment_path(directory, number).exists():
            sync(directory)
            return number, descriptor
        os.close(descriptor)  # it was retired before it was locked
        number += 1


def is_written(path: Path) -> bool:
    """Whether a living gateway holds a segment open; ``False`` when it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def retire(path: Path, offset: int) -> bool:
    """Delete a segment of which everything up to an offset was read, unless more is in it or somebody writes it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if next(read_frames(path, offset), None) is not None:
            return False
        path.unlink()
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def sync(path: Path) -> None:
    """What was written to a file, or created or renamed in a folder, is on disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_frames(path: Path, offset: int = 0) -> Iterator[tuple[list[Entry], int]]:
    """Entries of each whole frame from an offset on, with the offset behind the frame."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    start = 0
    while start + _HEADER.size <= len(data):
        length, crc = _HEADER.unpack_from(data, start)
        end = start + _HEADER.size + length
        if not length or end > len(data):
            return
        payload = data[start + _HEADER.size : end]
        if zlib.crc32(payload) != crc:
            if not data[end:].strip(b"\0"):
                return
            raise JournalError(
                f"the frame at byte {offset + start} is damaged",
                place=path.name,
                hint="restore this file from a backup; the entries behind it are not read",
            )
        yield _decoder.decode(payload), offset + end
        start = end
