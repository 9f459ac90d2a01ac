"""Messages of the server for the golden frames: every type, and what readers get wrong."""

from typing import Final

from livegift.wire.messages import (
    Accepted,
    AnyEvent,
    ComboEnded,
    ComboInfo,
    Connected,
    Error,
    ErrorInfo,
    GiftEvent,
    GiftInfo,
    Message,
    Missed,
    MissedGift,
    OpenCombo,
    Pong,
    Reconnect,
    Refreshed,
    RoomClosed,
    RoomFrame,
    Sender,
    Session,
    Settled,
    SettledGift,
    Snapshot,
    SnapshotPush,
    Subscribed,
    TopSender,
    Totals,
    Unsubscribed,
    User,
    ViewersPush,
    WalletPush,
)

NOW_MS: Final = 1_800_000_000_000
BALANCE_MAX: Final = 4_000_000_000_000_000
COINS_MAX: Final = 10**13 - 1
EPOCH: Final = "1f"
ANN: Final = User("019b3f00-0000-7000-8000-00000000a001", "Ann")
LUNA: Final = User("019b3f00-0000-7000-8000-00000000c001", "Luna")
WORLD: Final = User(
    "019b3f00-0000-7000-8000-00000000a002",
    "Zoë 李小龍 \U0001f469\U0001f3fd\u200d\U0001f3a4 \u202e\u0645\u0631\u064a\u0645",
)
"""A name of several scripts, with a joined emoji and a sign that turns the writing's direction."""
ROSE: Final = GiftInfo("rose", "Rose", 1, 1)
CASTLE: Final = GiftInfo("castle", 'Château "d’Or" \\ 城', COINS_MAX, 4)
CURSOR: Final = "tG9vay1fIDE3NjQ4ODQ2NDAwMDAgNTcgMTI"
GIFT_ID: Final = "019b3f00-1234-7abc-8def-0123456789ab"
NONE: Final = Totals(0, 0, 0)
SUMS: Final = Totals(2**32 + 5, 2**31, 70_000)
CREATORS: Final = Session(2**32 + 5, 2**32 + 4, 2**31)


def gift(offset: int, **fields: object) -> GiftEvent:
    """Return a rose from Ann with these fields instead."""
    plain: dict[str, object] = {
        "event_id": f"k7f3.{offset}",
        "ts_ms": NOW_MS + offset,
        "sender": Sender(ANN.id, ANN.name, False, offset),
        "receiver": LUNA,
        "gift": ROSE,
        "count": 1,
        "coins": 1,
        "points": 1,
        "combo": ComboInfo("k7f3.1", offset, offset),
        "message": None,
        "test": False,
    }
    return GiftEvent(offset=offset, **(plain | fields))  # type: ignore[arg-type]


ANONYMOUS: Final = gift(1, sender=Sender(None, None, True, None), combo=None)
UNICODE: Final = gift(
    2,
    sender=Sender(WORLD.id, WORLD.name, False, 2),
    message='"quoted" \\back\\ /slash/ tab\tline\nCR\r bell\x07 del\x7f \u2028 e\u0301 \U0001f339 \U0010ffff',
)
LARGE: Final = gift(
    2**40,
    sender=Sender(ANN.id, ANN.name, False, 2**53 - 1),
    gift=CASTLE,
    count=999,
    coins=COINS_MAX,
    points=COINS_MAX,
    combo=ComboInfo("k7f3.1", 2**32, 2**53 - 1),
)
COMBO_ENDED: Final = ComboEnded(
    offset=3,
    event_id="k7f3.1.end",
    ts_ms=NOW_MS,
    combo=ComboInfo("k7f3.1", 2, 2),
    sender=ANN,
    receiver=LUNA,
    gift=ROSE,
)
CLOSED: Final = RoomClosed(offset=4, event_id="k7f3.close", totals=SUMS)
OPEN: Final = OpenCombo("k7f3.1", WORLD, LUNA, CASTLE, 2**32, COINS_MAX)
SNAPSHOT: Final = Snapshot(SUMS, [TopSender(WORLD.id, WORLD.name, 2**40), TopSender(ANN.id, ANN.name, 1)], [OPEN], 3)


def room(*events: AnyEvent, totals: Totals = SUMS) -> RoomFrame:
    """Return a viewer's frame with these events."""
    return RoomFrame(room="r1", epoch=EPOCH, offset=events[-1].offset, events=list(events), totals=totals)


def missed(number: int, **fields: object) -> MissedGift:
    """Return a rose from Ann as the book has it."""
    plain: dict[str, object] = {
        "points_total": 2**32 + number,
        "session": Session(2**32 + number, 2**32 + number, 2**31),
        "event_id": f"k7f3.{number}",
        "ts_ms": NOW_MS + number,
        "sender": Sender(ANN.id, ANN.name, False, None),
        "receiver": LUNA,
        "gift": ROSE,
        "count": 1,
        "coins": 1,
        "points": 1,
        "message": None,
        "test": False,
    }
    return MissedGift(**(plain | fields))  # type: ignore[arg-type]


def connected(user: User, balance: int) -> Connected:
    """Return the reply to ``connect``."""
    return Connected(
        id=0, user=user, balance=balance, server_time_ms=NOW_MS, expires_ms=NOW_MS + 900_000, ping_ms=25_000
    )


