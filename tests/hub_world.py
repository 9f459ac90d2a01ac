"""A hub's surroundings as fakes: a stored room whose readings a test can hold up, and viewers that apply it all.

The room has one partition, and its events are its gifts: an event's offset is its seq, also in a later epoch.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from livegift.domain.cursor import Cursors, Marks
from livegift.domain.headcount import Sample
from livegift.errors import Unavailable
from livegift.hub.hub import Hub
from livegift.hub.stored import Rooms
from livegift.wire.codec import JSON, Codec
from livegift.wire.folds import Fold, GiftFact, History, MarkedFact, RoomView, parse_fold
from livegift.wire.messages import GiftInfo, Totals, User

ROOM = "r1"
BUFFER_BYTES_MAX = 100
PAGE = 3
P = 0
cursors = Cursors(b"s" * 32, 1)


class Stored:
    """A stored room: its folds, and a gate before each reading, so that a test decides what comes in between."""

    def __init__(self) -> None:
        self.epoch = "5"
        self.folds: list[Fold] = []
        self.offset = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.fails = False
        self.watching = 0
        """People in all processes."""
        self.samples: dict[str, Sample] = {}
        self.views = self.histories = 0
        """How often each was read."""

    def publish(self, count: int = 1) -> bytes:
        """Store a fold of so many events and return what is published."""
        lines = []
        for _ in range(count):
            self.offset += 1
            lines.append(f"x {self.offset} 0 0 0 e{self.offset}")
        blob = (
            f"{self.epoch} {self.offset} {self.offset} {self.offset} 0 {P}:{self.offset}\n".encode()
            + "\n".join(lines).encode()
        )
        self.folds.append(parse_fold(blob))
        return blob

    async def _wait(self) -> None:
        self.asked.set()
        await self.gate.wait()

    async def view(self, _: str) -> RoomView:
        self.views += 1
        if self.fails:
            raise Unavailable("the engine is away")
        found = RoomView(
            self.epoch, self.offset, False, False, Totals(self.offset, self.offset, 0), 0, [], [], {P: self.offset}
        )
        await self._wait()
        return found

    async def since(self, _: str, epoch: str, offset: int) -> History | None:
        self.histories += 1
        found: History | None = None
        if epoch == self.epoch and offset <= self.offset:
            folds = [fold for fold in self.folds if fold.offset > offset and fold.epoch == epoch]
            after = max(offset, folds[0].events[0].offset - 1 if folds else self.offset)
            found = History(epoch, after, self.offset, folds, Totals(self.offset, self.offset, 0), {P: self.offset})
        await self._wait()
        return found if epoch == self.epoch else None

    async def missed(self, _: str, after: Marks, upto: Marks) -> AsyncIterator[list[MarkedFact]]:
        if self.fails:
            raise Unavailable("the book is away")
        for start in range(after.get(P, 0) + 1, upto[P] + 1, PAGE):
            await self._wait()
            yield [MarkedFact(P, seq, fact(seq)) for seq in range(start, min(start + PAGE, upto[P] + 1))]

    async def positions(self, _: list[str]) -> dict[str, tuple[str, int]]:
        return {ROOM: (self.epoch, self.offset)}

    async def count_viewers(self, worker: str, samples: Mapping[str, Sample]) -> None:
        self.samples |= samples

    async def viewers(self, rooms: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(rooms, self.watching)


def fact(seq: int) -> GiftFact:
    """Return the gift of an event as the book has it."""
    gift = GiftInfo("rose", "Rose", 1, 1)
    return GiftFact(f"e{seq}", seq, User("ann", "Ann"), User("luna", "Luna"), gift, 1, 1, 1, None)


class Screen:
    """A viewer that applies what it is told, as a client would, and notes every offset it was shown."""

    codec: Codec = JSON

    @property
    def person(self) -> str:
        return f"person-{id(self)}"

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.unsent = 0
        self.closed: int | None = None

    def write(self, frame: bytes) -> None:
        self.messages += messages_in(frame)

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        if self.unsent > unsent_bytes_max:
            return False
        self.write(frames)
        return True

    def unsent_bytes(self) -> int:
        return self.unsent

    def close(self, code: int, reason: str) -> None:
        self.closed = code
        assert code == 4501, reason

    def offsets(self) -> list[int | str]:
        """Every event's offset in order (its id if it has none); a snapshot stands as ``@offset``."""
        shown: list[int | str] = []
        for message in self.messages:
            if message.get("snapshot"):
                shown.append(f"@{message['offset']}")
            shown += [event.get("offset", event["event_id"]) for event in message.get("events", [])]
        return shown


def messages_in(frames: bytes) -> list[dict[str, Any]]:
    """Return what stands in the server's whole frames, of which there may be several in one write."""
    found = []
    while len(frames) >= 10:
        length, head = frames[1], 2
        if length >= 126:
            head = 4 if length == 126 else 10
            length = int.from_bytes(frames[2:head], "big")
        if len(frames) < head + length:
            break
        found.append(json.loads(frames[head : head + length]))
        frames = frames[head + length :]
    return found


class Subscription:
    """The engine's pub/sub, of which these tests need nothing: they hand folds over themselves."""

    subscribed = False

    async def subscribe(self, *_: str) -> None: ...
    async def unsubscribe(self, *_: str) -> None: ...
    async def aclose(self) -> None: ...
    async def get_message(self, timeout: float) -> None:
        await asyncio.Event().wait()


class Engine:
    def pubsub(self, **_: object) -> Subscription:
        return Subscription()


def hub_of(stored: Stored, **changes: int) -> Hub:
    """Return a hub that reads ``stored``; folds are handed to it by the test."""
    rooms = Rooms(
        channel=lambda room: room,
        view=stored.view,
        since=stored.since,
        missed=stored.missed,
        positions=stored.positions,
        count_viewers=stored.count_viewers,
        viewers=stored.viewers,
        seal=cursors.seal,
    )
    settings: dict[str, Any] = {"tick_ms": 0, "buffer_bytes_max": BUFFER_BYTES_MAX, "reading_pause_ms": 0} | changes
    return Hub(Engine(), rooms, worker="w", **settings)  # type: ignore[arg-type]
