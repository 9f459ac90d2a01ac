"""Events of a room and the nouns inside them, as wire protocol v1 has them.

Kept apart from the server's definitions on purpose: the golden frames in ``clients/vectors`` prove that both agree.
Coins are whole numbers, times are milliseconds since 1970.
"""

from typing import Literal

from msgspec import Struct

FeedKind = Literal["viewer", "creator"]


class User(Struct, frozen=True):
    """A person as others see them."""

    id: str
    name: str


class Sender(Struct, frozen=True):
    """Who sent. Anonymous: the other fields are None. ``coins_total`` is their sum in this room, in coins."""

    id: str | None
    name: str | None
    anonymous: bool
    coins_total: int | None


class GiftInfo(Struct, frozen=True):
    """The gift as it was when sent. ``tier`` 1 (tray) to 4 (full screen)."""

    id: str
    name: str
    price_coins: int
    tier: int


class ComboInfo(Struct, frozen=True):
    """A combo after an event: ``total`` = Σ count, ``coins_total`` = Σ coins."""

    id: str
    total: int
    coins_total: int


class Totals(Struct, frozen=True):
    """A room's sums: coins, gifts (Σ count), distinct senders, anonymous included."""

    coins: int
    gifts: int
    senders: int


class CreatorSession(Struct, frozen=True):
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
    """A room at an offset. ``viewers`` stands outside the sequence; the last two come in the creator's feed only."""

    totals: Totals
    top: list[TopSender] = []
    combos: list[OpenCombo] = []
    viewers: int = 0
    points_total: int | None = None
    session: CreatorSession | None = None


class Event(Struct, tag_field="type", kw_only=True, frozen=True):
    """A fact in a room. ``points_total`` and ``session`` come in the creator's feed only.

    ``offset`` is 0 in gifts that the creator's feed had missed: they come out of the book, which knows no offsets.
    """

    offset: int = 0
    event_id: str = ""
    points_total: int | None = None
    session: CreatorSession | None = None


class GiftEvent(Event, tag="gift", kw_only=True, frozen=True):
    """A settled gift. ``count`` and ``coins`` are deltas: sum these, never the combo's totals."""

    ts_ms: int
    sender: Sender
    receiver: User
    gift: GiftInfo
    count: int
    coins: int
    points: int = 0
    combo: ComboInfo | None = None
    message: str | None = None
    test: bool = False


class ComboEnded(Event, tag="combo_ended", kw_only=True, frozen=True):
    """Exactly one for each combo, with its final totals."""

    ts_ms: int = 0
    combo: ComboInfo
    sender: User
    receiver: User
    gift: GiftInfo


class RoomClosed(Event, tag="room_closed", kw_only=True, frozen=True):
    """The room takes no more gifts; those accepted before may still follow."""

    totals: Totals


class OtherEvent(Event, tag="(other)", kw_only=True, frozen=True):
    """Stands for an event of a type this client doesn't know: it counts in the sequence and is not handed on."""


AnyEvent = GiftEvent | ComboEnded | RoomClosed | OtherEvent
