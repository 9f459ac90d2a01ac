"""The live figure of drift: 0 while the book is only late, and what it is once a wallet really differs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from livegift.domain.people import User
from livegift.engine import connect
from livegift.flusher.drift import Drift
from livegift.store.open import open_database
from tests.world import Heard, World, partition_of, send


@pytest.fixture
async def world(valkey: str, tmp_path: Path, store: str) -> AsyncIterator[World]:
    world = await World.made(valkey, tmp_path, store=store, batch_gifts_max=1)
    async with world.edge.running():
        yield world
    await world.close()


@pytest.fixture
async def drift(world: World) -> AsyncIterator[Drift]:
    database = open_database(world.config, timeout_ms=2_000)
    assert world.config.redis_url is not None
    client = connect(world.config.redis_url, timeout_ms=2_000)
    yield Drift(client, world.parts.keys, database, partitions=4)
    await client.aclose()
    await database.close()


async def wallet_key(world: World, user: User) -> str:
    p = partition_of(user.id, 4)
    generation = await world.parts.client.hget(world.parts.keys.meta(p), "generation")
    return world.parts.keys.wallet(p, int(generation), user.id)


async def looks(drift: Drift, rounds: int = 3) -> tuple[float, float, list[str]]:
    """Look at every wallet some times; returns coins, wallets, and what was logged."""
    with capture_logs() as lines:
        for _ in range(rounds):
            await drift.look()
            while any(its.cursor for its in drift._rounds.values()):
                await drift.look()
    return drift.figures["drift_coins"], drift.figures["drift_wallets"], [line["event"] for line in lines]


async def test_a_wallet_that_differs_is_told_until_it_does_no_more(world: World, drift: Drift) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 1_000), await world.room(), Heard()
        await world.edge.gifting.send_gift(send(ann, room), heard)
        await heard.wait_settled(1)
    assert await looks(drift) == (0, 0, [])
    compared = drift.figures["drift_compared_total"]
    assert compared >= 3
    key = await wallet_key(world, ann)
    await world.parts.client.hincrby(key, "coins", 7)
    assert await looks(drift) == (7, 1, ["wallet_differs_from_book"])
    await world.parts.client.hincrby(key, "coins", -10)
    assert await looks(drift) == (3, 1, ["wallet_differs_from_book"])
    await world.parts.client.hincrby(key, "coins", 3)
    assert await looks(drift) == (0, 0, [])
    await world.parts.client.hset(key, "frozen", 1)
    assert await looks(drift) == (0, 1, ["wallet_differs_from_book"])
    await world.parts.client.delete(key)  # evicted: the next one to be loaded is the book's
    assert await looks(drift) == (0, 0, [])


async def test_what_waits_for_the_book_is_no_drift(world: World, drift: Drift) -> None:
    async with world.flushing():
        ann, room, heard = await world.person("Ann", 1_000), await world.room(), Heard()
    assert await looks(drift) == (0, 0, [])
    await world.edge.gifting.send_gift(send(ann, room), heard)  # nobody flushes now
    compared = drift.figures["drift_compared_total"]
    assert await looks(drift) == (0, 0, [])
    assert drift.figures["drift_compared_total"] == compared
    async with world.flushing():  # a recovery: wallets are cold until they are used again
        await world.edge.gifting.send_gift(send(ann, room), heard)
        await heard.wait_settled(2)
    assert await looks(drift) == (0, 0, [])
    assert drift.figures["drift_compared_total"] > compared
