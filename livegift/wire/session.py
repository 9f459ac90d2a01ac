"""The session of one connection: a frame in, effects out. Pure: no socket, no clock, no Redis.

============  ===================  ====================  ==========================
state         ``connect``          another command       a frame that is no command
============  ===================  ====================  ==========================
new           ``Authenticate``     error not_connected   error, counted as abuse
connecting    error bad_request    ``Perform``           error, counted as abuse
connected     error bad_request    ``Perform``           error, counted as abuse
stale         error bad_request    ``Perform``           error, counted as abuse
============  ===================  ====================  ==========================

Effects are carried out one after the other, so what a client sends right behind its ``connect`` has its turn once the
token has been judged; ``refusal_of`` then says whether it was good.

Ten unreadable frames within 10 s close with 4400. A token that is not ours, or has ended, closes with 4401 when it
came with ``connect``; a bad ``refresh`` is an error and the old token stands until it ends. Then the client is told,
and until the connection is closed (4502) only ``refresh`` is carried out; all else is answered ``token_expired``.
"""

from dataclasses import dataclass

from msgspec import UNSET

from livegift.wire.codec import Unreadable
from livegift.wire.codes import REFUSALS, TEMPORARY
from livegift.wire.messages import (
    AnyCommand,
    Connect,
    Error,
    ErrorInfo,
    Message,
    Ping,
    Pong,
    Refresh,
)

ABUSE_FRAMES = 10
ABUSE_MS = 10_000
RETRY_AFTER_MS = 1_000


@dataclass(frozen=True, slots=True)
class Reply:
    """Send this message."""

    message: Message


@dataclass(frozen=True, slots=True)
class Close:
    """Close with this code."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Check the token of ``connect`` and go on with ``authenticated`` or ``refused``."""

    command: Connect


@dataclass(frozen=True, slots=True)
class Perform:
    """Carry out this command of a connected client (``refusal_of``), after those before it."""

    command: AnyCommand


Effect = Reply | Close | Authenticate | Perform


def error(command_id: int | None, code: str, message: str | None = None, **fields: int) -> Error:
    """Return the error message of a code, with its documented text unless another is given."""
    temporary = code in TEMPORARY
    if temporary:
        fields.setdefault("retry_after_ms", RETRY_AFTER_MS)
    text = message or (TEMPORARY if temporary else REFUSALS)[code]
    return Error(id=command_id, error=ErrorInfo(code, text, temporary, **fields), gift_event_id=UNSET)


class Session:
    """State of one connection's conversation."""

    __slots__ = ("_abuse_since_ms", "_unreadable", "state")

    def __init__(self) -> None:
        self.state = "new"
        self._unreadable = 0
        self._abuse_since_ms = 0

    def receive(self, frame: AnyCommand | Unreadable, *, now_ms: int) -> list[Effect]:
        """Take one decoded frame; ``now_ms`` is monotonic."""
        if isinstance(frame, Unreadable):
            return self._count_abuse(frame, now_ms)
        if isinstance(frame, Connect):
            if self.state != "new":
                return [Reply(error(frame.id, "bad_request", "This connection has connected already."))]
            self.state = "connecting"
            return [Authenticate(frame)]
        if self.state not in ("connecting", "connected", "stale"):
            return [Reply(error(frame.id, "not_connected"))]
        return [Perform(frame)]

    def refusal_of(self, command: AnyCommand) -> str | None:
        """Return the code with which a command whose turn it is is answered instead of being carried out, or None."""
        if self.state == "stale":
            return None if isinstance(command, Refresh) else "token_expired"
        return None if self.state == "connected" else "not_connected"

    def authenticated(self) -> None:
        """The token, the first or a newer one, was good."""
        self.state = "connected"

    def token_ended(self) -> list[Effect]:
        """The token has ended and no newer one has come; once."""
        if self.state != "connected":
            return []
        self.state = "stale"
        return [Reply(error(None, "token_expired"))]

    def refused(self, command: Connect, code: str) -> list[Effect]:
        """The token was not, or whoever has it is banned."""
        self.state = "ended"
        return [Reply(error(command.id, code)), Close(4403 if code == "banned" else 4401, code)]

    def _count_abuse(self, frame: Unreadable, now_ms: int) -> list[Effect]:
        if now_ms - self._abuse_since_ms > ABUSE_MS:
            self._abuse_since_ms, self._unreadable = now_ms, 0
        self._unreadable += 1
        detail = f"{REFUSALS[frame.code]} {frame.detail}"[:300]
        effects: list[Effect] = [Reply(error(frame.id, frame.code, detail))]
        if self._unreadable >= ABUSE_FRAMES:
            self.state = "ended"
            effects.append(Close(4400, "too many unreadable frames"))
        return effects


def pong(command: Ping, *, now_ms: int) -> Pong:
    """Return the answer to a ``ping``; ``now_ms`` is the wall clock."""
    return Pong(id=command.id, server_time_ms=now_ms)
