"""Bugs that the fuzzer must find, so that a run without findings says something."""

from collections.abc import Callable

from livegift.edge import framing
from livegift.wire import codec, session
from tests.fuzz import targets


def _codec_lets_errors_through() -> None:
    codec._UNREADABLE = ()  # type: ignore[misc] - the lenient look's errors are not caught


def _session_counts_no_abuse() -> None:
    session.ABUSE_FRAMES = 11


def _framing_forgets_the_mask() -> None:
    whole = framing.whole_frames

    def without_mask(data: bytes, *, payload_bytes_max: int, start: int = 0, frames_max: int = 64) -> int:
        end = whole(data, payload_bytes_max=payload_bytes_max, start=start, frames_max=frames_max)
        return end - 4 if end - start > 8 else end

    targets.whole_frames = without_mask


PLANTED: dict[str, tuple[str, Callable[[], None]]] = {
    "codec-lets-errors-through": ("codec", _codec_lets_errors_through),
    "session-counts-no-abuse": ("session", _session_counts_no_abuse),
    "framing-forgets-the-mask": ("framing", _framing_forgets_the_mask),
}
"""By name: the target that must find it, and what plants it."""


def plant(name: str) -> None:
    """Plant a bug in this process."""
    PLANTED[name][1]()
