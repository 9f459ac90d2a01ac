"""What the server sends in wire protocol v1. How a frame becomes one of these stands in reading.py."""

from msgspec import Struct

from livegift_client.events import AnyEvent, FeedKind, Snapshot, Totals, User


class Message(Struct, tag_field="type", kw_only=True, frozen=True):
    """What the server sends."""


class Connected(Message, tag="connected", frozen=True):
    """Reply to ``connect``. ``balance`` in coins; ``expires_ms`` when the token ends."""

    id: int
    user: User
    server_time_ms: int
    balance: int | None = None
    expires_ms: int | None = None
    ping_ms: int = 25_000


class Subscribed(Message, tag="subscribed", kw_only=True, frozen=True):
    """Reply to ``subscribe``: the missed events (``recovered``) or a snapshot at ``offset``."""

    id: int
    room: str
    feed: FeedKind = "viewer"
    epoch: str
    offset: int
    recovered: bool
    events: list[AnyEvent] = []
    snapshot: Snapshot | None = None
    totals: Totals | None = None
    cursor: str | None = None


class Accepted(Message, tag="accepted", kw_only=True, frozen=True):
    """The gift is charged. ``balance`` is the wallet just after this gift, also in a replayed receipt."""

    gift_event_id: str
    event_id: str
    balance: int
    id: int | None = None
    replayed: bool = False
    settled: bool = False


class SettledGift(Struct, frozen=True):
    """One id of ``settled``."""

    gift_event_id: str
    event_id: str


class Settled(Message, tag="settled", frozen=True):
    """These gifts of the sender's stand in the book."""

    gifts: list[SettledGift]


class RoomFrame(Message, tag="room", kw_only=True, frozen=True):
    """Events of a room in order; ``offset`` is the last one's, ``totals`` hold after it."""

    room: str
    feed: FeedKind = "viewer"
    epoch: str
    offset: int
    events: list[AnyEvent]
    totals: Totals | None = None
    cursor: str | None = None


class Missed(Message, tag="missed", kw_only=True, frozen=True):
    """Gifts that a creator's feed has missed, oldest first; ``subscribed`` follows. ``cursor`` stands after them."""

    room: str
    feed: FeedKind = "creator"
    events: list[AnyEvent]
    cursor: str


class SnapshotPush(Message, tag="snapshot", frozen=True):
    """Forget what you know of the room and go on at ``offset`` + 1."""

    room: str
    epoch: str
    offset: int
    snapshot: Snapshot


class ViewersPush(Message, tag="viewers", frozen=True):
    """How many people watch a room now; outside its sequence."""

    room: str
    viewers: int


class ErrorInfo(Struct, frozen=True):
    """Why not. Fields beyond the third only where the code has them."""

    code: str
    message: str = ""
    temporary: bool = False
    retry_after_ms: int | None = None
    balance: int | None = None
    needed: int | None = None
    price_coins: int | None = None
    now_ms: int | None = None


class Error(Message, tag="error", kw_only=True, frozen=True):
    """Reply to the command ``id``, or about an earlier ``gift_event_id``."""

    error: ErrorInfo
    id: int | None = None
    gift_event_id: str | None = None


class WalletPush(Message, tag="wallet", frozen=True):
    """The balance moved by something else than the answer to a send."""

    balance: int
    reason: str = ""


class Reconnect(Message, tag="reconnect", frozen=True):
    """The server drains: reconnect after this many milliseconds."""

    after_ms: int


class Refreshed(Message, tag="refreshed", frozen=True):
    """Reply to ``refresh``."""

    id: int
    expires_ms: int


class Unsubscribed(Message, tag="unsubscribed", frozen=True):
    """Reply to ``unsubscribe``."""

    id: int
    room: str


class Pong(Message, tag="pong", frozen=True):
    """Reply to ``ping``."""

    id: int
    server_time_ms: int


AnyMessage = (
    Connected
    | Subscribed
    | Accepted
    | Settled
    | RoomFrame
    | Missed
    | SnapshotPush
    | ViewersPush
    | Error
    | WalletPush
    | Reconnect
    | Refreshed
    | Unsubscribed
    | Pong
)
RoomMessage = Subscribed | RoomFrame | Missed | SnapshotPush
