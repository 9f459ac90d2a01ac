"""The hub's joins and catch-ups: whatever comes while a snapshot is being read, nobody has a hole or a double."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from livegift.errors import Unavailable
from livegift.hub.hub import Hub, Rooms
from livegift.wire.codec import JSON, Codec
from livegift.wire.folds import Fold, History, RoomView, parse_fold
from livegift.wire.messages import Since, Totals
from tests.world import until

ROOM = "r1"


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

    def publish(self, count: int = 1) -> bytes:
        """Store a fold of so many events and return what is published."""
        lines = []
        for _ in range(count):
            self.offset += 1
            lines.append(f"x {self.offset} 0 0 0 e{self.offset}")
        blob = f"{self.epoch} {self.offset} {self.offset} 0 0\n".encode() + "\n".join(lines).encode()
        self.folds.append(parse_fold(blob))
        return blob

    async def _wait(self) -> None:
        self.asked.set()
        await self.gate.wait()

    async def view(self, _: str) -> RoomView:
        if self.fails:
            raise Unavailable("the engine is away")
        found = RoomView(self.epoch, self.offset, False, False, Totals(self.offset, 0, 0), 0, [], [])
        await self._wait()
        return found

    async def since(self, _: str, epoch: str, offset: int) -> History | None:
        folds = [fold for fold in self.folds if fold.offset > offset and fold.epoch == epoch]
        await self._wait()
        return History(folds, Totals(self.offset, 0, 0)) if epoch == self.epoch else None

    async def positions(self, _: list[str]) -> dict[str, tuple[str, int]]:
        return {ROOM: (self.epoch, self.offset)}

    async def count_viewers(self, room: str, worker: str, viewers: int) -> None:
        """Nobody asks in these tests."""

    async def viewers(self, _: str) -> int:
        return 1


class Screen:
    """A viewer that applies what it is told, as a client would, and notes every offset it was shown."""

    codec: Codec = JSON

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.unsent = 0

    def write(self, frame: bytes) -> None:
        self.messages.append(json.loads(frame[frame.index(b"{") :]))

    def unsent_bytes(self) -> int:
        return self.unsent

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"closed with {code}")

    def offsets(self) -> list[int | str]:
        """Every event's offset in order; a snapshot stands as ``@offset``."""
        shown: list[int | str] = []
        for message in self.messages:
            if message.get("snapshot"):
                shown.append(f"@{message['offset']}")
            shown += [event["offset"] for event in message.get("events", [])]
        return shown


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


@pytest.fixture
async def stored() -> Stored:
    return Stored()


@pytest.fixture
async def hub(stored: Stored) -> AsyncIterator[Hub]:
    rooms = Rooms(lambda room: room, stored.view, stored.since, stored.positions, stored.count_viewers, stored.viewers)
    hub = Hub(Engine(), rooms, worker="w", tick_ms=0, buffer_bytes_max=100)  # type: ignore[arg-type]
    running = asyncio.create_task(hub.run())
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_while_a_snapshot_is_read_follows_it_once(hub: Hub, stored: Stored) -> None:
    stored.publish(3)
    stored.gate.clear()
    screen = Screen()
    join = asyncio.create_task(hub.join(screen, ROOM, "viewer", None, 1))
    await stored.asked.wait()
    hub.take(ROOM, stored.publish())
    hub.take(ROOM, stored.publish())
    stored.gate.set()
    await join
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.offsets() == ["@3", 4, 5, 6]


async def test_a_snapshot_newer_than_what_was_heard_is_not_followed_by_what_it_holds(hub: Hub, stored: Stored) -> None:
    first, second = Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    late = [stored.publish(), stored.publish()]
    await hub.join(second, ROOM, "viewer", None, 1)
    for blob in [*late, stored.publish()]:
        hub.take(ROOM, blob)
    await turn()
    assert first.offsets() == ["@0", 1, 2, 3]
    assert second.offsets() == ["@2", 3]


async def test_who_comes_back_gets_what_was_missed_and_then_what_follows(hub: Hub, stored: Stored) -> None:
    stored.publish(4)
    screen = Screen()
    await hub.join(screen, ROOM, "viewer", Since("5", 2), 1)
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.messages[0]["recovered"]
    assert screen.messages[0]["totals"]["coins"] == 4
    assert screen.offsets() == [3, 4, 5]


async def test_a_lost_publication_is_filled_from_the_history(hub: Hub, stored: Stored) -> None:
    screen = Screen()
    await hub.join(screen, ROOM, "viewer", None, 1)
    stored.publish(2)
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.offsets() == ["@0", 1, 2, 3]


async def test_a_new_epoch_is_a_snapshot_for_everyone(hub: Hub, stored: Stored) -> None:
    screens = [Screen(), Screen()]
    for screen in screens:
        await hub.join(screen, ROOM, "viewer", None, 1)
    hub.take(ROOM, stored.publish())
    await turn()
    stored.epoch = "6"
    hub.take(ROOM, stored.publish())
    await turn()
    hub.take(ROOM, stored.publish())
    await turn()
    for screen in screens:
        assert screen.offsets() == ["@0", 1, "@2", 3]
        assert [message["epoch"] for message in screen.messages] == ["5", "5", "6", "6"]


