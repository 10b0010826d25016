"""Server-sent events on their way from an engine to a client: passed on as bytes, never re-encoded.

Only whole frames are passed on. A frame is looked into only when the bytes mention usage or the end; from the usage
frame on everything is kept back, because the client gets the end of its answer only after the settlement is durable.
"""

import msgspec

from wattmill.core.records import Usage
from wattmill.gateway.usage import UsageMismatch, usage_of_chunk

DONE = b"[DONE]"
_MENTIONS_USAGE = b'"usage"'
_MENTIONS_PROGRESS = b'"prompt_progress"'
_NAMES_ROLE = b'"role":"assistant"'
_NAMES_FINISH = b'"finish_reason":"'
MAX_FRAME_BYTES = 8 * 2**20


class _Progress(msgspec.Struct):
    total: int
    cache: int


class _ProgressChunk(msgspec.Struct):
    prompt_progress: _Progress


_progress_decoder = msgspec.json.Decoder(_ProgressChunk)


class NoStream(Exception):
    """The engine's bytes are no server-sent events."""


class SseRelay:
    """The state of one stream."""

    __slots__ = (
        "_client_wants_usage",
        "_empty",
        "_partial",
        "done",
        "ending",
        "frames",
        "prompt",
        "usage",
    )

    def __init__(self, *, client_wants_usage: bool) -> None:
        self._client_wants_usage = client_wants_usage
        self._partial = b""
        self.frames = 0
        self._empty = 0
        self.usage: Usage | None = None
        self.prompt: tuple[int, int] | None = None
        """Prompt tokens in all and those from the cache, where the engine told before its first token."""
        self.ending = b""
        """What is kept back for the end."""
        self.done = False

    @property
    def pieces(self) -> int:
        """At most the tokens passed on: a frame carries one or more, but for those that name a role or a finish."""
        return max(self.frames - max(self._empty, 1), 0)

    def feed(self, data: bytes) -> bytes:
        """What to pass on now. ``NoStream`` when this can be no stream."""
        if self._partial:
            data = self._partial + data
        cut = _end_of_whole_frames(data)
        if cut < len(data):
            self._partial = data[cut:]
            if len(self._partial) > MAX_FRAME_BYTES:
                raise NoStream("the engine sent a frame without end")
            data = data[:cut]
        else:
            self._partial = b""
        if not data:
            return b""
        if _MENTIONS_USAGE in data or DONE in data or (self.frames < 2 and _MENTIONS_PROGRESS in data):
            return self._sort(data)
        self._note(data, data.count(b"\n\n") or 1)
        return data

    def _note(self, data: bytes, frames: int) -> None:
        self.frames += frames
        self._empty += data.count(_NAMES_ROLE) + data.count(_NAMES_FINISH)

    def _sort(self, data: bytes) -> bytes:
        now = []
        for frame in data.replace(b"\r\n", b"\n").split(b"\n\n"):
            if not frame:
                continue
            if self._belongs_to_end(frame):
                continue
            self._note(frame, 1)
            now.append(frame + b"\n\n")
        return b"".join(now)

    def _belongs_to_end(self, frame: bytes) -> bool:
        """Keep back, drop, or leave to be passed on (``False``)."""
        payload = frame[5:].strip() if frame.startswith(b"data:") else b""
        if payload == DONE:
            self.done = True
            self.ending += frame + b"\n\n"
            return True
        if self.frames < 2 and _MENTIONS_PROGRESS in payload:
            return self._note_progress(payload)
        if _MENTIONS_USAGE not in payload:
            return False
        try:
            usage, is_usage_only = usage_of_chunk(payload)
        except (msgspec.DecodeError, UsageMismatch):
            return False
        self.usage = usage or self.usage
        if usage is None or not is_usage_only:
            return False
        if self._client_wants_usage:
            self.ending += frame + b"\n\n"
        return True

    def _note_progress(self, payload: bytes) -> bool:
        try:
            progress = _progress_decoder.decode(payload).prompt_progress
        except msgspec.DecodeError:
            return False
        self.prompt = (progress.total, progress.cache)
        return True


def _end_of_whole_frames(data: bytes) -> int:
    cut = data.rfind(b"\n\n")
    if cut >= 0:
        return cut + 2
    cut = data.rfind(b"\r\n\r\n")
    return cut + 4 if cut >= 0 else 0
