"""What can go wrong, as exceptions that say what is known about the gift or the connection.

A ``Refused`` is an answer of the server, final for that gift or command. The other kinds are faults: the world
failed, and each says whether the same gift id may be asked again. Their names say what happened, in the protocol's
words, and so carry no "Error".
"""

from typing import Final, Self

import msgspec

from livegift_client.messages import ErrorInfo

NO_RECONNECT_CODES: Final = frozenset({4400, 4401, 4403, 4408, 4409, 1002, 1003, 1007, 1009})
"""Close codes after which the same client would only be closed again."""


class LivegiftError(Exception):
    """Base of everything this package raises."""


class Refused(LivegiftError):
    """The server said no. ``code`` is one of the protocol's error codes; the other fields are None where absent.

    ``balance`` and ``needed`` are coins, ``price_coins`` is the price now in force, ``now_ms`` the server's time.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        temporary: bool = False,
        retry_after_ms: int | None = None,
        balance: int | None = None,
        needed: int | None = None,
        price_coins: int | None = None,
        now_ms: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.temporary = temporary
        self.retry_after_ms = retry_after_ms
        self.balance = balance
        self.needed = needed
        self.price_coins = price_coins
        self.now_ms = now_ms

    @classmethod
    def of(cls, error: ErrorInfo) -> Self:
        """Make one of what stands in an ``error`` message."""
        fields = msgspec.structs.asdict(error)
        return cls(fields.pop("code"), fields.pop("message"), **fields)


class OutcomeUnknown(LivegiftError):
    """The gift's fate was not learnt in time. Send the same ``gift_event_id`` again to ask; it never charges twice."""

    def __init__(self, gift_event_id: str, why: str) -> None:
        super().__init__(f"gift {gift_event_id}: {why}")
        self.gift_event_id = gift_event_id


class OutboxFull(LivegiftError):
    """More gifts are unsettled than the bound allows; this one was not sent."""


class Closed(LivegiftError):
    """The connection ended for good. ``code`` is the WebSocket close code, None if there was none."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"closed with {code}: {reason}")
        self.code = code
        self.reason = reason


class Unreachable(LivegiftError):
    """No connection could be made within the time given."""


class HttpFailed(LivegiftError):
    """An HTTP call got an answer other than 2xx. ``status`` is its code, ``code`` the problem's code if it had one."""

    def __init__(self, status: int, code: str | None, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"HTTP {status}: {code or 'no code'}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
