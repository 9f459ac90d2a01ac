"""How long ``livegift repartition`` takes over so many wallets, all with coins in them.

The wallets are filled by the flusher's own transaction; no gift is sent. Afterwards the audit must have no findings.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livegift.clock import now_ms
from livegift.domain.identity import partition_of
from livegift.flusher.audit import audit
from livegift.flusher.repartition import repartition
from livegift.store.events import JournalledMovement, PartitionBatch
from livegift.store.sql import Sql
from livegift.wire.journal import MovementEntry
from tests.bench.deployment import Book, deployed
from tests.world import SECRET, World

AT_ONCE = 20_000
COINS = 100
LIMIT_MS = 600_000


async def run(folder: Path, book: Book, *, wallets: int, partitions: int) -> dict[str, Any]:
    """Fill a book with ``wallets`` wallets in 4 partitions, and spread them over ``partitions``."""
    async with deployed(folder, book) as (world, _):
        for first in range(0, wallets, AT_ONCE):
            await _fill(world, [f"sender-{n}" for n in range(first, min(first + AT_ONCE, wallets))])
        started = time.monotonic()
        done = await repartition(world.config, SECRET, partitions, timeout_ms=LIMIT_MS)
        seconds = time.monotonic() - started
        report = await audit(world.config, SECRET, live=False)
        return {
            "store": book.setting.partition(":")[0],
            "wallets": wallets,
            "partitions": partitions,
            "moved": done["wallets"],
            "seconds": round(seconds, 1),
            "moved_per_s": round((done["wallets"] or 0) / seconds),
            "audit_findings": report["findings"],
            "audit_wallets": report["wallets"],
        }


async def _fill(world: World, users: Sequence[str]) -> None:
    rows = await world.parts.book.partitions()
    own: dict[int, list[str]] = {row.partition: [] for row in rows}
    for user in users:
        own[partition_of(user, len(rows))].append(user)
    inbox: list[tuple[str | int, ...]] = []
    batches = []
    for row in rows:
        events = []
        for place, user in enumerate(own[row.partition], start=1):
            number, at = row.inbox_done + place, now_ms()
            inbox.append((row.partition, number, user, "promo", COINS, at))
            entry = MovementEntry(user, "promo", COINS)
            events.append(JournalledMovement(row.mark + place, at, entry, number, "applied", COINS))
        batches.append(PartitionBatch(row.partition, row.epoch, row.mark, events))

    async def ask(sql: Sql) -> None:
        await sql.run_many(
            "INSERT INTO movement (p, number, user_id, kind, coins, asked_ms) VALUES ($1, $2, $3, $4, $5, $6)", inbox
        )
        counts = [(len(own[row.partition]), row.partition) for row in rows]
        await sql.run_many("UPDATE partition SET inbox_given = inbox_given + $1 WHERE p = $2", counts)

    await world.edge.book._writes.write(ask)
    await world.parts.book.flush(batches, announced={}, behind=[], now_ms=now_ms())
