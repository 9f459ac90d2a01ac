"""What the faults work on: the server, its disk, its SQL, the clock of its engine, and the run's own chance."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.fault.disk import Disk
from tests.fault.server import Server
from tests.fault.stores import Store

HOLD_S = (0.8, 2.5)

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
    chance: random.Random
    room: str = ""
    watched_edge: Callable[[], int | None] = lambda: None
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
"""Hurts the server and returns when that is over; tells how many processes it killed -9."""
