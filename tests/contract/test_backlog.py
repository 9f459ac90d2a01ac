"""What waits for the book: figures and alarms up to the bound and down again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from livegift.clock import monotonic_ms
from livegift.domain.people import RoomRow, User
from livegift.errors import Busy
from livegift.flusher import backlog
from tests.world import Heard, World, partition_of, send, until

LIMIT = 100


@pytest.fixture
async def world(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[World]:
    world = await World.made(valkey, tmp_path, store=store, journal_events_max=LIMIT, batch_gifts_max=1)
    async with world.edge.running():
        yield world
    await world.close()


async def gift(world: World, ann: User, room: RoomRow, heard: Heard, count: int) -> None:
    for _ in range(count):
        await world.edge.gifting.send_gift(send(ann, room), heard)


async def look(world: World) -> list[str]:
    """Look once; returns what was logged, as ``level event``."""
    with capture_logs() as lines:
        await world.parts.backlog.look()
    return [f"{line['log_level']} {line['event']}" for line in lines]


async def test_alarms_ring_once_a_crossing_on_the_way_up_and_tell_when_it_has_drained(world: World) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 1_000), await world.room(), Heard()
    figures = world.parts.backlog.figures
    assert set(figures.values()) == {0}
    # Nobody flushes now.
    await gift(world, ann, room, heard, 49)
    assert await look(world) == []
    assert world.parts.backlog.figures["journal_events"] == 49
    assert world.parts.backlog.figures["journal_fullest_share"] == 0.49
    await gift(world, ann, room, heard, 1)
    assert await look(world) == ["warning journal_half_full"]
    await gift(world, ann, room, heard, 40)
    assert await look(world) == ["error journal_nearly_full"]
    assert await look(world) == []
    await gift(world, ann, room, heard, 10)
    with pytest.raises(Busy, match="at its limit"):
        await world.edge.gifting.send_gift(send(ann, room), heard)
    with capture_logs() as lines:
        await world.parts.backlog.look()
    assert [line["event"] for line in lines] == ["journal_full"]
    assert (lines[0]["p"], lines[0]["events"], lines[0]["share"]) == (partition_of(ann.id, 4), 100, 1.0)
    assert "busy" in lines[0]["means"]
    assert "SQL" in lines[0]["do"]

    while await world.parts.flusher.step():
        pass
    assert await look(world) == ["info journal_drained"]
    assert set(world.parts.backlog.figures.values()) == {0}
    assert await look(world) == []
    await heard.wait_settled(100)
    assert await world.edge.gifting.balance(ann.id) == 900


async def test_ages_grow_while_the_book_takes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 1_000), await world.room(), Heard()
    p = partition_of(ann.id, 4)
    await gift(world, ann, room, heard, 2)
    await world.parts.backlog.look()
    assert world.parts.backlog.figures["book_silent_ms"] == 0
    await world.client.hset(world.keys.meta(p), "clock_offset_ms", "60000")
    monkeypatch.setattr(backlog, "monotonic_ms", lambda: monotonic_ms() + 60_000)
    await world.parts.backlog.look()
    assert 60_000 <= world.parts.backlog.figures["journal_oldest_ms"] < 75_000
    assert 60_000 <= world.parts.backlog.figures["book_silent_ms"] < 75_000

    # A partition that has stopped is no sign that the book is away; but its events still wait, and are old.
    world.parts.flusher.stopped.add(p)
    await world.parts.backlog.look()
    assert world.parts.backlog.figures["book_silent_ms"] == 0
    assert world.parts.backlog.figures["journal_oldest_ms"] >= 60_000
    world.parts.flusher.stopped.clear()


async def test_an_alarm_for_a_stopped_partition_sends_nobody_to_the_sql_server(world: World) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 1_000), await world.room(), Heard()
    world.parts.flusher.stopped.add(partition_of(ann.id, 4))
    await gift(world, ann, room, heard, 50)
    with capture_logs() as lines:
        await world.parts.backlog.look()
    assert "has stopped" in lines[0]["means"]
    assert "livegift audit" in lines[0]["do"]


async def test_a_running_flusher_reports_its_backlog(world: World) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 1_000), await world.room(), Heard()
    await gift(world, ann, room, heard, 60)
    task = asyncio.create_task(world.parts.backlog.run())
    await until(lambda: world.parts.backlog.figures["journal_events"] == 60)
    task.cancel()
