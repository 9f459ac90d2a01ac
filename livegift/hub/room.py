"""One room in one process: its viewers, where they stand, and what has come and not yet gone out.

Everybody stands at the room's own (epoch, offset) but for these kinds: who is *joining* (its snapshot or history is
being read; what comes meanwhile is kept for it) and who has *lagged* (its buffer was over the limit; it gets no more
frames until a snapshot), and while a pass is under way those it has still to reach. Pure but for writing to viewers.
"""

from collections.abc import Sequence

from livegift.hub.frames import Feed
from livegift.hub.passes import Audiences, Pass
from livegift.hub.viewer import Viewer, WriteToAll, offer_each
from livegift.wire.folds import Fold
from livegift.wire.messages import AnyEvent, Totals


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

    def __init__(self, room_id: str, write_to_all: WriteToAll = offer_each) -> None:
        self.room_id = room_id
        self._write_to_all = write_to_all
        self.epoch = ""
        """Empty until the room's position has been read."""
        self.offset = 0
        self.pending: list[Fold] = []
        """What waits for the next pass."""
        self.under_way: Pass | None = None
        self.totals = Totals(0, 0, 0)
        self.feeds: dict[Viewer, Feed] = {}
        self._audiences: Audiences = {}
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
        """Offset of the last event that viewers who stand here have got, or will get from the pass under way."""
        return self.pending[0].events[0].offset - 1 if self.pending else self.offset

    def move(self, epoch: str, offset: int, totals: Totals) -> None:
        """Go on at a snapshot's place; whoever stands here must be given that snapshot."""
        self.moves += 1
        self.epoch, self.offset, self.pending, self.totals = epoch, offset, [], totals
        self.under_way = None
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
        self.pending.append(Fold(fold.epoch, fold.offset, fold.totals, events))
        self.totals = fold.totals
        return True

    def begin_pass(self) -> None:
        """Begin to write what is pending to everyone who stands here; there must be no pass under way."""
        assert self.under_way is None
        folds, self.pending = self.pending, []
        if not folds:
            return
        for missed in self.joining.values():
            for fold in folds:
                missed.keep(fold.epoch, fold.events, fold.totals)
        self.under_way = Pass(self.room_id, folds, self._audiences, {*self.joining, *self.lagging})

    def write_on(self, *, viewers_max: int, buffer_bytes_max: int) -> int:
        """Go on with the pass for so many viewers, if there is one; returns the number of writes."""
        under_way, writes = self.under_way, 0
        if under_way is None:
            return 0
        while viewers_max > 0 and (chunk := under_way.next_chunk(viewers_max)):
            codec, feed, viewers = chunk
            viewers_max -= len(viewers)
            if self.ahead and (ahead := [viewer for viewer in viewers if viewer in self.ahead]):
                writes += sum(self._write_ahead(under_way, viewer, feed, buffer_bytes_max) for viewer in ahead)
                held_up = set(ahead)
                viewers = [viewer for viewer in viewers if viewer not in held_up]
            late = self._write_to_all(viewers, under_way.frames(codec, feed), buffer_bytes_max)
            for viewer in late:
                self._leave_behind(viewer, feed)
            writes += len(viewers) - len(late)
        if under_way.is_over:
            self.under_way = None
        return writes

    def _write_ahead(self, under_way: Pass, viewer: Viewer, feed: Feed, buffer_bytes_max: int) -> int:
        """Write what comes after the viewer's snapshot, if anything does."""
        after = self.ahead[viewer]
        if after >= under_way.offset:
            return 0
        del self.ahead[viewer]
        if viewer.offer(under_way.frames(viewer.codec, feed, after), buffer_bytes_max):
            return 1
        self._leave_behind(viewer, feed)
        return 0

    def _leave_behind(self, viewer: Viewer, feed: Feed) -> None:
        # A creator's feed has no holes: it is told to come back and resumes by offset.
        if feed == "creator":
            self.leave(viewer)
            viewer.close(4501, "the creator feed was too slow")
        else:
            self.lagging.add(viewer)

    def hold(self, viewer: Viewer) -> Joining:
        """Keep what comes from now on for a viewer that will be told where it stands; no pass reaches it any more."""
        missed = self.joining[viewer] = Joining()
        if self.under_way is not None:
            self.under_way.excuse(viewer)
        return missed

    def enter(self, viewer: Viewer, feed: Feed) -> None:
        """Let a viewer in who is not here, at the place where the room stands."""
        self.feeds[viewer] = feed
        self._audiences.setdefault((viewer.codec, feed), {})[viewer] = None

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        feed = self.feeds.pop(viewer, None)
        if feed is not None:
            del self._audiences[viewer.codec, feed][viewer]
        self.joining.pop(viewer, None)
        self.ahead.pop(viewer, None)
        self.lagging.discard(viewer)
        if self.under_way is not None:
            self.under_way.excuse(viewer)
