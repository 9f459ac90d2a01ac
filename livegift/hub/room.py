"""One room in one process: its viewers, where they stand, and what has come and not yet gone out.

Everybody stands at the room's own (epoch, offset) but for these kinds: who is *joining* (its snapshot or history is
being read), who is *ahead* (it was told more than has gone out), who has *lagged* (its buffer was over the limit; it
gets no more frames until a snapshot), and while a pass is under way those it has still to reach. The room remembers
its last events, for those who come back and for what comes while somebody joins. Pure but for writing to viewers.
"""

from collections import deque
from collections.abc import Callable
from itertools import islice

from livegift.domain.cursor import Marks, Place
from livegift.domain.headcount import Headcount, person_hash
from livegift.hub.frames import Feed, Seal
from livegift.hub.meter import EVENTS_PER_S, Meter
from livegift.hub.passes import Audiences, Pass
from livegift.hub.viewer import Viewer, WriteToAll, offer_each
from livegift.wire.folds import Fold, History
from livegift.wire.messages import AnyEvent, Message, Totals, ViewersPush

RECENT_EVENTS_MAX = 4_096
"""Events that a room remembers, about 4 MB; who was away for longer is told from the stored history."""
HEARD_FOLDS_MAX = 256
"""Folds kept for a room whose position is being read; with more it is filled from the history."""
TELL_MS, TELL_VIEWERS_PER_MS = 2_000, 4
"""Between two tellings of the number of viewers: 2 s, and 0.25 ms a viewer here, 50 times what telling it costs."""
TELL_SHARE = 50
TELL_ANYWAY_MS = 30_000
"""After so long even one more or less is told."""
REPLIES_BYTES_MAX = 1 << 20


class Replies:
    """Frames that are the same for many, encoded once; all are forgotten when they are too many bytes."""

    __slots__ = ("_bytes", "_made")

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], bytes] = {}
        self._bytes = 0

    def get(self, key: tuple[object, ...], encode: Callable[[], bytes]) -> bytes:
        """Return the frame that ``key`` names, which says everything that it depends on."""
        frame = self._made.get(key)
        if frame is None:
            frame = encode()
            if self._bytes + len(frame) > REPLIES_BYTES_MAX:
                self.clear()
            self._made[key] = frame
            self._bytes += len(frame)
        return frame

    def clear(self) -> None:
        """Forget them."""
        self._made.clear()
        self._bytes = 0


