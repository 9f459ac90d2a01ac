"""Processes that die, stand still, or are there twice; and the power cut, which is all of them and the disk."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from tests.fault.field import Field, Strike

STARTED_S = 20.0
GIVEN_UP_S_MAX = 20.0
"""By then a process that hangs must have been replaced."""


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
            with contextlib.suppress(ProcessLookupError):  # on a slow machine it has been ended as hanging meanwhile
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
            *("--redis-url", server.redis_url),
            stdout=log,
            stderr=log,
            env={**os.environ, **server.env},
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
    server, store = field.server, field.store
    killed = await server.kill_all() + store.kill()
    field.bytes_cut += field.disk.cut_power(server.durable_files(), field.chance)
    await asyncio.to_thread(store.start)
    await server.start()
    return killed


async def kill_postgres(field: Field) -> int:
    """PostgreSQL is killed, every process of it, and started again."""
    killed = field.store.kill()
    await asyncio.to_thread(field.store.start)
    return killed
