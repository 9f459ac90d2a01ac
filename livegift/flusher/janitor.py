"""Keeping the engine small: idle wallets are evicted, keys of older generations unlinked, long-closed rooms dropped."""

from typing import Any

import structlog

from livegift.clock import now_ms
from livegift.domain.identity import ID_WINDOW_MS
from livegift.engine import Client, Script, faults
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.view import PartitionView, read_view
from livegift.rooms.announcer import Announcer
from livegift.store.flusher_book import FlusherBook

EVICT_KEYS_MAX = 200
SCAN_COUNT = 1_000
CROWDED = 0.9
"""Share of the bound from which settled wallets are evicted however recently they were used."""

_evict = Script("livegift.ledger", "evict")

log = structlog.get_logger(__name__)


class Janitor:
    """Sweeps when asked to; nothing it does changes what is true."""

    def __init__(self, client: Client, keys: LedgerKeys, *, partitions: int, hot_wallets_max: int) -> None:
        self._client = client
        self._keys = keys
        self._partitions = partitions
        self._hot_wallets_max = hot_wallets_max

    async def is_crowded(self) -> bool:
        """Tell whether a partition nears its bound of hot wallets."""
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for p in range(self._partitions):
                pipe.hget(self._keys.meta(p), "hot")
            hot = await pipe.execute()
        return any(int(count or 0) >= self._hot_wallets_max * CROWDED for count in hot)

    async def sweep(self) -> int:
        """Look at every key of every partition once; returns how many wallets were evicted."""
        evicted = 0
        for p in range(self._partitions):
            view = await read_view(self._client, self._keys, p)
            if view is not None:
                evicted += await self._sweep_partition(p, view)
        return evicted

    async def _sweep_partition(self, p: int, view: PartitionView) -> int:
        async with faults():
            hot = int(await self._client.hget(self._keys.meta(p), "hot") or 0)
        idle_ms = 0 if hot >= self._hot_wallets_max * CROWDED else ID_WINDOW_MS
        start = self._keys.partition(p)
        current = f"{start}{view.generation}:"
        wallets: list[str] = []
        evicted = 0
        cursor = 0
        while True:
            async with faults():
                reply: Any = await self._client.scan(cursor, match=f"{start}*", count=SCAN_COUNT)
            cursor, found = reply
            names = [key.decode() for key in found]
            old = [name for name in names if self._is_older(name[len(start) :], view.generation)]
            if old:
                async with faults():
                    await self._client.unlink(*old)
            wallets += [name[len(current) + 2 :] for name in names if name.startswith(current + "w:")]
            if len(wallets) >= EVICT_KEYS_MAX or cursor == 0:
                evicted += await self._evict(p, view, wallets, idle_ms)
                wallets = []
            if cursor == 0:
                return evicted

    @staticmethod
    def _is_older(rest: str, generation: int) -> bool:
        number, colon, _ = rest.partition(":")
        return bool(colon) and number.isdigit() and int(number) < generation

    async def _evict(self, p: int, view: PartitionView, users: list[str], idle_ms: int) -> int:
        if not users:
            return 0
        names = [self._keys.meta(p)]
        for user_id in users:
            names += [
                self._keys.wallet(p, view.generation, user_id),
                self._keys.ids(p, view.generation, user_id),
            ]
        reply = await _evict.run(self._client, names, [view.epoch, view.generation, view.owner, idle_ms])
        return int(reply[1]) if reply[0] == b"evicted" else 0


async def drop_closed_rooms(book: FlusherBook, announcer: Announcer, *, fold_ms: int, done_until_ms: int) -> int:
    """Drop the state of rooms closed for longer than ``fold_ms``; returns the time up to which that is done."""
    before = now_ms() - fold_ms
    for room_id in await book.rooms_closed_before(before, after_ms=done_until_ms):
        await announcer.forget(room_id)
        log.info("room_dropped", room=room_id)
    return before
