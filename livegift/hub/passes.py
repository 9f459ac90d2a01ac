"""A pass: what was pending in a room goes out to everyone who stood there when it began, each in one write.

A large room's pass is made in chunks, so people come, go, lag and catch up while it is under way. What keeps that
simple, and is tried in tests/unit/hub/test_passes.py:

1. Who waits for the pass stands just before its first event, everybody else who stands in the room at its last.
2. Who leaves, or is told anew where it stands, waits no more (``Room.leave``, ``Room.hold``); nobody begins to wait.
3. The next pass begins when nobody waits for this one; until then what comes in is pending.
"""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from livegift.domain.cursor import Marks, Place
from livegift.hub.frames import Feed, Seal, framed, room_frame
from livegift.hub.viewer import Viewer
from livegift.wire.codec import Codec
from livegift.wire.folds import Fold
from livegift.wire.messages import AnyEvent, Message

Audiences = dict[tuple[Codec, Feed], dict[Viewer, None]]
"""A room's viewers by what they are written: all of one audience get the same bytes."""

FRAME_EVENTS_MAX = 64
"""Events of several folds that share a frame, about 30 kB; clients refuse frames without end."""


class Pass:
    """One pass: of folds, of ``news`` that stand outside the sequence, or of both.

    It has still to reach the ``audiences``, but for those who are ``excused``.
    """

    __slots__ = ("_audiences", "_excused", "_folds", "_frames", "_marks", "_news", "_room_id", "_seal", "offset")

    def __init__(
        self,
        room_id: str,
        folds: Sequence[Fold],
        audiences: Audiences,
        excused: set[Viewer],
        *,
        offset: int,
        marks: Marks,
        seal: Seal,
        news: Message | None = None,
    ) -> None:
        self.offset = offset
        self._audiences = [(codec, feed, list(viewers)) for (codec, feed), viewers in audiences.items() if viewers]
        self._excused = excused
        self._room_id = room_id
        self._folds = folds
        self._news = news
        self._marks, self._seal = marks, seal
        self._frames: dict[tuple[str, Feed, int], bytes] = {}

    def excuse(self, viewer: Viewer) -> None:
        """Let a viewer wait no more."""
        self._excused.add(viewer)

    def next_chunk(self, viewers_max: int) -> tuple[Codec, Feed, list[Viewer]] | None:
        """Take viewers who all get the same bytes, and who wait no more now; None if nobody waits."""
        while self._audiences:
            codec, feed, viewers = self._audiences[-1]
            chunk = viewers[-viewers_max:]
            del viewers[-viewers_max:]
            if not viewers:
                self._audiences.pop()
            if self._excused:
                chunk = [viewer for viewer in chunk if viewer not in self._excused]
            if chunk:
                return codec, feed, chunk
        return None

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more; True at the latest once ``next_chunk`` has said so."""
        return not self._audiences

    def waiting(self) -> set[Viewer]:
        """Return those whom the pass has still to reach."""
        return {viewer for _, _, viewers in self._audiences for viewer in viewers} - self._excused

    def frames(self, codec: Codec, feed: Feed, after: int = 0) -> bytes:
        """Return the pass' frames in one piece, or of them what comes after an offset; encoded once."""
        key = (codec.subprotocol, feed, after)
        frames = self._frames.get(key)
        if frames is None:
            frames = b""
            if self._folds:
                frames = joined(
                    self._room_id, self._folds, codec, feed, after=after, marks=self._marks, seal=self._seal
                )
            if self._news is not None:
                frames += framed(codec, self._news)
            self._frames[key] = frames
        return frames


def joined(
    room_id: str, folds: Sequence[Fold], codec: Codec, feed: Feed, *, after: int = 0, marks: Marks, seal: Seal
) -> bytes:
    """Return the events after an offset as frames in one piece; folds share a frame as long as it stays small.

    ``marks`` are the room's before these folds; the creator's frames carry those at their end, in a cursor.
    """
    frames: list[bytes] = []
    events: list[AnyEvent] = []
    totals, marks = folds[0].totals, marks.copy()

    def frame() -> bytes:
        epoch = folds[0].epoch
        cursor: str | UnsetType = UNSET
        if feed == "creator":
            cursor = seal(room_id, Place(epoch, events[-1].offset, totals.coins, totals.gifts, marks))
        return framed(codec, room_frame(room_id, epoch, events, totals, feed, cursor))

    for fold in folds:
        own = [event for event in fold.events if event.offset > after]
        if events and len(events) + len(own) > FRAME_EVENTS_MAX:
            frames.append(frame())
            events = []
        events, totals = events + own, fold.totals
        marks |= fold.marks
    if events:
        frames.append(frame())
    return b"".join(frames)
