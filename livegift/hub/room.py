"""One room in one process: its viewers, where they stand, and what has come and not yet gone out.

Everybody stands at the room's own (epoch, offset) but for two kinds: who is *joining* (its snapshot or history is
being read; what comes meanwhile is kept for it) and who has *lagged* (its buffer was over the limit; it gets no more
frames until a snapshot). Pure but for writing to viewers.
"""

from collections.abc import Sequence
from typing import Protocol

from livegift.hub.frames import Feed, framed, room_frame
from livegift.wire.codec import Codec
from livegift.wire.folds import Fold
from livegift.wire.messages import AnyEvent, Totals


class Viewer(Protocol):
    """A connection, as the hub sees it."""

    codec: Codec

    def write(self, frame: bytes) -> None:
        """Send a whole frame, after those before it."""

    def unsent_bytes(self) -> int:
        """Return how much the peer has not taken yet."""

    def close(self, code: int, reason: str) -> None:
        """Close after what was written."""


class Joining:
    """What a viewer that is being let in has missed since it asked."""

    __slots__ = ("epoch", "events", "totals")

    def __init__(self) -> None:
        self.epoch = ""
        self.events: list[AnyEvent] = []
        self.totals = Totals(0, 0, 0)

    def keep(self, epoch: str, events: Sequence[AnyEvent], totals: Totals) -> None:
        """Keep what is new; a new epoch makes what was kept before worthless."""
        if epoch != self.epoch:
            self.epoch, self.events = epoch, []
        last = self.events[-1].offset if self.events else 0
        self.events += [event for event in events if event.offset > last]
        self.totals = totals

    def after(self, epoch: str, offset: int) -> list[AnyEvent]:
        """Return what was kept after that position."""
        return [event for event in self.events if event.offset > offset] if epoch == self.epoch else []

    def reaches(self, epoch: str, offset: int) -> int | None:
        """Return how far one comes from that position with what was kept; None if there is a hole in it."""
        rest = self.after(epoch, offset)
        return offset + len(rest) if not rest or rest[-1].offset == offset + len(rest) else None


class Room:
    """A room with local viewers."""

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.epoch = ""
        """Empty until the room's position has been read."""
        self.offset = 0
        self.pending: list[AnyEvent] = []
        self.totals = Totals(0, 0, 0)
        self.feeds: dict[Viewer, Feed] = {}
        self.joining: dict[Viewer, Joining] = {}
        self.ahead: dict[Viewer, int] = {}
        """Viewers whose snapshot was newer than what this process has heard: they skip up to there."""
        self.lagging: set[Viewer] = set()
        self.busy_until_ms = 0
        self.moves = 0
        """How often the room was put at a snapshot's place: what was read before may be older than where it stands."""
        self.is_filling = False
        self.has_missed = False
        """A fold came while the room was being filled: fill once more."""

    @property
    def sent(self) -> int:
        """Offset of the last event that viewers who stand here have got."""
        return self.pending[0].offset - 1 if self.pending else self.offset

    def move(self, epoch: str, offset: int, totals: Totals) -> None:
        """Go on at a snapshot's place; whoever stands here must be given that snapshot."""
        self.moves += 1
        self.epoch, self.offset, self.pending, self.totals = epoch, offset, [], totals
        self.ahead.clear()

    def take(self, fold: Fold) -> bool:
        """Take a fold in order; False if something before it is missing, and then nothing is taken."""
        if fold.epoch != self.epoch:
            return False
        events = [event for event in fold.events if event.offset > self.offset]
        if not events:
            return True
        if events[0].offset != self.offset + 1:
            return False
        self.offset = events[-1].offset
        self.pending += events
        self.totals = fold.totals
        return True

    def flush(self, *, buffer_bytes_max: int) -> int:
        """Write what is pending to everyone who stands here; returns the number of writes."""
        events, self.pending = self.pending, []
        if not events:
            return 0
        frames: dict[tuple[str, Feed], bytes] = {}
        writes = 0
        for viewer, feed in list(self.feeds.items()):
            if viewer in self.joining:
                self.joining[viewer].keep(self.epoch, events, self.totals)
            elif viewer in self.lagging:
                continue
            elif viewer in self.ahead:
                self._write_behind(viewer, feed, events)
            elif self._may_write(viewer, feed, buffer_bytes_max):
                key = (viewer.codec.subprotocol, feed)
                frame = frames.get(key)
                if frame is None:
                    message = room_frame(self.room_id, self.epoch, events, self.totals, feed)
                    frame = frames[key] = framed(viewer.codec, message)
                viewer.write(frame)
                writes += 1
        return writes

    def _write_behind(self, viewer: Viewer, feed: Feed, events: Sequence[AnyEvent]) -> None:
        rest = [event for event in events if event.offset > self.ahead[viewer]]
        if rest:
            del self.ahead[viewer]
            viewer.write(framed(viewer.codec, room_frame(self.room_id, self.epoch, rest, self.totals, feed)))

    def _may_write(self, viewer: Viewer, feed: Feed, buffer_bytes_max: int) -> bool:
        if viewer.unsent_bytes() <= buffer_bytes_max:
            return True
        # A creator's feed has no holes: it is told to come back and resumes by offset.
        if feed == "creator":
            self.leave(viewer)
            viewer.close(4501, "the creator feed was too slow")
        else:
            self.lagging.add(viewer)
        return False

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        self.feeds.pop(viewer, None)
        self.joining.pop(viewer, None)
        self.ahead.pop(viewer, None)
        self.lagging.discard(viewer)
