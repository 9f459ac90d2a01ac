"""A creator's feed that was interrupted: every gift once, with sums that add up, whatever became of the room meanwhile.

The real road below the edge on both books, a real Valkey, a hub, and a creator that keeps what a client would.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from livegift.domain.cursor import BadCursor, Cursors
from livegift.domain.people import RoomRow, User
from livegift.flusher.audit import audit
from livegift.flusher.repartition import repartition
from livegift.hub.hub import Hub
from livegift.hub.stored import Rooms
from livegift.rooms.missed import MissedGifts
from livegift.wire.codec import EVENT_STREAM, JSON, Codec
from livegift.wire.messages import Since
from tests.contract.party import sql
from tests.hub_world import messages_in
from tests.world import SECRET, Heard, World, partition_of, send, until

HISTORY = 4
"""Folds kept for those who come back."""


@pytest.fixture
async def world(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[World]:
    world = await World.made(
        valkey, tmp_path, store=store, send_deadline_ms=3_000, history_frames_max=HISTORY, combo_window_ms=500
    )
    yield world
    await world.close()


class Creator:
    """What a creator's client keeps: the gifts by id, the sums it is told, its position and its cursor."""

    codec: Codec = JSON

    def __init__(self, cursors: Cursors, room: RoomRow) -> None:
        self.room = room
        self.person = room.creator_id
        self.cursors = cursors
        self.gifts: dict[str, dict[str, Any]] = {}
        self.doubles: list[str] = []
        self.missed: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.since: Since | None = None
        self.cursor: str | None = None
        self.session: dict[str, int] = {}
        self.unsent = 0
        self.closed: int | None = None

    def write(self, frame: bytes) -> None:
        for message in messages_in(frame):
            if message["type"] != "viewers":
                self.messages.append(message)
                self.take(message)

    def take(self, message: dict[str, Any]) -> None:
        assert message["type"] in ("subscribed", "missed", "room")
        for event in message["events"]:
            if event["type"] == "gift":
                if event["event_id"] in self.gifts:
                    self.doubles.append(event["event_id"])
                self.gifts[event["event_id"]] = event
            if "session" in event:
                self.session = event["session"]
        if message["type"] == "missed":
            self.missed += message["events"]
        else:
            self.since = Since(message["epoch"], message["offset"])
            if message.get("snapshot"):
                self.session = message["snapshot"]["session"]
        self.cursor = message["cursor"]

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        self.write(frames)
        return True

    def unsent_bytes(self) -> int:
        return self.unsent

    def close(self, code: int, reason: str) -> None:
        self.closed = code

    def coins(self) -> int:
        return sum(gift["coins"] for gift in self.gifts.values())


class Stage:
    """A room with its creator and two senders of different partitions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.senders: list[User] = []
        self.sent = 0
        self.coins = 0
        self.heard = Heard()
        self.read_with_new_parts()

    def read_with_new_parts(self) -> None:
        world = self.world
        facts = world.parts.facts
        self.cursors = Cursors(SECRET, facts.incarnation)
        missed = MissedGifts(world.edge.book, secret=SECRET, incarnation=facts.incarnation)
        reader = world.reader
        self.rooms = Rooms(
            channel=reader.channel,
            view=reader.view,
            since=reader.since,
            missed=missed.between,
            positions=reader.positions,
            count_viewers=reader.count_viewers,
            viewers=reader.viewers,
            seal=self.cursors.seal,
        )

    async def begin(self) -> None:
        self.room = await self.world.room()
        while len({partition_of(user.id, 4) for user in self.senders}) < 2:
            self.senders.append(await self.world.person("Ann", 10_000))
        self.creator = Creator(self.cursors, self.room)

    async def gift(self, count: int, **more: object) -> None:
        """Let the senders send so many gifts in turn, of 1, 2, 3, … coins, each settled and seen before the next."""
        for _ in range(count):
            self.sent += 1
            user = self.senders[self.sent % len(self.senders)]
            coins = self.sent % 7 + 1
            self.coins += coins
            await self.world.edge.gifting.send_gift(send(user, self.room, count=coins, **more), self.heard)
            await until(self.is_announced)

    async def is_announced(self) -> bool:
        view = await self.world.reader.view(self.room.id)
        return view is not None and not view.feeding and view.totals.coins == self.coins

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Hub]:
        """The creator listens from where it is, until the end of the block."""
        hub = Hub(self.world.client, self.rooms, worker="w", tick_ms=0, buffer_bytes_max=10_000)
        running = asyncio.create_task(hub.run())
        try:
            await self.join(hub)
            yield hub
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def join(self, hub: Hub) -> None:
        creator = self.creator
        creator.closed = None
        place = self.cursors.open(self.room.id, creator.cursor) if creator.cursor else None
        await hub.join(creator, self.room.id, "creator", creator.since, 1, place)

    async def has_all(self) -> bool:
        return self.creator.coins() == self.coins

    async def all_true(self) -> None:
        """The creator has every gift, none twice, and its sums are the book's."""
        await until(self.has_all)
        creator = self.creator
        assert (len(creator.gifts), creator.doubles) == (self.sent, [])
        assert creator.session == {"coins": self.coins, "points": self.coins, "gifts": self.coins}
        ((count, coins),) = await sql(self.world.config, "SELECT count(*), sum(coins) FROM gift")
        assert (count, int(str(coins))) == (self.sent, creator.coins())
        report = await audit(self.world.config, SECRET, live=True)
        assert report["findings"] == []


