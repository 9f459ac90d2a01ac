"""What the session asks its shell to do. Plain facts without behaviour; the shell performs them in order."""

from msgspec import Struct

from livegift_client.errors import LivegiftError
from livegift_client.events import User
from livegift_client.feed import Feed, Item


class Transmit(Struct, frozen=True):
    """Write one text frame."""

    frame: bytes


class Ready(Struct, frozen=True):
    """The server knows us; commands may flow."""

    user: User


class Deliver(Struct, frozen=True):
    """Hand these to who follows the feed."""

    feed: Feed
    items: list[Item]


class FeedEnded(Struct, frozen=True):
    """The feed was refused for good."""

    feed: Feed
    error: LivegiftError


class GiftAccepted(Struct, frozen=True):
    """Charged; ``event_id`` may differ from that of an earlier answer and then replaces it. ``balance`` in coins."""

    gift_event_id: str
    event_id: str
    balance: int
    replayed: bool


class GiftSettled(Struct, frozen=True):
    """In the book, for good."""

    gift_event_id: str
    event_id: str


class GiftFailed(Struct, frozen=True):
    """Refused, or its outcome was not learnt in time."""

    gift_event_id: str
    error: LivegiftError


class BalanceMoved(Struct, frozen=True):
    """The balance, in coins; ``reason`` is empty for the answer to a send or to ``connect``."""

    balance: int
    reason: str


class Hangup(Struct, frozen=True):
    """Close this connection after so many milliseconds and connect anew.

    ``is_spread``: the server has given each client another moment, so no jitter is added, and who is closed earlier
    still waits for it.
    """

    after_ms: int
    is_spread: bool = False


class RenewToken(Struct, frozen=True):
    """The token ends soon: get a fresh one and ``refresh`` with it."""


class Fatal(Struct, frozen=True):
    """Give up: a further connection would fare no better."""

    error: LivegiftError


Effect = (
    Transmit
    | Ready
    | Deliver
    | FeedEnded
    | GiftAccepted
    | GiftSettled
    | GiftFailed
    | BalanceMoved
    | Hangup
    | RenewToken
    | Fatal
)
