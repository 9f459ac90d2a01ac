"""What the hub says to one viewer: the answer to ``subscribe``, and a snapshot. Pure."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from livegift.hub.frames import Feed, for_feed, snapshot_of
from livegift.wire.folds import RoomView
from livegift.wire.messages import AnyEvent, Since, SnapshotPush, Subscribed, Totals


def snapshot_push(room_id: str, view: RoomView, viewers: int, feed: Feed) -> SnapshotPush:
    """Return what a viewer gets instead of what it lacks."""
    snapshot = snapshot_of(view, viewers, feed)
    return SnapshotPush(room=room_id, epoch=view.epoch, offset=view.offset, snapshot=snapshot)


def recovered(
    command_id: int,
    room_id: str,
    feed: Feed,
    since: Since,
    events: Sequence[AnyEvent],
    totals: Totals,
    cursor: str | UnsetType,
) -> Subscribed:
    """Return the answer to who gets exactly what it has missed."""
    return Subscribed(
        id=command_id,
        room=room_id,
        feed="creator" if feed == "creator" else UNSET,
        epoch=since.epoch,
        offset=events[-1].offset if events else since.offset,
        recovered=True,
        events=for_feed(events, feed),
        totals=totals,
        snapshot=None,
        cursor=cursor,
    )


def with_snapshot(
    command_id: int, room_id: str, feed: Feed, view: RoomView, viewers: int, cursor: str | UnsetType
) -> Subscribed:
    """Return the answer to who begins, or has been away too long."""
    return Subscribed(
        id=command_id,
        room=room_id,
        feed="creator" if feed == "creator" else UNSET,
        epoch=view.epoch,
        offset=view.offset,
        recovered=False,
        events=[],
        totals=view.totals,
        snapshot=snapshot_of(view, viewers, feed),
        cursor=cursor,
    )