def accepted(command_id: int | None, **fields: bool) -> Accepted:
    """Return the reply to ``send``."""
    return Accepted(id=command_id, gift_event_id=GIFT_ID, event_id="k7f3.2", balance=2**32, **fields)


MESSAGES: Final[dict[str, Message]] = {
    "connected": connected(ANN, 100_000),
    "connected: a name of many scripts, the largest balance": connected(WORLD, BALANCE_MAX),
    "connected: a balance below zero": connected(ANN, -BALANCE_MAX),
    "subscribed: an empty room": Subscribed(
        id=1,
        room="r1",
        epoch=EPOCH,
        offset=0,
        recovered=False,
        events=[],
        totals=NONE,
        snapshot=Snapshot(NONE, [], [], 0),
    ),
    "subscribed: a snapshot": Subscribed(
        id=2, room="r1", epoch=EPOCH, offset=57, recovered=False, events=[], totals=SUMS, snapshot=SNAPSHOT
    ),
    "subscribed: recovered, snapshot is null": Subscribed(
        id=3,
        room="r1",
        epoch=EPOCH,
        offset=4,
        recovered=True,
        events=[ANONYMOUS, UNICODE, COMBO_ENDED, CLOSED],
        totals=SUMS,
        snapshot=None,
    ),
    "subscribed: the creator's feed": Subscribed(
        id=4,
        room="r1",
        feed="creator",
        epoch=EPOCH,
        offset=57,
        recovered=False,
        events=[],
        totals=SUMS,
        snapshot=Snapshot(SUMS, [], [], 3, 2**32 + 4, CREATORS),
        cursor=CURSOR,
    ),
    "missed: gifts of the creator's feed, out of the book": Missed(
        room="r1",
        events=[
            missed(1),
            missed(2, sender=Sender(None, None, True, None), message=UNICODE.message),
            missed(3, gift=CASTLE, count=999, coins=COINS_MAX, points=COINS_MAX),
        ],
        cursor=CURSOR,
    ),
    "unsubscribed": Unsubscribed(id=5, room="r1"),
    "refreshed": Refreshed(id=6, expires_ms=NOW_MS),
    "pong: the largest id": Pong(id=2**53 - 1, server_time_ms=NOW_MS),
    "accepted: replayed and settled are absent": accepted(7),
    "accepted: replayed and settled": accepted(8, replayed=True, settled=True),
    "accepted: replayed, not yet settled": accepted(9, replayed=True, settled=False),
    "accepted: id is null, done anew": accepted(None),
    "settled": Settled(gifts=[SettledGift(GIFT_ID, "k7f3.2")]),
    "settled: none": Settled(gifts=[]),
    "settled: more than fifteen": Settled(gifts=[SettledGift(f"{GIFT_ID[:-2]}{n:02}", f"k7f3.{n}") for n in range(17)]),
    "room: a gift": room(gift(1)),
    "room: an anonymous gift, its sender and combo are null": room(ANONYMOUS),
    "room: text of every kind": room(UNICODE),
    "room: text of 200 characters": room(gift(5, message="\U0001f339" * 200)),
    "room: amounts and offset beyond 2**32": room(LARGE, totals=Totals(2**53 - 1, 2**33, 2**32)),
    "room: a test gift of another's combo": room(gift(6, test=True, combo=ComboInfo("k7f3.9", 9, 9))),
    "room: a combo has ended": room(COMBO_ENDED),
    "room: the room has closed": room(CLOSED),
    "room: twenty events": room(*(gift(number) for number in range(1, 21))),
    "room: the creator's feed": RoomFrame(
        room="r1",
        feed="creator",
        epoch=EPOCH,
        offset=2,
        events=[gift(1, points_total=1, session=Session(1, 1, 1)), gift(2, points_total=2**32, session=CREATORS)],
        totals=SUMS,
        cursor=CURSOR,
    ),
    "snapshot": SnapshotPush(room="r1", epoch=EPOCH, offset=2**32, snapshot=SNAPSHOT),
    "viewers": ViewersPush(room="r1", viewers=2**32),
    "viewers: nobody": ViewersPush(room="r1", viewers=0),
    "wallet: more coins": WalletPush(balance=2**32, reason="purchase"),
    "wallet: below zero": WalletPush(balance=-1, reason="refund"),
    "reconnect": Reconnect(after_ms=1_500),
    "reconnect: at once": Reconnect(after_ms=0),
    "error: id is null, further fields are absent": Error(
        id=None, error=ErrorInfo("bad_request", "The frame could not be read as this command.", False)
    ),
    "error: temporary": Error(
        id=10, error=ErrorInfo("busy", "Send the same id again.", True, retry_after_ms=1_000), gift_event_id=GIFT_ID
    ),
    "error: too few coins": Error(
        id=11, error=ErrorInfo("insufficient_coins", "Too few coins.", False, balance=0, needed=COINS_MAX)
    ),
    "error: another price": Error(id=12, error=ErrorInfo("price_changed", "Another price.", False, price_coins=2**33)),
    "error: an id of another time": Error(id=13, error=ErrorInfo("bad_id", "Not about now.", False, now_ms=NOW_MS)),
    "error: about an earlier gift": Error(
        id=None, error=ErrorInfo("room_closed", "The room is closed.", False), gift_event_id=GIFT_ID
    ),
}
"""By name, which also names the golden frame."""
