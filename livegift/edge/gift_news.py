"""What a client hears of its gifts after the answer to its ``send`` (``gifting.Listener``)."""

from typing import Protocol

from livegift.domain.refusal import Refusal
from livegift.edge.answers import accepted, refused
from livegift.gifting import Receipt
from livegift.wire.messages import Message, Settled, SettledGift


class _Client(Protocol):
    def send(self, message: Message) -> None: ...


class GiftNews:
    """The listening part of a connection."""

    __slots__ = ()

    def settled(self: _Client, gifts: list[tuple[str, str]]) -> None:
        """These gifts of this client's stand in the book."""
        self.send(Settled(gifts=[SettledGift(gift, event) for gift, event in gifts]))

    def accepted_again(self: _Client, receipt: Receipt) -> None:
        """A gift has been done anew under another event id."""
        self.send(accepted(None, receipt))

    def failed(self: _Client, gift_event_id: str, refusal: Refusal) -> None:
        """A gift that had been accepted is lost and can't be done any more."""
        self.send(refused(None, refusal, gift_event_id=gift_event_id))
