"""A room's local viewers: everyone gets each event once, in order, or a snapshot that replaces it."""

from livegift.domain.cursor import Marks, Place
from livegift.hub.passes import FRAME_EVENTS_MAX, joined
from livegift.hub.room import RECENT_EVENTS_MAX, REPLIES_BYTES_MAX, Replies, Room
from livegift.wire.codec import JSON, Codec
from livegift.wire.folds import Fold, History
from livegift.wire.messages import AnyEvent, RoomClosed, Totals
from tests.hub_world import cursors, messages_in

LIMIT = 1_000


class Screen:
    """A viewer that remembers the offsets it was shown."""

    codec: Codec = JSON
    person = "somebody"

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


class Creator(Screen):
    """A creator that remembers the cursors it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[Place] = []

    def write(self, frame: bytes) -> None:
        super().write(frame)
        self.places += [cursors.open("r1", message["cursor"]) for message in messages_in(frame)]


def event(offset: int) -> AnyEvent:
    return RoomClosed(offset=offset, event_id=f"e{offset}", totals=Totals(0, 0, 0))


def fold(*offsets: int, epoch: str = "5", marks: Marks | None = None) -> Fold:
    return Fold(epoch, offsets[-1], Totals(offsets[-1], 0, 0), [event(offset) for offset in offsets], marks or {})


def room_at(offset: int) -> Room:
    room = Room("r1", cursors.seal)
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
    folds = [fold(*range(1, 41)), fold(*range(41, 65)), fold(65)]
    frames = messages_in(joined("r1", folds, JSON, "viewer", marks={}, seal=cursors.seal))
    assert [frame["offset"] for frame in frames] == [FRAME_EVENTS_MAX, FRAME_EVENTS_MAX + 1]


def test_each_frame_of_the_creators_has_the_marks_at_its_end() -> None:
    folds = [fold(1, 2, marks={0: 7}), fold(*range(3, 65), marks={2: 9}), fold(65, marks={0: 8, 1: 1})]
    frames = messages_in(joined("r1", folds, JSON, "creator", marks={0: 5, 3: 4}, seal=cursors.seal))
    places = [cursors.open("r1", frame["cursor"]) for frame in frames]
    assert places == [
        Place("5", FRAME_EVENTS_MAX, FRAME_EVENTS_MAX, 0, {0: 7, 2: 9, 3: 4}),
        Place("5", FRAME_EVENTS_MAX + 1, FRAME_EVENTS_MAX + 1, 0, {0: 8, 1: 1, 2: 9, 3: 4}),
    ]


def test_a_cursor_in_a_pass_knows_nothing_of_what_is_pending() -> None:
    room, creator = Room("r1", cursors.seal), Creator()
    assert room.begin("5", 0, Totals(0, 0, 0), {0: 5})
    room.enter(creator, "creator")
    room.take(fold(1, marks={0: 6}))
    room.begin_pass()
    room.take(fold(2, marks={1: 1}))
    assert room.write_on(viewers_max=1, buffer_bytes_max=LIMIT) == 1
    assert cursors.open("r1", room.cursor) == Place("5", 2, 2, 0, {0: 6, 1: 1})
    flush(room)
    assert creator.places == [Place("5", 1, 1, 0, {0: 6}), Place("5", 2, 2, 0, {0: 6, 1: 1})]


def test_a_gap_or_another_epoch_takes_nothing() -> None:
    room = room_at(3)
    assert not room.take(fold(5))
    assert not room.take(fold(4, epoch="6"))
    assert room.take(fold(2, 3))
    assert (room.offset, room.pending) == (3, [])


def offsets(events: list[AnyEvent]) -> list[int]:
    return [event.offset for event in events]


def test_what_a_joining_viewer_misses_is_remembered() -> None:
    room, screen = room_at(1), Screen()
    room.enter(screen, "viewer")
    room.hold(screen)
    room.take(fold(2, 3))
    flush(room)
    room.take(fold(4))
    assert screen.offsets == []
    assert offsets(room.after(2)) == [3, 4]
    assert room.after(4) == []


def test_memory_is_bounded_and_fades() -> None:
    room = room_at(0)
    for offset in range(1, RECENT_EVENTS_MAX + 11):
        room.take(fold(offset))
    assert room.known_after == 10
    room.fade()
    assert room.known_after == 10  # all of it is new
    room.take(fold(RECENT_EVENTS_MAX + 11))
    room.fade()
    assert room.known_after == RECENT_EVENTS_MAX + 10
    room.fade()
    assert room.after(room.offset) == []


def test_a_history_extends_the_memory_only_where_it_joins_it() -> None:
    room = room_at(10)
    room.take(fold(11, 12))
    room.remember(History("5", 3, 8, [fold(4, 5, 6, 7, 8)], Totals(0, 0, 0)))  # 9 and 10 are missing
    room.remember(History("4", 5, 12, [fold(6, 7, 8, 9, 10, 11, 12)], Totals(0, 0, 0)))
    assert room.known_after == 10
    room.remember(History("5", 6, 11, [fold(5, 6, 7, 8), fold(9, 10, 11)], Totals(0, 0, 0)))
    assert offsets(room.after(6)) == [7, 8, 9, 10, 11, 12]


def test_a_room_begins_with_what_was_heard_while_its_place_was_read() -> None:
    room = Room("r1", cursors.seal)
    for heard in (fold(2, 3), fold(4)):
        room.hear(heard)
    assert room.begin("5", 2, Totals(2, 0, 0), {})
    assert (room.offset, offsets(room.after(2))) == (4, [3, 4])
    holed = Room("r1", cursors.seal)
    holed.hear(fold(5))
    assert not holed.begin("5", 2, Totals(2, 0, 0), {})
    assert holed.offset == 2


def test_shared_replies_are_made_once_and_forgotten_beyond_their_bound() -> None:
    replies, made = Replies(), []

    def encode() -> bytes:
        made.append(1)
        return bytes(REPLIES_BYTES_MAX // 2)

    for key in (1, 1, 2, 1, 3, 3, 1):
        replies.get((key,), encode)
    assert len(made) == 4  # 1, 2, then 3 takes the place of both, and 1 again


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
