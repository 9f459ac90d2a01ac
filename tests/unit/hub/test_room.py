"""A room's local viewers: everyone gets each event once, in order, or a snapshot that replaces it."""

from livegift.hub.passes import FRAME_EVENTS_MAX, joined
from livegift.hub.room import Joining, Room
from livegift.wire.codec import JSON, Codec
from livegift.wire.folds import Fold
from livegift.wire.messages import AnyEvent, RoomClosed, Totals
from tests.hub_world import messages_in

LIMIT = 1_000


class Screen:
    """A viewer that remembers the offsets it was shown."""

    codec: Codec = JSON

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.writes = 0
        self.unsent = 0
        self.closed: int | None = None

    def write(self, frame: bytes) -> None:
        self.writes += 1
        for message in messages_in(frame):
            self.offsets += [event["offset"] for event in message["events"]]
            assert message["totals"]["coins"] == message["offset"] == self.offsets[-1]

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        if self.unsent > unsent_bytes_max:
            return False
        self.write(frames)
        return True

    def unsent_bytes(self) -> int:
        return self.unsent

    def close(self, code: int, reason: str) -> None:
        self.closed = code


def event(offset: int) -> AnyEvent:
    return RoomClosed(offset=offset, event_id=f"e{offset}", totals=Totals(0, 0, 0))


def fold(*offsets: int, epoch: str = "5") -> Fold:
    return Fold(epoch, offsets[-1], Totals(offsets[-1], 0, 0), [event(offset) for offset in offsets])


def room_at(offset: int) -> Room:
    room = Room("r1")
    room.epoch, room.offset = "5", offset
    return room


def flush(room: Room) -> int:
    room.begin_pass()
    writes = room.write_on(viewers_max=1_000, buffer_bytes_max=LIMIT)
    assert room.under_way is None
    return writes


def test_events_are_written_once_in_order_and_joined() -> None:
    room, screen = room_at(0), Screen()
    room.enter(screen, "viewer")
    assert room.take(fold(1, 2))
    assert room.take(fold(2, 3))
    assert flush(room) == 1
    assert flush(room) == 0
    assert screen.offsets == [1, 2, 3]


def test_many_events_are_several_frames_in_one_write() -> None:
    room, screen = room_at(0), Screen()
    room.enter(screen, "viewer")
    for offset in range(1, 200, 3):
        room.take(fold(offset, offset + 1, offset + 2))
    assert flush(room) == 1
    assert screen.writes == 1
    assert screen.offsets == list(range(1, 202))
    frames = messages_in(joined("r1", [fold(*range(1, 41)), fold(*range(41, 65)), fold(65)], JSON, "viewer"))
    assert [frame["offset"] for frame in frames] == [FRAME_EVENTS_MAX, FRAME_EVENTS_MAX + 1]


def test_a_gap_or_another_epoch_takes_nothing() -> None:
    room = room_at(3)
    assert not room.take(fold(5))
    assert not room.take(fold(4, epoch="6"))
    assert room.take(fold(2, 3))
    assert (room.offset, room.pending) == (3, [])


def test_a_joining_viewer_misses_nothing() -> None:
    room, screen = room_at(1), Screen()
    room.enter(screen, "viewer")
    missed = room.joining[screen] = Joining()
    room.take(fold(2, 3))
    flush(room)
    assert screen.offsets == []
    assert [event.offset for event in missed.after("5", 2)] == [3]
    assert missed.after("6", 2) == []


def test_what_is_kept_twice_is_kept_once_and_a_new_epoch_starts_over() -> None:
    missed = Joining()
    missed.keep("5", [event(2), event(3)], Totals(0, 0, 0))
    missed.keep("5", [event(3), event(4)], Totals(0, 0, 0))
    assert [one.offset for one in missed.after("5", 0)] == [2, 3, 4]
    missed.keep("6", [event(1)], Totals(0, 0, 0))
    assert [one.offset for one in missed.after("6", 0)] == [1]


def test_a_viewer_ahead_of_the_room_skips_what_its_snapshot_held() -> None:
    room, screen = room_at(1), Screen()
    room.enter(screen, "viewer")
    room.ahead[screen] = 3
    room.take(fold(2))
    flush(room)
    room.take(fold(3, 4))
    flush(room)
    room.take(fold(5))
    flush(room)
    assert screen.offsets == [4, 5]


def test_a_slow_viewer_is_skipped_and_the_others_are_not() -> None:
    room, slow, quick = room_at(0), Screen(), Screen()
    room.enter(slow, "viewer")
    room.enter(quick, "viewer")
    slow.unsent = LIMIT + 1
    room.take(fold(1))
    flush(room)
    slow.unsent = 0
    room.take(fold(2))
    flush(room)
    assert quick.offsets == [1, 2]
    assert slow.offsets == []  # no hole: it waits for its snapshot
    assert slow in room.lagging


def test_a_slow_creator_feed_is_closed_and_never_skipped() -> None:
    room, creator = room_at(0), Screen()
    room.enter(creator, "creator")
    creator.unsent = LIMIT + 1
    room.take(fold(1))
    flush(room)
    assert (creator.closed, creator.offsets, room.feeds) == (4501, [], {})
