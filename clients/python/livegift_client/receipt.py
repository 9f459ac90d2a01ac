"""What became of one gift, as far as this client knows."""

import asyncio
from collections.abc import Callable
from typing import Literal

from livegift_client.effects import GiftAccepted, GiftFailed, GiftSettled
from livegift_client.errors import LivegiftError, OutcomeUnknown

State = Literal["sent", "accepted", "settled", "failed"]


class Receipt:
    """Of one ``gift_event_id``. ``event_id`` (the room's name for it) and ``balance`` (coins) come with ``accepted``.

    A gift that was accepted by a server whose Redis died before the book had it may be accepted once more, under
    another ``event_id``: the newest counts. ``on_change`` is called, synchronously, after every change.
    """

    def __init__(self, gift_event_id: str, on_change: "Callable[[Receipt], None] | None" = None) -> None:
        self.gift_event_id = gift_event_id
        self.event_id: str | None = None
        self.balance: int | None = None
        self.replayed = False
        self.state: State = "sent"
        self.error: LivegiftError | None = None
        self._on_change = on_change
        self._accepted = asyncio.get_running_loop().create_future()
        self._settled = asyncio.get_running_loop().create_future()

    async def accepted(self) -> "Receipt":
        """Wait until the gift is charged. Raises ``Refused`` or ``OutcomeUnknown``."""
        await asyncio.shield(self._accepted)
        return self._or_raise()

    async def settled(self) -> "Receipt":
        """Wait until the gift is in the book for good. Raises ``Refused`` or ``OutcomeUnknown``."""
        await asyncio.shield(self._settled)
        return self._or_raise()

    def note_accepted(self, *, event_id: str, balance: int, replayed: bool) -> None:
        """For the client: the server accepted it, perhaps not for the first time."""
        self.event_id, self.balance, self.replayed, self.state = event_id, balance, replayed, "accepted"
        self._tell(self._accepted)

    def note_settled(self, event_id: str) -> None:
        """For the client: it stands in the book."""
        self.event_id, self.state = event_id, "settled"
        self._tell(self._accepted, self._settled)

    def note_failed(self, error: LivegiftError) -> None:
        """For the client: it was refused, or nobody knows."""
        self.error, self.state = error, "failed"
        self._tell(self._accepted, self._settled)

    def _tell(self, *reached: "asyncio.Future[None]") -> None:
        for future in reached:
            if not future.done():
                future.set_result(None)
        if self._on_change is not None:
            self._on_change(self)

    def _or_raise(self) -> "Receipt":
        if self.error is not None:
            raise self.error
        return self


class Receipts:
    """Those of all gifts on their way; as many as the outbox holds."""

    def __init__(self) -> None:
        self._receipts: dict[str, Receipt] = {}

    def issue(self, gift_event_id: str, on_change: Callable[[Receipt], None] | None) -> Receipt:
        """Make one for a gift that was just posted."""
        receipt = self._receipts[gift_event_id] = Receipt(gift_event_id, on_change)
        return receipt

    def note(self, effect: GiftAccepted | GiftSettled | GiftFailed) -> None:
        """Pass on what became of a gift; the last word ends our interest in it."""
        if isinstance(effect, GiftAccepted):
            if receipt := self._receipts.get(effect.gift_event_id):
                receipt.note_accepted(event_id=effect.event_id, balance=effect.balance, replayed=effect.replayed)
        elif receipt := self._receipts.pop(effect.gift_event_id, None):
            if isinstance(effect, GiftSettled):
                receipt.note_settled(effect.event_id)
            else:
                receipt.note_failed(effect.error)

    def void(self, why: str) -> None:
        """Nobody will learn more: all that are open end as ``OutcomeUnknown``."""
        receipts, self._receipts = self._receipts, {}
        for receipt in receipts.values():
            receipt.note_failed(OutcomeUnknown(receipt.gift_event_id, why))