async def test_a_slow_viewer_goes_on_after_its_snapshot_and_the_others_never_notice(hub: Hub, stored: Stored) -> None:
    slow, quick = Screen(), Screen()
    for screen in (slow, quick):
        await hub.join(screen, ROOM, "viewer", None, 1)
    slow.unsent = 1_000
    for _ in range(3):
        hub.take(ROOM, stored.publish())
        await turn()
    assert hub.lags(slow, (ROOM,))
    slow.unsent = 0
    stored.gate.clear()
    stored.asked.clear()
    catching_up = asyncio.create_task(hub.caught_up(slow, (ROOM,)))
    await stored.asked.wait()
    hub.take(ROOM, stored.publish())
    await turn()
    stored.gate.set()
    await catching_up
    hub.take(ROOM, stored.publish())
    await turn()
    assert quick.offsets() == ["@0", 1, 2, 3, 4, 5]
    assert slow.offsets() == ["@0", "@3", 4, 5]
    assert not hub.lags(slow, (ROOM,))


async def test_a_snapshot_that_could_not_be_read_is_read_again(hub: Hub, stored: Stored) -> None:
    slow = Screen()
    await hub.join(slow, ROOM, "viewer", None, 1)
    slow.unsent = 1_000
    hub.take(ROOM, stored.publish())
    await turn()
    slow.unsent = 0
    stored.fails = True
    with pytest.raises(Unavailable):
        await hub.caught_up(slow, (ROOM,))
    assert hub.lags(slow, (ROOM,))
    stored.fails = False
    await until(lambda: not hub.lags(slow, (ROOM,)))
    hub.take(ROOM, stored.publish())
    await turn()
    assert slow.offsets() == ["@0", "@1", 2]


async def test_who_leaves_while_a_snapshot_is_read_is_told_nothing(hub: Hub, stored: Stored) -> None:
    stored.gate.clear()
    screen = Screen()
    join = asyncio.create_task(hub.join(screen, ROOM, "viewer", None, 1))
    await stored.asked.wait()
    hub.leave(screen, ROOM)
    stored.gate.set()
    await join
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.messages == []


class Reading:
    """A reading that has been done and whose answer is still on its way; from then on others read at once."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._gate = stored.gate = asyncio.Event()
        stored.asked.clear()

    async def done(self) -> None:
        await self._stored.asked.wait()
        self._stored.gate = asyncio.Event()
        self._stored.gate.set()

    def arrives(self) -> None:
        self._gate.set()


async def test_a_snapshot_older_than_where_the_room_was_moved_meanwhile_is_read_again(hub: Hub, stored: Stored) -> None:
    first, second = Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    stored.epoch = "6"
    stored.publish()
    reading = Reading(stored)
    join = asyncio.create_task(hub.join(second, ROOM, "viewer", None, 1))
    await reading.done()
    stored.publish(2)
    hub.take(ROOM, stored.publish())
    await turn()
    assert first.offsets() == ["@0", "@4"]
    reading.arrives()
    await join
    hub.take(ROOM, stored.publish())
    await turn()
    assert second.offsets() == ["@4", 5]
    assert first.offsets() == ["@0", "@4", 5]


async def test_who_is_let_in_while_everyone_is_being_given_a_snapshot_gets_it_too(hub: Hub, stored: Stored) -> None:
    first, second = Screen(), Screen()
    await hub.join(first, ROOM, "viewer", None, 1)
    stored.epoch = "6"
    stored.publish()
    joining = Reading(stored)
    join = asyncio.create_task(hub.join(second, ROOM, "viewer", None, 1))
    await joining.done()
    moving = Reading(stored)
    stored.publish(2)
    hub.take(ROOM, stored.publish())
    await moving.done()  # the history, which has nothing of the old epoch
    view = Reading(stored)
    moving.arrives()
    await view.done()
    joining.arrives()
    await join
    view.arrives()
    await turn()
    hub.take(ROOM, stored.publish())
    await turn()
    assert first.offsets() == ["@0", "@4", 5]
    assert second.offsets() == ["@1", "@4", 5]


async def test_a_slow_viewers_snapshot_older_than_where_the_room_was_moved_is_read_again(
    hub: Hub, stored: Stored
) -> None:
    slow, quick = Screen(), Screen()
    for screen in (slow, quick):
        await hub.join(screen, ROOM, "viewer", None, 1)
    slow.unsent = 1_000
    hub.take(ROOM, stored.publish())
    await turn()
    slow.unsent = 0
    stored.epoch = "6"
    stored.publish()
    reading = Reading(stored)
    catching_up = asyncio.create_task(hub.caught_up(slow, (ROOM,)))
    await reading.done()
    stored.publish(2)
    hub.take(ROOM, stored.publish())
    await turn()
    reading.arrives()
    await catching_up
    await until(lambda: not hub.lags(slow, (ROOM,)))
    hub.take(ROOM, stored.publish())
    await turn()
    assert quick.offsets() == ["@0", 1, "@5", 6]
    assert slow.offsets() == ["@0", "@5", 6]


async def test_what_is_heard_with_a_hole_while_the_first_viewer_joins_is_read_again(hub: Hub, stored: Stored) -> None:
    screen = Screen()
    reading = Reading(stored)
    join = asyncio.create_task(hub.join(screen, ROOM, "viewer", None, 1))
    await reading.done()
    hub.take(ROOM, stored.publish())
    stored.publish()
    hub.take(ROOM, stored.publish())
    reading.arrives()
    await join
    hub.take(ROOM, stored.publish())
    await turn()
    assert screen.offsets() == ["@3", 4]
