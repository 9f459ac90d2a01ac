"""The faults: what each does to the running server, and how many processes it killed by it.

A fault returns when it is over: the process is killed, the disk has room again, the clock is right. What users see
of it from then on is the recovery that ``run.py`` measures.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tests.fault.disk import Disk
from tests.fault.proxy import losing_replies
from tests.fault.server import ROLES, Server
from tests.fault.stores import Store

OFFSET_MS_MAX = 110_000
"""Furthest that the engine's clock is put ahead of ours and stays there: 10 s below what a partition bears."""
BEYOND_MS = 180_000
HOLD_S = (0.8, 2.5)
FSYNC_MS = 150
REPLIES_LOST_SHARE = 0.1
STARTED_S = 20.0
GIVEN_UP_S_MAX = 20.0
"""By then a process that hangs must have been replaced."""

_SET_OFFSET = """
if redis.call('HEXISTS', KEYS[1], 'layout') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'clock_offset_ms', ARGV[1])
return 1
"""


@dataclass
class Field:
    """What the faults work on."""

    server: Server
    disk: Disk
    store: Store
    room: str
    chance: random.Random
    watched_edge: Callable[[], int | None]
    """The edge that a watcher sits on: the other one may have no connections, and nobody would miss it."""
    offset_ms: int = 0
    """How far the engine's clock stands ahead. Steps ahead stay, for a partition's clock never runs back: after a
    step back it would stand still until the world has caught up."""
    replies_lost: int = 0
    bytes_cut: int = 0

    async def victim(self, role: str) -> int:
        """Return the id of a process of that role that somebody would miss."""
        pids = await self.server.pids(role)
        watched = self.watched_edge()
        return watched if watched in pids else self.chance.choice(pids)

    def hold_s(self) -> float:
        """How long a fault that lasts shall last."""
        return self.chance.uniform(*HOLD_S)

    async def set_clock(self, offset_ms: int) -> None:
        """Put the clock of every partition so far ahead."""
        async with self.server.redis() as redis:
            for key in [key async for key in redis.scan_iter(match="*:meta", count=1_000)]:
                await redis.eval(_SET_OFFSET, 1, key, offset_ms)


Strike = Callable[[Field], Awaitable[int]]


@dataclass(frozen=True)
class Fault:
    """A fault by its name in the report; ``strike`` returns how many processes it killed -9."""

    name: str
    strike: Strike
    is_long: bool = False
    """It takes longer than a short run has time for."""
    is_kill: bool = False
    """The process was up and is down: nothing else has happened, so the next gift must be seen within 3 s."""


# --- processes ---


def killing(*roles: str) -> Strike:
    """Return the strike that kills every process of these roles at once."""

    async def strike(field: Field) -> int:
        return await field.server.kill(*roles)

    return strike


async def kill_one_edge(field: Field) -> int:
    """Kill one of the edges; the others go on."""
    os.kill(await field.victim("edge"), signal.SIGKILL)
    return 1


def stopping(role: str) -> Strike:
    """Return the strike that lets one process stand still for a while, and then go on as if nothing had been."""

    async def strike(field: Field) -> int:
        with stopped(await field.victim(role)):
            await asyncio.sleep(field.hold_s())
        return 0

    return strike


def hanging(role: str) -> Strike:
    """Return the strike that lets one process stand still for good: the supervisor must see to it."""

    async def strike(field: Field) -> int:
        pid = await field.victim(role)
        with stopped(pid):
            async with asyncio.timeout(GIVEN_UP_S_MAX):
                while pid in await field.server.pids(role):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.05)
        return 0

    return strike


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process stand still while the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def replaced_while_stopped(field: Field) -> int:
    """A flusher stands still, another one does its work, and then it wakes up in the middle of what it did."""
    pid = await field.victim("flusher")
    with stopped(pid):
        async with second_flusher(field):
            await asyncio.sleep(field.hold_s())
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(0.5)
    return 0


