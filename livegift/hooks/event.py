"""What every media server's hook comes down to: a stream went live, or it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec

STREAM_CHARS_MAX = 256
TIME_MS_MAX = 10**14


class HookRefused(Exception):
    """The request is not signed by who it says it is from, or is none of theirs."""


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """A stream that began (``is_live``) or ended. ``stream`` is what the media server calls it, the same each time.

    ``at_ms`` is the media server's time of it: hooks come late, twice, and in the wrong order.
    """

    stream: str
    is_live: bool
    at_ms: int
    title: str | None

    def __post_init__(self) -> None:
        if len(self.stream) > STREAM_CHARS_MAX or "\x00" in self.stream or not 0 <= self.at_ms < TIME_MS_MAX:
            raise HookRefused("the stream's name or time can't be right")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request: header names are lower-case; ``secret`` is what stands in the query under that name."""

    headers: Mapping[str, str]
    secret: str
    body: bytes
    now_ms: int


class Hook(Protocol):
    """One media server's way of telling. ``decides``: it asks whether a stream may begin, and waits for the answer."""

    decides: bool

    def read(self, delivery: Delivery) -> StreamEvent | None:
        """Return what it tells, or None if that is about something else. Raises ``HookRefused``."""

    def answer(self, event: StreamEvent | None) -> dict[str, Any]:
        """Return what it wants to hear: a stream is never stopped for the gifts' sake."""


def object_of(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is; raises ``HookRefused``."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HookRefused("the body is no JSON") from error
    if not isinstance(found, dict):
        raise HookRefused("the body is no JSON object")
    return found


def text_at(found: Any, *path: str) -> str:
    """Return the text at a path of names, '' if there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def time_ms(text: str) -> int:
    """Return an ISO 8601 time in ms since 1970; raises ``HookRefused``."""
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        raise HookRefused("it does not say when that was") from error
