"""One followed room: where it stands, what to hand on, and when to ask again. Pure.

A message is judged by its offset first (is it the next one?), its events by their ids second (were they shown?).
State follows offsets, because a snapshot at k holds exactly what lies at or before k; what is handed on follows
ids, because a room that was rebuilt repeats its last 30 s under a new epoch.

The creator's feed also keeps the last cursor and gives it back: what it has missed beyond the room's history then comes
out of the book, before the snapshot. Such gifts are handed on; the state is the snapshot's.
"""

from enum import Enum

from msgspec import UNSET, Struct

from livegift_client.commands import Since
from livegift_client.events import AnyEvent, FeedKind, OtherEvent, Snapshot
from livegift_client.messages import Missed, RoomFrame, RoomMessage, SnapshotPush, Subscribed
from livegift_client.room import RoomState

SHOWN_MAX = 20_000
"""Event ids remembered at least; at twice as many the older half is forgotten (a repeat is at most 30 s old)."""
SNAPSHOT_WAIT_MS = 2_000
"""After frames of a new epoch the server sends a snapshot by itself; only without it we ask."""


class Restored(Struct, frozen=True):
    """The state was replaced by a snapshot: show these totals; single gifts in between may have been skipped."""

    room: str
    epoch: str
    offset: int
    snapshot: Snapshot


Item = AnyEvent | Restored


class Phase(Enum):
    """How a feed stands on the present connection."""

    WAITING = "waiting"
    """Not asked for yet, or to be asked again at ``due_ms``."""
    ASKED = "asked"
    LIVE = "live"


class Shown:
    """A set of recent ids in two generations, so that forgetting costs nothing."""

    def __init__(self, ids_max: int = SHOWN_MAX) -> None:
        self._ids_max = ids_max
        self._young: set[str] = set()
        self._old: set[str] = set()

    def add(self, event_id: str) -> bool:
        """Note an id; False if it was known."""
        if event_id in self._young or event_id in self._old:
            return False
        if len(self._young) >= self._ids_max:
            self._old, self._young = self._young, set()
        self._young.add(event_id)
        return True


class Feed:
    """The pure half of a subscription to ``room``. ``state`` is current after every ``receive``."""

    def __init__(self, room: str, feed: FeedKind = "viewer") -> None:
        self.room = room
        self.feed: FeedKind = feed
        self.state = RoomState()
        self.epoch: str | None = None
        self.offset = 0
        self.cursor: str | None = None
        """The creator's: what the feed has got, in the server's own words."""
        self.phase = Phase.WAITING
        self.due_ms: float | None = None
        """When to subscribe (again); None: nothing is to be done."""
        self.holes = 0
        """Times that an offset was missing within an epoch, which a correct server never causes."""
        self._shown = Shown()
        self._needs_snapshot = False

    @property
    def since(self) -> Since | None:
        """What to resume from; None asks for a snapshot."""
        if self.cursor is not None:
            return Since(self.epoch or "", self.offset, self.cursor)
        if self.epoch is None or self._needs_snapshot:
            return None
        return Since(self.epoch, self.offset, UNSET)

    def receive(self, message: RoomMessage, *, now_ms: float) -> list[Item]:
        """Apply a message of this room and return what is new, in order."""
        if isinstance(message, RoomFrame):
            return self._frame(message, now_ms)
        if isinstance(message, Missed):
            self.cursor = message.cursor
            return self._new_of(message.events)
        if isinstance(message, SnapshotPush):
            return [self._restore(message, message.snapshot)]
        self.phase, self.due_ms = Phase.LIVE, None
        if message.snapshot is not None:
            restored = self._restore(message, message.snapshot)
            return [restored, *self._fold(message.events)]
        self._needs_snapshot = False
        is_same = message.epoch == self.epoch
        items = self._fold([event for event in message.events if not is_same or event.offset > self.offset])
        if not is_same or message.offset > self.offset:  # a pushed snapshot may have overtaken this answer
            self._stand_at(message)
        if message.totals is not None:
            self.state.trust(message.totals)
        return items

    def _frame(self, frame: RoomFrame, now_ms: float) -> list[Item]:
        if self.phase is not Phase.LIVE:
            return []  # the answer to our subscribe stands at or after this frame
        if frame.epoch != self.epoch:
            return self._new_epoch(frame, now_ms)
        events = frame.events
        if frame.offset <= self.offset:
            return []
        if events and events[0].offset <= self.offset:
            events = [event for event in events if event.offset > self.offset]
        if events and events[0].offset != self.offset + 1 and not self._needs_snapshot:
            self.holes += 1
            self.phase, self.due_ms = Phase.WAITING, now_ms
            return []
        items = self._fold(events)
        self._stand_at(frame)
        if frame.totals is not None:
            self.state.trust(frame.totals)
        return items

    def _new_epoch(self, frame: RoomFrame, now_ms: float) -> list[Item]:
        """Show what is new at once; ranking and combos are whole again with the snapshot that follows."""
        items = self._fold(frame.events)
        self._stand_at(frame)
        if frame.totals is not None:
            self.state.trust(frame.totals)
        self._needs_snapshot = True
        self.due_ms = now_ms + SNAPSHOT_WAIT_MS
        return items

    def _restore(self, at: SnapshotPush | Subscribed, snapshot: Snapshot) -> Restored:
        self.state.restore(snapshot)
        self._stand_at(at)
        self._needs_snapshot = False
        if self.phase is Phase.LIVE:
            self.due_ms = None
        return Restored(at.room, at.epoch, at.offset, snapshot)

    def forget_place(self) -> None:
        """Begin with a snapshot, whatever was missed."""
        self.epoch = self.cursor = None

    def _stand_at(self, at: SnapshotPush | Subscribed | RoomFrame) -> None:
        self.epoch, self.offset = at.epoch, at.offset
        if not isinstance(at, SnapshotPush) and at.cursor is not None:
            self.cursor = at.cursor

    def _fold(self, events: list[AnyEvent]) -> list[Item]:
        for event in events:
            self.state.fold(event)
        return self._new_of(events)

    def _new_of(self, events: list[AnyEvent]) -> list[Item]:
        is_new = self._shown.add
        return [event for event in events if not isinstance(event, OtherEvent) and is_new(event.event_id)]