async def two_flushers(field: Field) -> int:
    """A second flusher works beside the first, and one of them is killed in the middle of it."""
    async with second_flusher(field) as second:
        await asyncio.sleep(field.hold_s())
        victim = field.chance.choice([second.pid, *await field.server.pids("flusher")])
        os.kill(victim, signal.SIGKILL)
        await asyncio.sleep(0.5)
    return 1


@asynccontextmanager
async def second_flusher(field: Field) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one more flusher than the server knows of, from the moment it is at work."""
    server = field.server
    async with server.redis() as redis:
        listening = await _listeners(redis)
    with server.log_path.open("a") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "livegift.cli", "flusher", "--demo", "--data", str(server.data)),
            *("--redis-url", server.redis_url, *server.options),
            stdout=log,
            stderr=log,
            env={**os.environ, **field.disk.env},
        )
    try:
        async with asyncio.timeout(STARTED_S), server.redis() as redis:
            while await _listeners(redis) <= listening:
                assert process.returncode is None, "the second flusher ended"
                await asyncio.sleep(0.05)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _listeners(redis: Any) -> int:
    """How many processes listen for hints: every edge and every flusher that is at work."""
    channels = await redis.pubsub_channels("*:hints")
    return sum(count for _, count in await redis.pubsub_numsub(*channels)) if channels else 0


async def power_cut(field: Field) -> int:
    """Everything is dead at once, and of each file only what was synced is sure to be there."""
    server = field.server
    killed = await server.kill_all()
    field.bytes_cut += field.disk.cut_power(server.durable_files(), field.chance)
    await server.start()
    return killed


# --- SQL ---


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


KILLS = (
    Fault("kill -9 valkey", killing("valkey"), is_kill=True),
    Fault("kill -9 flusher", killing("flusher"), is_kill=True),
    Fault("kill -9 edge", kill_one_edge, is_kill=True),
    Fault("kill -9 valkey and flusher", killing("valkey", "flusher"), is_kill=True),
    Fault("kill -9 all edges", killing("edge"), is_kill=True),
    Fault("kill -9 everything but the supervisor", killing(*ROLES), is_kill=True),
)
OTHERS = (
    Fault("power cut", power_cut),
    Fault("SIGSTOP valkey", stopping("valkey")),
    Fault("SIGSTOP flusher", stopping("flusher")),
    Fault("SIGSTOP edge", stopping("edge")),
    Fault("an edge hangs", hanging("edge"), is_long=True),
    Fault("the flusher hangs", hanging("flusher"), is_long=True),
    Fault("two flushers", two_flushers),
    Fault("a flusher replaced while stopped", replaced_while_stopped),
    Fault("SQL stopped", sql_stopped),
    Fault("SQL slow", sql_slow),
    Fault("SQL disk full", sql_disk_full),
    Fault("AOF disk full", aof_disk_full),
    Fault("Redis out of memory", out_of_memory),
    Fault("lost replies", lost_replies),
    Fault("a room's keys gone", room_keys_gone),
    Fault("clock steps ahead", clock_ahead),
    Fault("clock steps back", clock_back),
    Fault("clock off by over 2 min", clock_beyond),
)


def schedule(chance: random.Random, names: Sequence[str], *, kills_between: int | None) -> Iterator[Fault]:
    """Yield the named faults without end: each kind once a round in random order, so many kills before each other.

    With None the kills are among the others, so that a short run meets every kind.
    """
    kills = [fault for fault in KILLS if fault.name in names]
    others = [fault for fault in OTHERS if fault.name in names]
    if kills_between is None:
        kills, others = [], kills + others
    next_kills, next_others = _endless(chance, kills), _endless(chance, others)
    while True:
        yield from islice(next_kills, kills_between)
        yield from islice(next_others, 1)


def _endless(chance: random.Random, faults: Sequence[Fault]) -> Iterator[Fault]:
    while faults:
        yield from chance.sample(faults, len(faults))


def now_s() -> float:
    """Monotonic seconds, the clock of the whole run."""
    return time.monotonic()
