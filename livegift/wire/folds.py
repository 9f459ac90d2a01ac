"""What ``announce.lua`` publishes and stores, read into events. Pure.

One script call is one *fold*, a text of lines. cjson mangles big integers, so the script writes flat decimal
text and passes the facts through as the JSON it was given::

    <epoch> <last offset> <coins> <gifts> <senders>[ <partition>:<mark>]…
    g <offset> <sender coins|-> <combo id|-> <combo total> <combo coins> <creator's> <json>
    c <offset> <combo id> <total> <coins> <creator's> <ts_ms> <json>
    x <offset> <coins> <gifts> <senders> <event_id>

``g``: a gift, its JSON is a ``GiftFact``; ``c``: a combo ended, its JSON is a ``ComboFact``; ``x``: the room closed.
The creator's four are points_total and the session's coins, points and gifts. The header's sums are those after
the last line, its marks those that this call has moved. JSON never holds a raw newline.
"""

import msgspec
from msgspec import Struct

from livegift.domain.cursor import Marks
from livegift.wire.messages import (
    AnyEvent,
    ComboEnded,
    ComboInfo,
    GiftEvent,
    GiftInfo,
    OpenCombo,
    RoomClosed,
    Sender,
    Session,
    TopSender,
    Totals,
    User,
)


class GiftFact(Struct, frozen=True):
    """What is known of a settled gift before the room folds it. Anonymous: ``sender`` is null."""

    event_id: str
    ts_ms: int
    sender: User | None
    receiver: User
    gift: GiftInfo
    count: int
    coins: int
    points: int
    message: str | None
    test: bool = False


class MarkedFact(Struct, frozen=True):
    """A settled gift, and how far its partition is with it."""

    partition: int
    seq: int
    fact: GiftFact


class ComboFact(Struct, frozen=True):
    """Who and what a combo is about."""

    sender: User
    receiver: User
    gift: GiftInfo


class Fold(Struct, frozen=True):
    """One call of ``announce.lua``: events in order, with the creator's fields on each; sums after the last.

    ``marks`` are the partitions' that have moved, and where they stand after the last event.
    """

    epoch: str
    offset: int
    totals: Totals
    events: list[AnyEvent]
    marks: Marks = {}


_gift_fact = msgspec.json.Decoder(GiftFact)
_combo_fact = msgspec.json.Decoder(ComboFact)


def parse_fold(blob: bytes) -> Fold:
    """Read one fold; raises ``ValueError`` on anything that the script cannot have written."""
    head, *lines = blob.rstrip(b"\n").split(b"\n")
    epoch, offset, coins, gifts, senders, *moved = head.split(b" ")
    totals = Totals(int(coins), int(gifts), int(senders))
    marks = {int(p): int(seq) for p, _, seq in (pair.partition(b":") for pair in moved)}
    return Fold(epoch.decode(), int(offset), totals, [_event(line) for line in lines], marks)


def _event(line: bytes) -> AnyEvent:
    kind = line[:2]
    if kind == b"g ":
        return _gift(line)
    if kind == b"c ":
        return _combo_ended(line)
    if kind == b"x ":
        _, offset, coins, gifts, senders, event_id = line.split(b" ")
        totals = Totals(int(coins), int(gifts), int(senders))
        return RoomClosed(offset=int(offset), event_id=event_id.decode(), totals=totals)
    raise ValueError(f"a fold's line starts with {kind!r}, expected g, c or x")


def _gift(line: bytes) -> GiftEvent:
    _, offset, own, combo, total, coins, points, s_coins, s_points, s_gifts, text = line.split(b" ", 10)
    fact = _gift_fact.decode(text)
    sender = Sender(None, None, True, None)
    if fact.sender is not None:
        sender = Sender(fact.sender.id, fact.sender.name, False, int(own))
    return GiftEvent(
        offset=int(offset),
        points_total=int(points),
        session=Session(int(s_coins), int(s_points), int(s_gifts)),
        event_id=fact.event_id,
        ts_ms=fact.ts_ms,
        sender=sender,
        receiver=fact.receiver,
        gift=fact.gift,
        count=fact.count,
        coins=fact.coins,
        points=fact.points,
        combo=None if combo == b"-" else ComboInfo(combo.decode(), int(total), int(coins)),
        message=fact.message,
        test=fact.test,
    )


def _combo_ended(line: bytes) -> ComboEnded:
    _, offset, combo, total, coins, points, s_coins, s_points, s_gifts, ts_ms, text = line.split(b" ", 10)
    fact = _combo_fact.decode(text)
    return ComboEnded(
        offset=int(offset),
        points_total=int(points),
        session=Session(int(s_coins), int(s_points), int(s_gifts)),
        event_id=combo.decode() + ".end",
        ts_ms=int(ts_ms),
        combo=ComboInfo(combo.decode(), int(total), int(coins)),
        sender=fact.sender,
        receiver=fact.receiver,
        gift=fact.gift,
    )


class History(Struct, frozen=True):
    """What a room has had lately, in order: every event after ``after`` up to ``offset``, the sums and marks there.

    The first fold may hold older events too.
    """

    epoch: str
    after: int
    offset: int
    folds: list[Fold]
    totals: Totals
    marks: Marks = {}


class RoomView(Struct, frozen=True):
    """A room's state at one offset, as read from its slot. ``feeding``: wait, it is being filled from the book."""

    epoch: str
    offset: int
    closed: bool
    feeding: bool
    totals: Totals
    points: int
    top: list[TopSender]
    combos: list[OpenCombo]
    marks: Marks
