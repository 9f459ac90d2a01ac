"""Whatever happens while a room is written to in chunks, every viewer sees each event once, in order, or a snapshot.

A real hub with chunks of two viewers, whose readings of the stored room come when the test lets them. People join,
ask again, leave, lag and catch up; publications are late, lost, or more than is shown; epochs change. Each viewer
judges what it gets at once; at the end everybody must stand where the stored room stands.
"""

import asyncio
from collections import deque
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from livegift.clock import monotonic_ms
from livegift.domain.cursor import Place
from livegift.errors import Unavailable
from livegift.hub.frames import Feed
from livegift.hub.room import Room
from livegift.wire.messages import Since
from tests.hub_world import BUFFER_BYTES_MAX, ROOM, P, Screen, Stored, cursors, hub_of, messages_in

CHUNK = 2
SETTLING_TURNS = 400
SETTLING_MS = 5_000


class Judge(Screen):
    """A viewer that knows what it may be told next."""

    def __init__(self, feed: Feed = "viewer") -> None:
        super().__init__()
        self.feed: Feed = feed
        self.place: Place | None = None
        """Where the last cursor says that it stands; it has every event since the first one."""
        self.first_seq = 0
        self.seen: set[str] = set()
        self.asked: deque[Since | None] = deque()
        self.at: tuple[str, int] | None = None
        """Where it stands; None while it is in no room."""
        self.last: tuple[str, int] | None = None

    def write(self, frame: bytes) -> None:
        messages = messages_in(frame)
        assert messages
        for message in messages:
            self.judge(message)

    def judge(self, message: dict[str, Any]) -> None:
        if self.feed == "creator":
            self._judge_cursor(message)
        if message["type"] == "missed":
            assert self.asked
            return
        epoch, offset = message["epoch"], message["offset"]
        if message["type"] == "subscribed":
            self.at = self._admitted(message)
        else:
            assert self.at is not None, "told something of a room it is not in"
            if message["type"] == "snapshot":
                self.at = epoch, offset  # perhaps a little back: it was read for all, before this one was let in
            else:
                assert epoch == self.at[0]
                self._take_events(message["events"])
        assert self.at == (epoch, offset)
        self.last = self.at

    def _judge_cursor(self, message: dict[str, Any]) -> None:
        assert message["type"] != "snapshot", "a creator's feed is never put at a snapshot"
        self.seen |= {event["event_id"] for event in message["events"]}
        place = cursors.open(ROOM, message["cursor"])
        if message["type"] != "missed":
            assert place == Place(
                message["epoch"], message["offset"], *(message["offset"],) * 2, {P: message["offset"]}
            )
        if self.place is None:
            self.first_seq = place.marks[P]
        self.place = place
        assert {f"e{seq}" for seq in range(self.first_seq + 1, place.marks[P] + 1)} <= self.seen

    def _admitted(self, message: dict[str, Any]) -> tuple[str, int]:
        assert self.asked, "told of a place it did not ask for"
        since = self.asked[-1]
        if not message["recovered"]:
            return message["epoch"], message["offset"]
        assert since is not None
        self.at = since.epoch, since.offset
        self._take_events(message["events"])
        return self.at

    def _take_events(self, events: list[dict[str, Any]]) -> None:
        assert self.at is not None
        epoch, offset = self.at
        assert [event["offset"] for event in events] == list(range(offset + 1, offset + 1 + len(events)))
        self.at = epoch, offset + len(events)

    def close(self, code: int, reason: str) -> None:
        assert (code, self.feed) == (4501, "creator")
        self.gone()

    def gone(self) -> None:
        self.at = None
        self.asked.clear()


class Gated(Stored):
    """A stored room whose readings wait to be let through."""

    def __init__(self) -> None:
        super().__init__()
        self.readings: list[asyncio.Future[None]] = []

    async def _wait(self) -> None:
        reading = asyncio.get_running_loop().create_future()
        self.readings.append(reading)
        await reading


VIEWERS = st.integers(0, 6)


