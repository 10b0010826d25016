"""The log of what was decided, and its replay: yesterday's events must give yesterday's actions.

A log is a file of frames, one for each step: ``length (u32 LE)`` and a MessagePack document, or a JSON one where the
step has a budget whose whole number does not fit into the 64 bits of MessagePack. A frame that is torn at the end of a
file is left out: its process died while it wrote.
"""

import struct
from collections.abc import Iterable

import msgspec
from msgspec import Struct

from wattmill.policy.events import Action, Event, View
from wattmill.policy.lifecycle import Lifecycle

_LENGTH = struct.Struct("<I")


class Step(Struct, frozen=True, array_like=True):
    """One call of ``Lifecycle.on``: what happened, what could be seen, what was decided."""

    event: Event
    view: View
    actions: list[Action]


class Difference(Struct, frozen=True):
    """The first step of a log (``number``, from 0) that is decided otherwise today."""

    number: int
    step: Step
    decided: list[Action]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Step)
_wide_encoder = msgspec.json.Encoder()
_wide_decoder = msgspec.json.Decoder(Step)


def replay(log: Iterable[Step]) -> Difference | None:
    """Decide a whole log again, from its first step on; the first difference, or ``None``."""
    lifecycle = Lifecycle()
    for number, step in enumerate(log):
        decided = lifecycle.on(step.event, step.view)
        if decided != step.actions:
            return Difference(number, step, decided)
    return None


def encode_step(step: Step) -> bytes:
    """The frame of a step, to be appended to a log."""
    try:
        document = _encoder.encode(step)
    except OverflowError:
        document = _wide_encoder.encode(step)
    return _LENGTH.pack(len(document)) + document


def decode_log(data: bytes) -> list[Step]:
    """The steps of a log in order; ``msgspec.DecodeError`` when a whole frame is damaged."""
    steps = []
    end = 0
    while (start := end + _LENGTH.size) <= len(data):
        end = start + _LENGTH.unpack_from(data, end)[0]
        if end > len(data):
            break
        document = data[start:end]
        decoder = _wide_decoder if document.startswith(b"[") else _decoder
        steps.append(decoder.decode(document))
    return steps