class Room:
    """A room with local viewers."""

    def __init__(
        self,
        room_id: str,
        seal: Seal,
        write_to_all: WriteToAll = offer_each,
        events_per_s: int = EVENTS_PER_S,
    ) -> None:
        self.room_id = room_id
        self.meter = Meter(events_per_s)
        self._seal = seal
        self._write_to_all = write_to_all
        self.epoch = ""
        """Empty until the room's position has been read."""
        self.offset = 0
        self.pending: list[Fold] = []
        """What waits for the next pass."""
        self.under_way: Pass | None = None
        self.totals = Totals(0, 0, 0)
        self.marks: Marks = {}
        """Where the partitions stand at ``offset``."""
        self._passed: Marks = {}
        """Where they stood after the last pass that has begun."""
        self.feeds: dict[Viewer, Feed] = {}
        self._audiences: Audiences = {}
        self.joining: dict[Viewer, object] = {}
        """Who is being let in or caught up, each with a token of that asking."""
        self.ahead: dict[Viewer, int] = {}
        """Viewers whose snapshot was newer than what this process has heard: they skip up to there."""
        self.lagging: set[Viewer] = set()
        self.busy_until_ms = 0
        self.moves = 0
        """How often the room was put at a snapshot's place: what was read before may be older than where it stands."""
        self.is_following = False
        """Viewers who skipped what was too much will get their snapshot."""
        self.follow_at_ms = 0
        """When they may have the next one."""
        self.is_filling = False
        self.has_missed = False
        """A fold came while the room was being filled: fill once more."""
        self.replies = Replies()
        self.heads = Headcount()
        self.viewers = 0
        """People in all processes, as everybody here was told last."""
        self.told_ms = 0
        self.news: Message | None = None
        """What stands outside the sequence and leaves with the next pass."""
        self.empty_looks = 0
        """How many looks in a row have found nobody here."""
        self._recent: deque[AnyEvent] = deque(maxlen=RECENT_EVENTS_MAX)
        """The last events up to ``offset``, without a gap."""
        self._fresh_events = 0
        self._heard: list[Fold] = []

    @property
    def sent(self) -> int:
        """Offset of the last event that viewers who stand here have got, or will get from the pass under way."""
        return self.pending[0].events[0].offset - 1 if self.pending else self.offset

    # --- what it remembers ---

    @property
    def known_after(self) -> int:
        """Offset after which the room remembers every event."""
        return self.offset - len(self._recent)

    def after(self, offset: int) -> list[AnyEvent]:
        """Return the events after an offset, which must be at least ``known_after``."""
        assert offset >= self.known_after, f"asked after {offset}, known after {self.known_after}"
        return list(islice(self._recent, offset - self.known_after, None))

    def remember(self, history: History) -> None:
        """Remember what was read of the time before."""
        known_after = self.known_after
        if history.epoch != self.epoch or not history.after < known_after <= history.offset:
            return
        earlier = [event for fold in history.folds for event in fold.events if event.offset <= known_after]
        room_left = RECENT_EVENTS_MAX - len(self._recent)
        self._recent.extendleft(reversed([event for event in earlier if event.offset > history.after][-room_left:]))

    def fade(self) -> None:
        """Forget what was remembered at the last call already: called now and then, it bounds what quiet rooms hold."""
        while len(self._recent) > self._fresh_events:
            self._recent.popleft()
        self._fresh_events = 0
        self.replies.clear()

    # --- where it stands ---

    @property
    def cursor(self) -> str:
        """The cursor of who has got everything up to ``offset``."""
        return self._seal(
            self.room_id, Place(self.epoch, self.offset, self.totals.coins, self.totals.gifts, self.marks)
        )

    def hear(self, fold: Fold) -> None:
        """Keep a fold until the room's position has been read."""
        if len(self._heard) < HEARD_FOLDS_MAX:
            self._heard.append(fold)

    def begin(self, epoch: str, offset: int, totals: Totals, marks: Marks) -> bool:
        """Stand at a position that was read, and take what was heard since; False if there is a hole in that."""
        assert not self.epoch
        self.epoch, self.offset, self.totals = epoch, offset, totals
        self.marks, self._passed = marks.copy(), marks
        heard, self._heard = self._heard, []
        return len(heard) < HEARD_FOLDS_MAX and all(self.take(fold) for fold in heard)

    def move(self, epoch: str, offset: int, totals: Totals, marks: Marks) -> None:
        """Go on at a snapshot's place; whoever stands here must be given that snapshot."""
        self.moves += 1
        self._recent.clear()
        self._fresh_events = 0
        self.epoch, self.offset, self.pending, self.totals = epoch, offset, [], totals
        self.marks, self._passed = marks.copy(), marks
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
        self.pending.append(Fold(fold.epoch, fold.offset, fold.totals, events, fold.marks))
        self._recent.extend(events)
        self._fresh_events += len(events)
        self.totals = fold.totals
        self.marks |= fold.marks
        return True

    @property
    def pending_events(self) -> int:
        """How many events wait for the next pass."""
        return sum(len(fold.events) for fold in self.pending)

    def skip(self) -> None:
        """Let all viewers but creators' feeds do without what is pending: they lag, and get a snapshot later."""
        skipping = {viewer for viewer, feed in self.feeds.items() if feed == "viewer"} - self.joining.keys()
        self.lagging |= skipping
        self.ahead = {viewer: offset for viewer, offset in self.ahead.items() if viewer not in skipping}

    def begin_pass(self) -> None:
        """Begin to write what is pending to everyone who stands here; there must be no pass under way."""
        assert self.under_way is None
        folds, self.pending = self.pending, []
        news, self.news = self.news, None
        if not folds and news is None:
            return
        excused = {*self.joining, *self.lagging}
        self.under_way = Pass(
            *(self.room_id, folds, self._audiences, excused),
            offset=self.offset,
            marks=self._passed,
            seal=self._seal,
            news=news,
        )
        self._passed = self.marks.copy()

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
        # A creator's feed has no holes: it is told to come back and resumes where it was.
        if feed == "creator":
            self.part(viewer, "the creator feed was too slow")
        else:
            self.lagging.add(viewer)

    def hold(self, viewer: Viewer) -> object:
        """Let no pass reach a viewer that will be told where it stands; returns the token of that."""
        held = self.joining[viewer] = object()
        if self.under_way is not None:
            self.under_way.excuse(viewer)
        return held

    def enter(self, viewer: Viewer, feed: Feed) -> None:
        """Let a viewer in who is not here, at the place where the room stands."""
        self.feeds[viewer] = feed
        self._audiences.setdefault((viewer.codec, feed), {})[viewer] = None
        self.heads.enter(person_hash(viewer.person))

    def count(self, viewers: int, now_ms: int) -> bool:
        """Take note of how many people watch in all processes; True if it shall be told to everybody here.

        Not oftener than is cheap: a large room's people are told every few seconds at most, and of a change of 2 %.
        """
        away, waited_ms = abs(viewers - self.viewers), now_ms - self.told_ms
        is_large = away >= max(1, self.viewers // TELL_SHARE) or (away and waited_ms > TELL_ANYWAY_MS)
        if not is_large or waited_ms < TELL_MS + len(self.feeds) // TELL_VIEWERS_PER_MS:
            return False
        self.viewers, self.told_ms = viewers, now_ms
        self.news = ViewersPush(room=self.room_id, viewers=viewers)
        return True

    def part(self, viewer: Viewer, reason: str) -> None:
        """End a creator's feed that can't go on without a hole: it comes back and resumes by its cursor."""
        self.leave(viewer)
        viewer.close(4501, reason)

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        feed = self.feeds.pop(viewer, None)
        if feed is not None:
            del self._audiences[viewer.codec, feed][viewer]
            self.heads.leave(person_hash(viewer.person))
        self.joining.pop(viewer, None)
        self.ahead.pop(viewer, None)
        self.lagging.discard(viewer)
        if self.under_way is not None:
            self.under_way.excuse(viewer)
