"""SQL and Redis that are away, slow, full or forgetful, and clocks that are wrong."""

import asyncio

from tests.fault.field import Field
from tests.fault.proxy import losing_replies

OFFSET_MS_MAX = 110_000
"""Furthest that the engine's clock is put ahead of ours and stays there: 10 s below what a partition bears."""
BEYOND_MS = 180_000
FSYNC_MS = 150
REPLIES_LOST_SHARE = 0.1


async def sql_stopped(field: Field) -> int:
    """The book answers nobody who wants to write."""
    async with field.store.stopped():
        await asyncio.sleep(field.hold_s() + 1.0)
    return 0


async def sql_slow(field: Field) -> int:
    """Every commit takes its time."""
    with field.disk.slow("book", fsync_ms=FSYNC_MS):
        await asyncio.sleep(field.hold_s())
    return 0


async def sql_disk_full(field: Field) -> int:
    """The book's disk takes nothing."""
    with field.disk.full("book"):
        await asyncio.sleep(field.hold_s())
    return 0


# --- Redis ---


async def aof_disk_full(field: Field) -> int:
    """Valkey's disk takes nothing: it refuses to write."""
    with field.disk.full("aof"):
        await asyncio.sleep(field.hold_s() + 1.0)
    return 0


async def out_of_memory(field: Field) -> int:
    """Valkey has no memory left."""
    async with field.server.redis() as redis:
        used = int((await redis.info("memory"))["used_memory"])
        await redis.config_set("maxmemory", used // 2)
        try:
            await asyncio.sleep(field.hold_s())
        finally:
            await redis.config_set("maxmemory", 0)
    return 0


async def lost_replies(field: Field) -> int:
    """Valkey does what it is told, and nobody hears of it."""
    async with losing_replies(field.server, share=REPLIES_LOST_SHARE, chance=field.chance) as proxy:
        await asyncio.sleep(field.hold_s())
    field.replies_lost += proxy.lost
    return 0


async def room_keys_gone(field: Field) -> int:
    """Valkey has forgotten a live room."""
    async with field.server.redis() as redis:
        keys = [key async for key in redis.scan_iter(match=f"*{{r:{field.room}}}:*", count=1_000)]
        assert keys, "a live room has keys"
        await redis.unlink(*keys)
    return 0


# --- clocks ---


async def clock_ahead(field: Field) -> int:
    """The engine's clock jumps ahead, within what a partition bears, and stays there."""
    field.offset_ms += field.chance.randint(0, OFFSET_MS_MAX - field.offset_ms)
    await field.set_clock(field.offset_ms)
    return 0


async def clock_back(field: Field) -> int:
    """The engine's clock jumps back by up to two minutes, and is put right later."""
    await field.set_clock(-field.chance.randint(1_000, OFFSET_MS_MAX))
    await asyncio.sleep(field.hold_s())
    await field.set_clock(field.offset_ms)
    return 0


async def clock_beyond(field: Field) -> int:
    """The engine's clock is wrong by more than two minutes, either way, and is put right later."""
    await field.set_clock(field.chance.choice([-1, 1]) * BEYOND_MS)
    await asyncio.sleep(field.hold_s())
    await field.set_clock(field.offset_ms)
    return 0
