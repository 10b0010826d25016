"""Server-sent events on their way from an engine to a client: passed on as bytes, never re-encoded.

Only whole frames are passed on. A frame is looked into only when the bytes mention usage or the end; from the usage
frame on everything is kept back, because the client gets the end of its answer only after the settlement is durable.
"""

import msgspec

from wattmill.core.records import Usage
from wattmill.gateway.usage import usage_of_chunk

DONE = b"[DONE]"
_MENTIONS_USAGE = b'"usage":'
_MENTIONS_PROGRESS = b'"prompt_progress"'
_END_BYTES = 64
"""The end of a stream stands within the last bytes of what arrives with it."""
_END_OF_OBJECT = b"}\n\n"
"""How a frame with a JSON object ends; what is inside one has no line ends."""
_BEGINNING_BYTES = 1024
"""The frames that name a role, one for each choice, stand within so many bytes each."""
_UNCOUNTED_BYTES = 16 * 2**10
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
        "_choices",
        "_client_wants_usage",
        "_counted",
        "_last",
        "_partial",
        "_roles",
        "_uncounted",
        "_uncounted_bytes",
        "done",
        "ending",
        "passes",
        "prompt",
        "usage",
    )

    def __init__(self, *, client_wants_usage: bool, choices: int = 1) -> None:
        self._client_wants_usage = client_wants_usage
        self._choices = choices
        self._partial = b""
        self._last = b""
        self.passes = 0
        """How often something was passed on."""
        self._roles = 0
        self._counted = 0
        self._uncounted: list[bytes] = []
        self._uncounted_bytes = 0
        self.usage: Usage | None = None
        self.prompt: tuple[int, int] | None = None
        """Prompt tokens in all and those from the cache, where the engine told before its first token."""
        self.ending = b""
        """What is kept back for the end."""
        self.done = False

    @property
    def pieces(self) -> int:
        """At most the tokens passed on: a frame carries one or more, but for those that name a role or a finish."""
        self._count()
        empty = max(self._roles, 1) + self._last.count(_NAMES_FINISH) + self._choices - 1
        return max(self._counted - empty, 0)

    @property
    def failed(self) -> bool:
        """Whether the last thing before the end is an error: engines put one into a stream and end it as usual."""
        if not self.done:
            return False
        start = self._last.rfind(b"\n\n", 0, -2) + 2
        return _payload(self._last[start if start > 1 else 0 :]).startswith(b'{"error"')

    def feed(self, data: bytes) -> bytes:
        """What to pass on now. ``NoStream`` when this can be no stream."""
        if self._partial:
            data = self._partial + data
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        end = data.rfind(b"\n\n")
        cut = end + 2 if end >= 0 else 0
        if cut < len(data):
            self._partial = data[cut:]
            if len(self._partial) > MAX_FRAME_BYTES:
                raise NoStream("the engine sent a frame without end")
            data = data[:cut]
        else:
            self._partial = b""
        if not data:
            return b""
        mention = self._first_mention(data)
        if mention < 0:
            self._note(data)
            return data
        return self._split_off_end(data, mention)

    def _first_mention(self, data: bytes) -> int:
        """Where something begins that must be looked into, or -1. Plain searches: an expression is ten times slower."""
        first = data.find(_MENTIONS_USAGE)
        while first >= 0 and data[first + 8 : first + 13].lstrip().startswith(b"null"):
            first = data.find(_MENTIONS_USAGE, first + 8)
        done = data.find(DONE, -_END_BYTES)
        if done >= 0 and not 0 <= first < done:
            first = done
        if self.passes < 2:
            progress = data.find(_MENTIONS_PROGRESS, 0, _BEGINNING_BYTES)
            if progress >= 0 and not 0 <= first < progress:
                first = progress
        return first

    def _split_off_end(self, data: bytes, mention: int) -> bytes:
        """Pass on everything before the frame of the first mention as it is; sort the frames from there on."""
        start = data.rfind(b"\n\n", 0, mention) + 2
        if start == 1:
            return self._sort(data)
        before = data[:start]
        self._note(before)
        return before + self._sort(data[start:])

    def _note(self, data: bytes) -> None:
        """Remember what is passed on. Its frames are counted when somebody asks, which nobody does of a stream that
        ends with the engine's own count; only so much is kept for that."""
        self.passes += 1
        self._last = data
        self._uncounted.append(data)
        self._uncounted_bytes += len(data)
        if self._uncounted_bytes > _UNCOUNTED_BYTES:
            self._count()

    def _count(self) -> None:
        """A comment that keeps the line open is no frame of an answer."""
        for data in self._uncounted:
            if self._counted < 2 * self._choices:
                self._roles += data.count(_NAMES_ROLE, 0, _BEGINNING_BYTES * self._choices)
            self._counted += data.count(_END_OF_OBJECT)
        self._uncounted.clear()
        self._uncounted_bytes = 0

    def _sort(self, data: bytes) -> bytes:
        now = []
        for frame in data.split(b"\n\n"):
            if frame and not self._belongs_to_end(frame):
                self._note(frame + b"\n\n")
                now.append(self._last)
        return b"".join(now)

    def _belongs_to_end(self, frame: bytes) -> bool:
        """Keep back, drop, or leave to be passed on (``False``)."""
        payload = _payload(frame)
        if payload == DONE:
            self.done = True
            self.ending += frame + b"\n\n"
            return True
        if self.passes < 2 and _MENTIONS_PROGRESS in payload:
            return self._note_progress(payload)
        if _MENTIONS_USAGE not in payload:
            return False
        try:
            usage, is_usage_only = usage_of_chunk(payload)
        except msgspec.DecodeError:
            return False
        self.usage = usage or self.usage
        if usage and is_usage_only and self._client_wants_usage:
            self.ending += frame + b"\n\n"
        return is_usage_only

    def _note_progress(self, payload: bytes) -> bool:
        try:
            progress = _progress_decoder.decode(payload).prompt_progress
        except msgspec.DecodeError:
            return False
        self.prompt = (progress.total, progress.cache)
        return True


def _payload(frame: bytes) -> bytes:
    """The data of a frame; other fields and comments may stand before it."""
    if frame.startswith(b"data:"):
        return frame[5:].strip()
    start = frame.find(b"\ndata:")
    return frame[start + 6 :].strip() if start >= 0 else b""
