"""The audit agrees with an honest book, beside a running server, and finds each planted tampering."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.flusher.audit import audit
from livegift.store.open import open_database
from tests.world import SECRET, Heard, World, send, until


@pytest.fixture
async def world(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[World]:
    """A world where three people have sent gifts into two rooms, all settled; the flusher runs."""
    world = await World.made(valkey, tmp_path, store=store)
    async with world.flushing(), world.edge.running():
        rooms = [await world.room(), await world.room()]
        heard = Heard()
        for name in ("Ann", "Ben", "Cleo"):
            user = await world.person(name, 1_000)
            for count in (1, 2, 3):
                for room in rooms:
                    await world.edge.gifting.send_gift(send(user, room, count=count, message="hi"), heard)
            await world.edge.gifting.send_gift(send(user, rooms[0], anonymous=True), heard)
        await heard.wait_settled(21)
        await until(lambda: folded(world, rooms[0].id, 21))
        await until(lambda: folded(world, rooms[1].id, 18))
        yield world
    await world.close()


async def folded(world: World, room_id: str, gifts: int) -> bool:
    view = await world.reader.view(room_id)
    return view is not None and view.totals.gifts == gifts


async def report_of(world: World) -> dict[str, object]:
    return await audit(world.config, SECRET, live=True)


async def test_an_honest_book_has_no_findings(world: World) -> None:
    report = await report_of(world)
    assert report["findings"] == []
    assert report["drift"] == 0
    assert (report["wallets"], report["rows"], report["rooms"], report["chains"]) == (3, 24, 4, 4)


@pytest.mark.parametrize(
    ("tamper", "word"),
    [
        ("UPDATE gift SET coins = coins + 1, points = points + 1 WHERE count = 3", "coins"),
        ("DELETE FROM gift WHERE count = 2", "missing"),
        ("UPDATE stripe SET points = points + 5", "stripe"),
        ("UPDATE wallet SET coins = coins + 5", "wallet"),
        ("UPDATE gift SET ts_ms = ts_ms + 1 WHERE count = 3", "chain"),
        ("UPDATE gift SET message = 'bye' WHERE count = 3", "message"),
        ("UPDATE movement SET coins = coins + 1", "balance"),
        ("UPDATE partition SET coins_spent = coins_spent + 1", "spent"),
    ],
)
async def test_a_tampered_book_is_found(world: World, tamper: str, word: str) -> None:
    database = open_database(world.config)
    assert await database.write(lambda sql: sql.run(tamper)) > 0
    await database.close()
    findings = (await report_of(world))["findings"]
    assert isinstance(findings, list)
    assert any(word in line for line in findings), findings


async def test_a_tampered_balance_in_the_engine_is_found(world: World) -> None:
    keys = [key async for key in world.client.scan_iter(match=world.config.redis_prefix + "*:w:*")]
    await world.client.hincrby(keys[0], "coins", 7)
    report = await report_of(world)
    assert report["drift"] == 7
    assert any("in the engine" in line for line in report["findings"])  # type: ignore[attr-defined]


async def test_a_tampered_stripe_in_the_engine_is_found(world: World) -> None:
    keys = [key async for key in world.client.scan_iter(match=world.config.redis_prefix + "*:e:*")]
    await world.client.incrby(keys[0], 7)
    report = await report_of(world)
    assert report["drift"] == 7


async def test_a_tampered_room_total_is_found(world: World) -> None:
    keys = [key async for key in world.client.scan_iter(match=world.config.redis_prefix + "*:state")]
    for key in keys:
        await world.client.hincrby(key, "coins", 9)
    report = await report_of(world)
    assert any("room" in line and "coins" in line for line in report["findings"])  # type: ignore[attr-defined]


async def test_an_emptied_engine_is_a_finding_and_not_a_pass(world: World) -> None:
    world.parts.flusher.stopped |= set(range(world.config.partitions))  # nobody recovers meanwhile
    keys = [key async for key in world.client.scan_iter(match=world.config.redis_prefix + "*")]
    await world.client.unlink(*keys)
    report = await audit(world.config, SECRET, live=False)
    assert any("nothing to compare" in line for line in report["findings"])  # type: ignore[attr-defined]
