"""Gift ids: UUIDv7 on the server's time, because a phone's clock may be hours off and the server would refuse."""

import uuid_utils

ID_WINDOW_MS = 15 * 60 * 1_000
"""How long after it was made an id may be resent and is surely known to the server."""


class ServerClock:
    """The server's time: what it said last plus monotonic time since. All in milliseconds."""

    def __init__(self) -> None:
        self._ahead_ms: float | None = None

    @property
    def is_set(self) -> bool:
        """Whether the server has told its time yet."""
        return self._ahead_ms is not None

    def set(self, server_time_ms: int, *, at_ms: float) -> None:
        """Note that it was ``server_time_ms`` there when it was ``at_ms`` on our monotonic clock."""
        self._ahead_ms = server_time_ms - at_ms

    def now_ms(self, at_ms: float) -> int:
        """Return the server's time at the monotonic ``at_ms``. The clock must have been set."""
        assert self._ahead_ms is not None, "the server's time is not known before `connected`"
        return int(at_ms + self._ahead_ms)


def uuid7(time_ms: int) -> str:
    """Return a new UUIDv7 of that time (milliseconds since 1970) in the usual form with dashes."""
    return str(uuid_utils.uuid7(nanoseconds=time_ms * 1_000_000))


def uuid7_ms(text: str) -> int:
    """Return the time inside a UUIDv7 in milliseconds since 1970; raises ``ValueError`` for anything else."""
    parsed = uuid_utils.UUID(text)
    if parsed.version != 7:
        raise ValueError(f"{text!r} is a UUID of version {parsed.version}, expected 7")
    return parsed.int >> 80
