"""Messages of wire protocol v1 as msgspec structs, the one source of codec, validation and AsyncAPI.

Commands come from clients and carry an integer ``id`` that the reply echoes; pushes have none. Fields that
are ``UNSET`` are absent on the wire, ``None`` is ``null``. Clients ignore unknown fields and event types.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from livegift.domain.cursor import CURSOR_CHARS_MAX

INT_MAX = 2**53 - 1
CommandId = Annotated[int, Meta(ge=0, le=INT_MAX)]
# PostgreSQL stores no NUL. One that got into the journal would hold up every gift behind it.
NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=NO_NUL)]
MESSAGE_CHARS_MAX = 200


class Since(Struct, frozen=True):
    """Where a client is: the last event it has applied; in the creator's feed also the last ``cursor``."""

    epoch: Annotated[str, Meta(max_length=32)]
    offset: Annotated[int, Meta(ge=0, le=INT_MAX)]
    cursor: Annotated[str, Meta(max_length=CURSOR_CHARS_MAX)] | None = None


# --- commands ---------------------------------------------------------------------------------------------


class Command(Struct, tag_field="type", kw_only=True, frozen=True):
    """What every command has."""

    id: CommandId


class Connect(Command, tag="connect", frozen=True):
    """First command, within 5 s. ``token`` is a JWT."""

    token: Annotated[str, Meta(max_length=4096)]


class Subscribe(Command, tag="subscribe", frozen=True):
    """Follow a room; with ``since`` the missed events come in the reply when they can be had."""

    room: Name
    since: Since | None = None
    feed: Literal["viewer", "creator"] = "viewer"


class Unsubscribe(Command, tag="unsubscribe", frozen=True):
    """Stop following a room."""

    room: Name


class Refresh(Command, tag="refresh", frozen=True):
    """Replace the connection's token by a newer one of the same user."""

    token: Annotated[str, Meta(max_length=4096)]


class Ping(Command, tag="ping", frozen=True):
    """Ask for a ``pong`` with the server's time."""


class Send(Command, tag="send", frozen=True):
    """Send ``count`` gifts. ``gift_event_id`` is a UUIDv7 made on server time; a resend repeats it."""

    room: Name
    gift_event_id: Annotated[str, Meta(max_length=64)]
    gift: Name
    price_coins: int
    count: int = 1
    to: Name | None = None
    message: Annotated[str, Meta(max_length=MESSAGE_CHARS_MAX, pattern=NO_NUL)] | None = None
    anonymous: bool = False


AnyCommand = Connect | Subscribe | Unsubscribe | Refresh | Ping | Send


# --- nouns inside replies, pushes and events --------------------------------------------------------------


class User(Struct, frozen=True):
    """A person as others see them."""

    id: str
    name: str


class Sender(Struct, frozen=True):
    """Who sent. Anonymous: only ``anonymous`` is true, the rest null. ``coins_total`` is their sum in this room."""

    id: str | None
    name: str | None
    anonymous: bool
    coins_total: int | None


class GiftInfo(Struct, frozen=True):
    """The gift as it was when sent."""

    id: str
    name: str
    price_coins: int
    tier: int


class ComboInfo(Struct, frozen=True):
    """A combo after this event: ``total`` = Σ count, ``coins_total`` = Σ coins."""

    id: str
    total: int
    coins_total: int


class Totals(Struct, frozen=True):
    """A room's sums: coins, gifts (Σ count), distinct senders, anonymous included."""

    coins: int
    gifts: int
    senders: int


class Session(Struct, frozen=True):
    """A creator's sums of this room since it opened."""

    coins: int
    points: int
    gifts: int


class TopSender(Struct, frozen=True):
    """One line of the ranking."""

    id: str
    name: str
    coins_total: int


class OpenCombo(Struct, frozen=True):
    """A combo that has not ended."""

    id: str
    sender: User
    receiver: User
    gift: GiftInfo
    total: int
    coins_total: int


class Snapshot(Struct, frozen=True):
    """A room at an offset. ``viewers`` stands outside the sequence; the last two are the creator's alone."""

    totals: Totals
    top: list[TopSender]
    combos: list[OpenCombo]
    viewers: int
    points_total: int | UnsetType = UNSET
    session: Session | UnsetType = UNSET


# --- events -----------------------------------------------------------------------------------------------


class Event(Struct, tag_field="type", kw_only=True, frozen=True):
    """A fact in a room. ``points_total`` and ``session`` stand in the creator's feed only."""

    offset: int
    points_total: int | UnsetType = UNSET
    session: Session | UnsetType = UNSET


