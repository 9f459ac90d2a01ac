"""A book that is older than its engine's journal: what would be given up, kept as a file, and the way on.

A backup that was restored lacks what came after it, and the engine may still know of some of it. Nobody but an operator
may decide that this is gone. Accepting writes what the journal still holds to a file, then counts the book's
incarnation up: it stands in every key, so nothing of the old state is ever found again, and every partition begins a
new epoch on the book as it is.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import orjson

from livegift.config import Config
from livegift.engine import Client, connect, faults, unlink_matching
from livegift.ledger.journal import entry_epoch_seq, parse_fields
from livegift.ledger.keys import LedgerKeys
from livegift.store.events import Event, JournalledGift
from livegift.store.flusher_book import FlusherBook, PartitionRow
from livegift.store.open import open_book, open_flusher_book

ENTRIES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Ahead:
    """A partition whose engine knows more than the book. ``in_journal`` of the events beyond the book are kept."""

    partition: int
    book_epoch: int
    book_mark: int
    engine_epoch: int
    engine_seq: int
    in_journal: int
    coins_in_journal: int


async def look_or_accept(config: Config, *, accept: bool, now_ms: int) -> dict[str, Any]:
    """Return which partitions the engine is ahead of the book in; with ``accept`` give that up.

    No server may be running. The report names the ``journal`` file if there was something to give up and it was.
    Raises ``Unavailable``, ``CannotRun``.
    """
    assert config.redis_url is not None
    client = connect(config.redis_url, timeout_ms=config.redis_timeout_ms)
    people, book = open_book(config), open_flusher_book(config)
    try:
        incarnation = (await people.facts()).incarnation
        keys = LedgerKeys(config.redis_prefix, incarnation)
        rows = await _rows(client, keys, book)
        found = [await _ahead(client, keys, row) for row in rows]
        ahead = [one for one in found if one is not None]
        report: dict[str, Any] = {"older": bool(ahead), "partitions": [asdict(one) for one in ahead], "journal": None}
        if ahead and accept:
            path = config.data / f"journal-given-up-{now_ms // 1_000}.jsonl"
            await _keep_journals(client, keys, rows, path)
            now = await book.begin_incarnation(incarnation, given_up=report["partitions"], now_ms=now_ms)
            report |= {"journal": str(path), "incarnation": now}
            await unlink_matching(client, f"{config.redis_prefix}{incarnation}:*")
        return report
    finally:
        await client.aclose()
        await people.close()
        await book.close()


async def _rows(client: Client, keys: LedgerKeys, book: FlusherBook) -> list[PartitionRow]:
    """Return the book's partitions, and as empty ones those that only the engine has: there were more, later."""
    rows = {row.partition: row for row in await book.partitions()}
    async with faults():
        async for name in client.scan_iter(match=f"{keys.every_partition}}}:meta", count=ENTRIES_AT_ONCE):
            p = int(name.decode().rpartition("{p")[2].partition("}")[0])
            rows.setdefault(p, PartitionRow(p, 0, 0, 0, 0, 0, 0, b"", 0))
    return [rows[p] for p in sorted(rows)]


async def _ahead(client: Client, keys: LedgerKeys, row: PartitionRow) -> Ahead | None:
    async with faults():
        epoch, seq = await client.hmget(keys.meta(row.partition), ["epoch", "seq"])
    if epoch is None or seq is None or (int(epoch), int(seq)) <= (row.epoch, row.mark):
        return None
    lines = [line async for line in _journal(client, keys, row.partition)]
    if int(epoch) == row.epoch and any(e == row.epoch and s == row.mark for e, s, _ in lines):
        return None  # the journal goes on from the book: an ordinary tail, which the next start flushes
    events = [event for e, _, event in lines if event is not None and (e > row.epoch or event.seq > row.mark)]
    coins = sum(event.entry.coins for event in events if isinstance(event, JournalledGift))
    return Ahead(row.partition, row.epoch, row.mark, int(epoch), int(seq), len(events), coins)


async def _journal(client: Client, keys: LedgerKeys, p: int) -> Any:
    """Yield (epoch, entry's last seq, event) of a journal; an opening entry has None for its event."""
    start = "-"
    while True:
        async with faults():
            entries: Any = await client.xrange(keys.journal(p), min=start, count=ENTRIES_AT_ONCE)
        for entry_id, fields in entries:
            epoch, last = entry_epoch_seq(entry_id)
            events: list[Event | None] = [*parse_fields(fields)] or [None]
            for event in events:
                yield epoch, last, event
        if len(entries) < ENTRIES_AT_ONCE:
            return
        start = f"({entries[-1][0].decode()}"


async def _keep_journals(client: Client, keys: LedgerKeys, rows: Sequence[PartitionRow], path: Path) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for row in rows:
            async for epoch, _, event in _journal(client, keys, row.partition):
                if event is not None:
                    kind = "gift" if isinstance(event, JournalledGift) else "movement"
                    entry = {name: getattr(event.entry, name) for name in event.entry.__struct_fields__}
                    figures = {name: getattr(event, name) for name in event.__slots__ if name != "entry"}
                    line = {"partition": row.partition, "epoch": epoch, "kind": kind, **figures, "entry": entry}
                    file.write(orjson.dumps(msgspec.to_builtins(line)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
