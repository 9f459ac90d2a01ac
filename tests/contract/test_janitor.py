"""Keeping the engine small changes nothing that is true."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.errors import Busy
from livegift.flusher.audit import audit
from livegift.gifting import Receipt
from tests.world import SECRET, Heard, World, send, until


@pytest.fixture
async def world(valkey: str, tmp_path: Path) -> AsyncIterator[World]:
    world = await World.made(valkey, tmp_path, partitions=1, hot_wallets_max=5)
    yield world
    await world.close()


async def keys_of(world: World, pattern: str) -> set[str]:
    return {key.decode() async for key in world.client.scan_iter(match=f"{world.config.redis_prefix}*{pattern}*")}


async def test_keys_of_older_generations_go_and_those_of_this_one_stay(world: World) -> None:
    async with world.edge.running(), world.flushing():
        ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
        await world.edge.gifting.send_gift(send(ann, room), heard)
        await heard.wait_settled(1)
        old = await keys_of(world, ":1:")
        assert len(old) == 3  # wallet, ids, stripe
        await world.client.hset(world.keys.meta(0), "owner", "0" * 40)
        assert (await world.edge.gifting.send_gift(send(ann, room), heard)).balance == 48  # type: ignore[union-attr]
        await world.parts.janitor.sweep()
        assert await keys_of(world, ":1:") == set()
        assert len(await keys_of(world, ":2:")) == 3
        assert (await audit(world.config, SECRET, live=True))["findings"] == []


async def test_a_recovery_leaves_no_older_generation_behind_for_long(world: World) -> None:
    """Far sooner than the next regular sweep: a flusher that dies before that would never get there."""
    assert world.config.evict_interval_ms == 30_000

    async def is_clean() -> bool:
        return await keys_of(world, ":1:") == set()

    async with world.edge.running():
        async with world.flushing():
            ann, room, heard = await world.person("Ann", 50), await world.room(), Heard()
            await world.edge.gifting.send_gift(send(ann, room), heard)
            await heard.wait_settled(1)
            await world.client.hset(world.keys.meta(0), "owner", "0" * 40)
            await world.edge.gifting.send_gift(send(ann, room), heard)
            await until(is_clean)
        await world.client.set(f"{world.keys.partition(0)}1:e:left", "1")  # by a flusher that was killed
        async with world.flushing():
            await until(is_clean)


async def test_more_wallets_than_the_bound_are_served_by_evicting_settled_ones(world: World) -> None:
    async with world.edge.running(), world.flushing():
        room, heard = await world.room(), Heard()
        people = []
        for number in range(12):
            people.append(await world.person(f"Person {number}", 10))
            await world.parts.janitor.sweep()
        for done, person in enumerate([*people, *people], start=1):

            async def placed(who: object = person) -> bool:
                try:
                    return isinstance(await world.edge.gifting.send_gift(send(who, room), heard), Receipt)  # type: ignore[arg-type]
                except Busy:
                    await world.parts.janitor.sweep()
                    return False

            await until(placed)
            await heard.wait_settled(done)
        assert int(await world.client.hget(world.keys.meta(0), "hot")) <= 5
        report = await audit(world.config, SECRET, live=True)
        assert (report["findings"], report["rows"]) == ([], 36)
