"""Gifts on their way: which are unsettled, and when each is to be sent (again). Pure.

A gift stays here from its post until it is settled, refused, or its id is older than the window. In between it is
sent, always under the same id: at once, on every new connection, after a temporary refusal when the server says,
and if no answer came for ``ANSWER_WAIT_MS``. The server charges an id once, so sending is also how one asks.
"""

import heapq
from collections.abc import Callable

from msgspec import Struct

from livegift_client.commands import Send
from livegift_client.effects import BalanceMoved, Effect, GiftAccepted, GiftFailed, GiftSettled
from livegift_client.errors import LivegiftError, OutboxFull
from livegift_client.ids import ID_WINDOW_MS
from livegift_client.messages import Accepted, SettledGift

ANSWER_WAIT_MS = 10_000
"""A gift that is neither settled nor refused this long after it was sent is asked about by sending it again."""
UNSETTLED_MAX = 10_000
"""Gifts on their way; at the bound ``post`` raises ``OutboxFull``."""
RETRY_DEFAULT_MS = 500
"""Wait after a temporary refusal that doesn't name one."""


class Outgoing(Struct):
    """One gift on its way. Times are monotonic milliseconds."""

    send: Send
    expires_ms: float
    due_ms: float
    event_id: str | None = None
    not_before_ms: float = 0.0


class Outbox:
    """All unsettled gifts of one client, in the order in which they were posted."""

    def __init__(self, chance: Callable[[], float], *, unsettled_max: int = UNSETTLED_MAX) -> None:
        self._chance = chance
        self._unsettled_max = unsettled_max
        self._gifts: dict[str, Outgoing] = {}
        self._due: list[tuple[float, str]] = []

    @property
    def unsettled(self) -> int:
        """How many gifts are on their way."""
        return len(self._gifts)

    def get(self, gift_event_id: str | None) -> Outgoing | None:
        """Return the unsettled gift of that id, or None."""
        return self._gifts.get(gift_event_id) if gift_event_id is not None else None

    def post(self, send: Send, *, id_age_ms: float, now_ms: float) -> Outgoing:
        """Take a gift whose id is ``id_age_ms`` old, for ``sent`` or ``hold``.

        Raises ``OutboxFull``, and ``ValueError`` for an id that is on its way.
        """
        if send.gift_event_id in self._gifts:
            raise ValueError(f"gift {send.gift_event_id} is on its way already")
        if len(self._gifts) >= self._unsettled_max:
            raise OutboxFull(f"{len(self._gifts)} gifts are unsettled, the limit is {self._unsettled_max}")
        expires_ms = now_ms + ID_WINDOW_MS - id_age_ms
        gift = self._gifts[send.gift_event_id] = Outgoing(send, expires_ms=expires_ms, due_ms=expires_ms)
        return gift

    def hold(self, gift: Outgoing) -> None:
        """There is no connection: nothing is due for it but the end of its window."""
        self._schedule(gift, gift.expires_ms)

    def sent(self, gift: Outgoing, *, now_ms: float) -> None:
        """Note that it was sent just now."""
        self._schedule(gift, now_ms + ANSWER_WAIT_MS)

    def put_off(self, gift: Outgoing, *, retry_after_ms: int | None, now_ms: float) -> None:
        """Send again after ``retry_after_ms`` and up to half as much more, so that a crowd doesn't come back as one."""
        wait_ms = (retry_after_ms or RETRY_DEFAULT_MS) * (1 + self._chance() / 2)
        gift.not_before_ms = now_ms + wait_ms
        self._schedule(gift, gift.not_before_ms)

    def accepted(self, message: Accepted) -> list[Effect]:
        """Note the newest answer; its ``event_id`` replaces that of an earlier one."""
        gift = self._gifts.get(message.gift_event_id)
        if gift is None:
            return []
        gift.event_id = message.event_id
        effects: list[Effect] = [
            GiftAccepted(message.gift_event_id, message.event_id, message.balance, message.replayed)
        ]
        if not message.replayed:
            effects.append(BalanceMoved(message.balance, ""))
        if message.settled:
            effects += self.settled(SettledGift(message.gift_event_id, message.event_id))
        return effects

    def settled(self, gift: SettledGift) -> list[Effect]:
        """The gift has arrived; a repeat is no news."""
        if self._gifts.pop(gift.gift_event_id, None) is None:
            return []
        return [GiftSettled(gift.gift_event_id, gift.event_id)]

    def failed(self, gift_event_id: str, error: LivegiftError) -> list[Effect]:
        """The gift will not arrive, whatever was said before."""
        self._gifts.pop(gift_event_id, None)
        return [GiftFailed(gift_event_id, error)]

    def offline(self) -> None:
        """The connection is gone: nothing is due but ends of windows."""
        self._due.clear()
        for gift in self._gifts.values():
            self.hold(gift)

    def resend_all(self, *, now_ms: float) -> list[Outgoing]:
        """Return what a new connection must send at once, in order; what was put off stays so."""
        at_once = []
        for gift in self._gifts.values():
            if gift.not_before_ms > now_ms:
                self._schedule(gift, gift.not_before_ms)
            else:
                at_once.append(gift)
        return at_once

    def pop_due(self, now_ms: float) -> list[Outgoing]:
        """Return the gifts whose time has come."""
        due = []
        while self._due and self._due[0][0] <= now_ms:
            at_ms, gift_event_id = heapq.heappop(self._due)
            gift = self._gifts.get(gift_event_id)
            if gift is not None and gift.due_ms == at_ms:
                due.append(gift)
        return due

    @property
    def next_due_ms(self) -> float | None:
        """When ``pop_due`` has something next; may be early, never late."""
        return self._due[0][0] if self._due else None

    def _schedule(self, gift: Outgoing, at_ms: float) -> None:
        gift.due_ms = min(at_ms, gift.expires_ms)
        heapq.heappush(self._due, (gift.due_ms, gift.send.gift_event_id))
