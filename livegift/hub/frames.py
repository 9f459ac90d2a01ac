"""Events to bytes that may be written to any number of viewers: encoded once, framed once."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType
from websockets.frames import Frame, Opcode

from livegift.domain.cursor import Place
from livegift.wire.codec import EVENT_STREAM, Codec
from livegift.wire.folds import RoomView
from livegift.wire.messages import AnyEvent, Message, RoomFrame, Session, Snapshot, Totals

Feed = Literal["viewer", "creator"]
Seal = Callable[[str, Place], str]
"""Makes the cursor of a place in a room."""


def framed(codec: Codec, message: Message) -> bytes:
    """Return a message as one WebSocket frame of the server's (unmasked), or as one server-sent event."""
    if codec is EVENT_STREAM:
        return _streamed(message)
    return Frame(Opcode.TEXT if codec.is_text else Opcode.BINARY, codec.encode(message)).serialize(mask=False)


def _streamed(message: Message) -> bytes:
    cursor = getattr(message, "cursor", UNSET)
    head = "" if cursor is UNSET else f"id: {cursor}\n"
    head += f"event: {message.__struct_config__.tag}\ndata: "
    return head.encode() + EVENT_STREAM.encode(message) + b"\n\n"  # JSON holds no raw newline


def for_feed(events: Sequence[AnyEvent], feed: Feed) -> list[AnyEvent]:
    """Return the events as that feed shows them: the creator's columns are the creator's alone."""
    if feed == "creator":
        return list(events)
    return [msgspec.structs.replace(event, points_total=UNSET, session=UNSET) for event in events]


def room_frame(
    room_id: str, epoch: str, events: Sequence[AnyEvent], totals: Totals, feed: Feed, cursor: str | UnsetType = UNSET
) -> RoomFrame:
    """Return the message that carries these events, of which there is at least one."""
    return RoomFrame(
        room=room_id,
        feed="creator" if feed == "creator" else UNSET,
        epoch=epoch,
        offset=events[-1].offset,
        events=for_feed(events, feed),
        totals=totals,
        cursor=cursor,
    )


def snapshot_of(view: RoomView, viewers: int, feed: Feed) -> Snapshot:
    """Return a room's state as a message of that feed carries it."""
    totals = view.totals
    if feed != "creator":
        return Snapshot(totals, view.top, view.combos, viewers)
    # Points are credited 1:1 with coins.
    session = Session(totals.coins, totals.coins, totals.gifts)
    return Snapshot(totals, view.top, view.combos, viewers, view.points, session)