@pytest.fixture
async def stage(world: World) -> AsyncIterator[Stage]:
    stage = Stage(world)
    async with world.edge.running(), world.flushing():
        await stage.begin()
        yield stage


def kinds(creator: Creator) -> list[str]:
    return [message["type"] for message in creator.messages]


async def test_within_the_history_the_missed_events_are_in_the_answer(stage: Stage) -> None:
    async with stage.listening():
        await stage.gift(3)
        await until(stage.has_all)
    await stage.gift(2)
    before = len(stage.creator.messages)
    async with stage.listening():
        answer = stage.creator.messages[before]
        assert (answer["type"], answer["recovered"], len(answer["events"])) == ("subscribed", True, 2)
        await stage.gift(1)
        await stage.all_true()


async def test_beyond_the_history_the_missed_gifts_come_before_the_snapshot(stage: Stage) -> None:
    async with stage.listening():
        await stage.gift(3)
        await until(stage.has_all)
    at, session = len(stage.creator.messages), stage.creator.session
    await stage.gift(HISTORY + 7)
    async with stage.listening():
        assert kinds(stage.creator)[at:] == ["missed", "subscribed"]
        await stage.gift(2)
        await stage.all_true()
    assert len(stage.creator.missed) == HISTORY + 7
    coins, times = session["coins"], [gift["ts_ms"] for gift in stage.creator.missed]
    assert times == sorted(times)
    for gift in stage.creator.missed:
        coins += gift["coins"]
        assert gift["session"] == {"coins": coins, "points": coins, "gifts": coins}
        assert gift["points_total"] == coins
        assert (gift["combo"], gift["sender"]["coins_total"], "offset" in gift) == (None, None, False)


async def test_after_an_emptied_engine_the_gifts_since_come_under_the_new_epoch(stage: Stage) -> None:
    async with stage.listening():
        await stage.gift(5)
        await until(stage.has_all)
    epoch = stage.creator.since
    keys = [key async for key in stage.world.client.scan_iter(match=stage.world.config.redis_prefix + "*", count=1_000)]
    await stage.world.client.unlink(*keys)
    await stage.gift(3)
    async with stage.listening():
        await stage.gift(2)
        await stage.all_true()
    assert epoch is not None
    assert stage.creator.since is not None
    assert stage.creator.since.epoch != epoch.epoch
    assert len(stage.creator.missed) == 3


async def test_a_feed_whose_room_is_lost_while_it_listens_is_closed_and_resumes(stage: Stage) -> None:
    async with stage.listening() as hub:
        await stage.gift(3)
        await until(stage.has_all)
        await stage.world.client.unlink(*stage.world.room_keys.all(stage.room.id))
        await stage.gift(2)
        await until(lambda: stage.creator.closed == 4501)
        assert hub.viewers() == 0
        await stage.join(hub)
        await stage.gift(2)
        await stage.all_true()
        assert stage.creator.closed is None


