"""The checker: what every viewer saw, against what was settled. Pure: messages and times in, a verdict out.

It looks at messages before the SDK judges them, or the SDK's own dedupe would hide what it is to find.
- *doubled*: an event twice within one epoch of a room (under a new epoch a repeat is allowed and viewers drop it), an
  event that belongs to no settled gift, or totals above the sum of what was settled.
- *lost*: a settled gift that a viewer did not see. A viewer who was given a snapshot instead of events is excused
  exactly if its final totals equal the sum of all settled gifts.
- *out of order*: an event whose offset is not the last one's + 1 in its epoch.
- *open combos*: seen to open, neither seen to end nor absent from a later snapshot.
"""

from dataclasses import dataclass, field

from livegift_client.events import AnyEvent, GiftEvent, Totals
from livegift_client.messages import RoomFrame, RoomMessage, SnapshotPush, Subscribed

from loadtests.histogram import Histogram
from loadtests.room_book import RoomBook, Viewer, Wanted


@dataclass(slots=True)
class Verdict:
    """Figures of one run, and sentences for what went wrong."""

    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    combos_open: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.out_of_order or self.combos_open or self.failures)


class SeenLedger:
    """All viewers of a run."""

    def __init__(self) -> None:
        self.rooms: dict[str, RoomBook] = {}
        self.latency = Histogram()
        """From planned to seen by another viewer, in ms."""
        self.sightings = 0
        self.deliveries = 0
        """Events that came, of any kind, at all viewers together."""
        self.newest_planned_ms = 0.0
        """Of the gifts that were seen, when the latest was planned."""
        self._doubled = 0
        self._out_of_order = 0

    @property
    def shown(self) -> int:
        """Gifts that somebody saw."""
        return sum(len(book.gifts) for book in self.rooms.values())

    def viewer(self, room: str, person: int) -> Viewer:
        """Enter a viewer who watches from the start."""
        book = self.rooms.setdefault(room, RoomBook())
        viewer = Viewer(book, person)
        book.viewers.append(viewer)
        return viewer

    def note_accepted(self, room: str, event_id: str, *, person: int, planned_ms: float) -> None:
        """The sender learnt the event's id."""
        book = self.rooms[room]
        ordinal = book.ordinal(event_id)
        book.wanted[ordinal] = Wanted(person, planned_ms)
        for witness, at_ms in book.early.pop(ordinal, ()):
            self._record(book, book.wanted[ordinal], witness, at_ms)

    def note_settled(self, room: str, event_id: str, *, coins: int, count: int) -> None:
        """The gift is in the book."""
        self.rooms[room].settled[event_id] = (coins, count)

    def observe(self, viewer: Viewer, message: RoomMessage, *, at_ms: float) -> None:
        """A viewer got a message. Frames that the SDK leaves aside (it waits for an answer) must not come here."""
        if isinstance(message, RoomFrame):
            self._enter(viewer, message.epoch)
            self._take(viewer, message.events, at_ms)
            viewer.totals = message.totals or viewer.totals
        elif isinstance(message, SnapshotPush):
            self._restore(viewer, message)
        else:
            assert isinstance(message, Subscribed), "bots follow the viewers' feed"
            self._subscribed(viewer, message, at_ms)

    def _subscribed(self, viewer: Viewer, message: Subscribed, at_ms: float) -> None:
        viewer.joins += 1
        if message.snapshot is not None:
            self._restore(viewer, message)
            return
        if viewer.epoch != message.epoch:
            self._enter(viewer, message.epoch)
        coins, gifts = viewer.totals.coins, viewer.totals.gifts
        fresh = [event for event in message.events if event.offset > viewer.offset]
        for event in fresh:
            if isinstance(event, GiftEvent):
                coins, gifts = coins + event.coins, gifts + event.count
        self._take(viewer, fresh, at_ms)
        viewer.totals = Totals(coins, gifts, viewer.totals.senders)

    def _restore(self, viewer: Viewer, message: SnapshotPush | Subscribed) -> None:
        assert message.snapshot is not None
        if viewer.epoch is not None:
            viewer.snapshots += 1
        self._enter(viewer, message.epoch)
        viewer.offset, viewer.totals = message.offset, message.snapshot.totals
        viewer.combos = {combo.id for combo in message.snapshot.combos}

    def _enter(self, viewer: Viewer, epoch: str) -> None:
        if viewer.epoch != epoch:
            viewer.epoch, viewer.offset = epoch, -1 if viewer.epoch_number else viewer.offset
            viewer.epoch_number = viewer.epoch_number % 255 + 1

    def _take(self, viewer: Viewer, events: list[AnyEvent], at_ms: float) -> None:
        book, marks, tag = viewer.room, viewer.marks, viewer.epoch_number
        entries = book.enter(events)
        self.deliveries += len(entries)
        if len(marks) < len(book.ordinals):
            marks.extend(bytes(len(book.ordinals) - len(marks) + 256))
        for ordinal, offset, is_gift, combo in entries:
            if viewer.offset >= 0 and offset != viewer.offset + 1:
                self._out_of_order += 1
            viewer.offset = offset
            if combo is not None:
                (viewer.combos.add if is_gift else viewer.combos.discard)(combo)
            before = marks[ordinal]
            marks[ordinal] = tag
            if before == tag:
                self._doubled += 1
            elif before == 0 and is_gift:
                self._sight(book, ordinal, viewer.person, at_ms)

    def _sight(self, book: RoomBook, ordinal: int, person: int, at_ms: float) -> None:
        wanted = book.wanted.get(ordinal)
        if wanted is None:
            book.early.setdefault(ordinal, []).append((person, at_ms))
        else:
            self._record(book, wanted, person, at_ms)

    def time(self, book: RoomBook, took_ms: float) -> None:
        """Somebody saw a gift so long after it was planned."""
        self.latency.record(took_ms)
        if book.apart is not None:
            book.apart.record(took_ms)

    def _record(self, book: RoomBook, wanted: Wanted, person: int, at_ms: float) -> None:
        if wanted.person != person:
            self.sightings += 1
            self.time(book, at_ms - wanted.planned_ms)
            self.newest_planned_ms = max(self.newest_planned_ms, wanted.planned_ms)

    def verdict(self) -> Verdict:
        """Judge what has been seen so far. Right at the end of a run, and before it says what is still awaited."""
        verdict = Verdict(doubled=self._doubled, out_of_order=self._out_of_order)
        for name, book in self.rooms.items():
            _judge_room(name, book, verdict)
        return verdict