class Passes(RuleBasedStateMachine):
    """A loop that is turned by hand, a hub in it, and seven people, the last of whom is the creator."""

    @initialize(events_per_s=st.sampled_from([1, 500]))
    def begin(self, events_per_s: int) -> None:
        self.events_per_s = events_per_s
        self.loop = asyncio.new_event_loop()
        self.raised: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.raised.append(context))
        self.stored = Gated()
        self.heard: deque[bytes] = deque()
        self.people = [Judge() for _ in range(6)] + [Judge("creator")]
        self.tasks: list[asyncio.Task[None]] = []
        self.loop.run_until_complete(self._make_hub())
        self.first = Judge()
        for judge in (self.first, *self.people):
            self._join(judge, None)
        while self.first.at is None or any(judge.at is None for judge in self.people):
            self.turn()
            self.let_through(0)

    async def _make_hub(self) -> None:
        self.hub = hub_of(self.stored, chunk_viewers=CHUNK, events_per_s=self.events_per_s)
        self.running = asyncio.create_task(self.hub.run())

    def _start(self, work: Any) -> None:
        self.tasks.append(self.loop.create_task(work))

    def _join(self, judge: Judge, since: Since | None) -> None:
        judge.asked.append(since)

        async def join() -> None:
            try:
                await self.hub.join(judge, ROOM, judge.feed, since, 1, judge.place)
            except Unavailable:
                if judge.at is None:
                    judge.gone()

        judge.at = None
        self._start(join())

    @rule(count=st.integers(1, 3), fate=st.sampled_from(["heard", "late", "lost"]))
    def publish(self, count: int, fate: str) -> None:
        blob = self.stored.publish(count)
        if fate != "lost":
            self.heard.append(blob)
        if fate == "heard":
            self.hear()

    @rule()
    def hear(self) -> None:
        while self.heard:
            self.loop.call_soon(self.hub.take, ROOM, self.heard.popleft())
        self.turn()

    @rule(who=VIEWERS, resumes=st.booleans())
    def join(self, who: int, resumes: bool) -> None:
        judge = self.people[who]
        self.turn()  # what was asked before has begun
        self._join(judge, Since(*judge.last) if resumes and judge.last else None)
        self.hub.leave(judge, ROOM)
        self.turn()

    @rule(who=VIEWERS)
    def leave(self, who: int) -> None:
        self.hub.leave(self.people[who], ROOM)
        self.people[who].gone()

    @rule(who=VIEWERS)
    def lag(self, who: int) -> None:
        self.people[who].unsent = BUFFER_BYTES_MAX + 1

    @rule(who=VIEWERS)
    def take_everything(self, who: int) -> None:
        judge = self.people[who]
        if judge.unsent:
            judge.unsent = 0
            if self.hub.lags(judge, (ROOM,)):
                self._start(self.hub.caught_up(judge, (ROOM,)))

    def turn(self) -> None:
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    @rule(count=st.integers(1, 4))
    def turn_some(self, count: int) -> None:
        for _ in range(count):
            self.turn()

    @rule(at=st.integers(0, 3))
    def let_through(self, at: int) -> None:
        readings = [reading for reading in self.stored.readings if not reading.done()]
        if readings:
            readings[at % len(readings)].set_result(None)
            self.turn()

    @rule()
    def compare(self) -> None:
        self._start(self.hub.compare())

    @rule()
    def forget_the_history(self) -> None:
        self.stored.folds.clear()

    @precondition(lambda self: self.stored.epoch < "8")
    @rule()
    def make_the_room_anew(self) -> None:
        self.stored.epoch = str(int(self.stored.epoch) + 1)

    @property
    def room(self) -> Room:
        return self.hub._rooms[ROOM]

    @invariant()
    def nothing_was_raised(self) -> None:
        assert self.raised == []
        assert not self.running.done()
        for task in self.tasks:
            if task.done():
                task.result()

    @invariant()
    def who_waits_stands_in_the_room(self) -> None:
        if self.room.under_way is None:
            return
        waiting = self.room.under_way.waiting()
        assert waiting <= self.room.feeds.keys()
        assert not waiting & (self.room.joining.keys() | self.room.lagging)

    def is_joining(self) -> bool:
        return any(judge.asked and judge.at is None for judge in self.people)

    def teardown(self) -> None:
        try:
            for judge in self.people:
                judge.unsent = 0
            self.hear()
            number, until_ms = 0, monotonic_ms() + SETTLING_MS
            # Who waits for a creator to read looks again a little later by the clock, which turns don't move.
            while number < SETTLING_TURNS or (self.is_joining() and monotonic_ms() < until_ms):
                self.let_through(0)
                if number % 20 == 0:
                    self.compare()
                self.turn()
                self.nothing_was_raised()
                number += 1
            place = self.stored.epoch, self.stored.offset
            for judge in (self.first, *self.people):
                if judge.asked:
                    assert judge.at == place
                    assert judge in self.room.feeds
                else:
                    assert judge not in self.room.feeds
        finally:
            self.running.cancel()
            for task in self.tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(self.running, *self.tasks, return_exceptions=True))
            self.loop.close()


TestPasses = Passes.TestCase
TestPasses.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