@pytest.mark.parametrize("remembered", [1_000, 2], ids=["remembered", "forgotten"])
async def test_gifts_that_come_while_pages_are_read_are_shown_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    monkeypatch.setattr("livegift.hub.room.RECENT_EVENTS_MAX", remembered)
    monkeypatch.setattr("livegift.rooms.missed.PAGE_GIFTS_MAX", 3)
    monkeypatch.setattr("livegift.store.room_gifts.ROWS_AT_ONCE", 2)
    async with stage.listening():
        await stage.gift(1)
        await until(stage.has_all)
    await stage.gift(20)
    write, creator = stage.creator.write, stage.creator

    def write_and_stall(frame: bytes) -> None:
        write(frame)
        creator.unsent = 20_000

    monkeypatch.setattr(creator, "write", write_and_stall)

    async def give_meanwhile() -> None:
        for turn in range(5):
            await until(lambda: creator.unsent > 0)  # a page has been written and is not read yet
            if turn < 3:
                await stage.gift(4)
            creator.unsent = 0
        monkeypatch.setattr(creator, "write", write)
        creator.unsent = 0

    giving = asyncio.create_task(give_meanwhile())
    async with stage.listening():
        await giving
        creator.unsent = 0
        await stage.all_true()
    assert (len(creator.missed) > 20) == (remembered == 2)


async def test_a_catch_up_that_breaks_goes_on_where_it_was(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livegift.rooms.missed.PAGE_GIFTS_MAX", 3)
    async with stage.listening():
        await stage.gift(1)
        await until(stage.has_all)
    await stage.gift(14)
    creator, write = stage.creator, stage.creator.write

    class Broken(Exception):
        """The creator's line."""

    def write_two(frame: bytes) -> None:
        if len(creator.missed) >= 6:
            raise Broken
        write(frame)

    monkeypatch.setattr(creator, "write", write_two)
    with pytest.raises(Broken):
        async with stage.listening():
            raise AssertionError("was let in")
    monkeypatch.setattr(creator, "write", write)
    async with stage.listening() as hub:
        assert hub.viewers() == 1
        await stage.all_true()
    assert len(creator.missed) == 14


async def test_a_cursor_from_before_a_repartition_resumes_after_it(world: World) -> None:
    stage = Stage(world)
    async with world.edge.running(), world.flushing():
        await stage.begin()
        async with stage.listening():
            await stage.gift(4)
            await until(stage.has_all)
    moves = await repartition(world.config, SECRET, 7, timeout_ms=60_000)
    assert moves["partitions"] == 7
    await world.start_again()
    stage.read_with_new_parts()
    async with world.edge.running(), world.flushing():
        await stage.gift(HISTORY + 4)
        async with stage.listening():
            await stage.gift(2)
            await stage.all_true()
    assert stage.creator.missed


async def test_an_anonymous_sender_stays_anonymous_among_the_missed(stage: Stage) -> None:
    async with stage.listening():
        await stage.gift(1)
        await until(stage.has_all)
    await stage.gift(HISTORY + 2, anonymous=True, message="hello")
    async with stage.listening():
        await stage.all_true()
    for gift in stage.creator.missed:
        assert gift["sender"] == {"id": None, "name": None, "anonymous": True, "coins_total": None}
        assert gift["message"] == "hello"
    assert len(stage.creator.missed) == HISTORY + 2


async def test_another_rooms_cursor_opens_nothing(stage: Stage) -> None:
    other = await stage.world.room()
    async with stage.listening():
        await stage.gift(1)
        await until(stage.has_all)
    assert stage.creator.cursor is not None
    with pytest.raises(BadCursor):
        stage.cursors.open(other.id, stage.creator.cursor)


async def test_a_creator_that_reads_no_page_is_closed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livegift.rooms.missed.PAGE_GIFTS_MAX", 3)
    monkeypatch.setattr("livegift.hub.door.STALL_MS", 100)
    async with stage.listening():
        await stage.gift(1)
        await until(stage.has_all)
    await stage.gift(10)
    stage.creator.unsent = 20_000
    async with stage.listening() as hub:
        assert (stage.creator.closed, hub.viewers()) == (4501, 0)
        assert len(stage.creator.missed) == 3
        stage.creator.unsent = 0
        await stage.join(hub)
        await stage.all_true()


async def test_a_stream_is_told_the_same_with_cursors_for_ids(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    creator = stage.creator
    lines: list[bytes] = []
    monkeypatch.setattr(creator, "codec", EVENT_STREAM)
    monkeypatch.setattr(creator, "write", lines.append)
    async with stage.listening():
        await stage.gift(2)
        await until(lambda: b"".join(lines).count(b"event: room") >= 2)
    events = [
        dict(line.split(": ", 1) for line in text.split("\n")) for text in b"".join(lines).decode().split("\n\n")[:-1]
    ]
    events = [event for event in events if event["event"] != "viewers"]
    assert [event["event"] for event in events] == ["subscribed", "room", "room"]
    assert all(stage.cursors.open(stage.room.id, event["id"]) for event in events)