def _judge_room(name: str, book: RoomBook, verdict: Verdict) -> None:
    coins, gifts = book.sums()
    settled = {book.ordinal(event_id) for event_id in book.settled}
    ghosts = book.gifts - settled
    if ghosts:
        verdict.doubled += len(ghosts)
        verdict.failures.append(f"room {name}: {len(ghosts)} gifts were shown that are not settled")
    missing: set[int] = set()
    strangers: list[str] = []
    is_more = is_less = False
    for viewer in book.viewers:
        found = (viewer.totals.coins, viewer.totals.gifts)
        agrees = found == (coins, gifts)
        if not (viewer.snapshots and agrees):
            missing |= {ordinal for ordinal in settled if not viewer.has_seen(ordinal)}
        if not agrees:
            strangers.append(f"viewer {viewer.person} on {found[0]} coins in {found[1]} gifts")
            is_more |= found > (coins, gifts)
            is_less |= found < (coins, gifts)
    verdict.lost += len(missing) or is_less
    verdict.doubled += is_more and not verdict.doubled
    if strangers:
        ends = f"{len(strangers)} viewers end on other sums than the {coins} coins in {gifts} gifts settled"
        verdict.failures.append(f"room {name}: {ends}, the first, {strangers[0]}")
    verdict.combos_open += len(set().union(*(viewer.combos for viewer in book.viewers)))