class GiftEvent(Event, tag="gift", kw_only=True, frozen=True):
    """A settled gift. ``count`` is a delta (sum these); ``points`` is what the receiver earned."""

    event_id: str
    ts_ms: int
    sender: Sender
    receiver: User
    gift: GiftInfo
    count: int
    coins: int
    points: int
    combo: ComboInfo | None
    message: str | None
    test: bool


class ComboEnded(Event, tag="combo_ended", kw_only=True, frozen=True):
    """Exactly one for each combo; ``event_id`` is ``<combo id>.end``."""

    event_id: str
    ts_ms: int
    combo: ComboInfo
    sender: User
    receiver: User
    gift: GiftInfo


class RoomClosed(Event, tag="room_closed", kw_only=True, frozen=True):
    """The room takes no more gifts; those accepted before may still follow."""

    event_id: str
    totals: Totals


AnyEvent = GiftEvent | ComboEnded | RoomClosed


class MissedGift(Struct, tag_field="type", tag="gift", kw_only=True, frozen=True):
    """A settled gift out of the book: no ``offset``, no ``combo``, no ``coins_total`` of the sender."""

    points_total: int
    session: Session
    event_id: str
    ts_ms: int
    sender: Sender
    receiver: User
    gift: GiftInfo
    count: int
    coins: int
    points: int
    combo: None = None
    message: str | None
    test: bool


# --- replies and pushes -----------------------------------------------------------------------------------


class Message(Struct, tag_field="type", kw_only=True, frozen=True):
    """What the server sends."""


class Connected(Message, tag="connected", frozen=True):
    """Reply to ``connect``. ``balance`` in coins; ``expires_ms`` when the token ends."""

    id: int
    user: User
    balance: int
    server_time_ms: int
    expires_ms: int
    ping_ms: int


class Subscribed(Message, tag="subscribed", kw_only=True, frozen=True):
    """Reply to ``subscribe``: the missed events (``recovered``) or a snapshot; ``totals`` hold at ``offset``."""

    id: int
    room: str
    feed: Literal["creator"] | UnsetType = UNSET
    epoch: str
    offset: int
    recovered: bool
    events: list[AnyEvent]
    totals: Totals
    snapshot: Snapshot | None
    cursor: str | UnsetType = UNSET


class Accepted(Message, tag="accepted", kw_only=True, frozen=True):
    """The gift is charged. ``balance`` is the wallet just after this gift, also in a replayed receipt."""

    id: int | None
    gift_event_id: str
    event_id: str
    balance: int
    replayed: bool | UnsetType = UNSET
    settled: bool | UnsetType = UNSET


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
    feed: Literal["creator"] | UnsetType = UNSET
    epoch: str
    offset: int
    events: list[AnyEvent]
    totals: Totals
    cursor: str | UnsetType = UNSET


class Missed(Message, tag="missed", kw_only=True, frozen=True):
    """Gifts that a creator's feed has missed, oldest first; ``subscribed`` follows. ``cursor`` stands after them."""

    room: str
    feed: Literal["creator"] = "creator"
    events: list[MissedGift]
    cursor: str


class SnapshotPush(Message, tag="snapshot", frozen=True):
    """To a conflated viewer, or after a room's rebuild: forget what you know, go on at ``offset`` + 1."""

    room: str
    epoch: str
    offset: int
    snapshot: Snapshot


class ViewersPush(Message, tag="viewers", frozen=True):
    """How many people watch a room now, outside its sequence; each once, whatever number of connections they have."""

    room: str
    viewers: int


class ErrorInfo(Struct, frozen=True, omit_defaults=True):
    """Why not. Codes in ``wire/codes.py``; further fields only where the code has them."""

    code: str
    message: str
    temporary: bool
    retry_after_ms: int | None = None
    balance: int | None = None
    needed: int | None = None
    price_coins: int | None = None
    now_ms: int | None = None


class Error(Message, tag="error", kw_only=True, frozen=True):
    """Reply to the command ``id`` (null: its id was unreadable), or about an earlier ``gift_event_id``."""

    id: int | None
    gift_event_id: str | UnsetType = UNSET
    error: ErrorInfo


class WalletPush(Message, tag="wallet", frozen=True):
    """The balance moved by something else than the answer to a send."""

    balance: int
    reason: str


class Reconnect(Message, tag="reconnect", frozen=True):
    """Before a drain: reconnect after this many milliseconds."""

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
