"""Recover = close -> drain -> open: the one path by which a partition starts, and starts again.

Needed when the engine holds no meta for it, another owner's (restarted, promoted, failed back), another epoch than
the book, or a closed one. *Close* makes it answer ``busy`` and tells what stands there; *drain* flushes the journal's
tail if it continues the book; then the new epoch is committed to the book by a compare-and-set, so of two recoveries
one looks again; *open* writes meta anew and does nothing unless its epoch is above the one it finds and the owner is
the one that close saw. A book older than the journal is refused: it was restored from a backup.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NoReturn

import structlog

from livegift.clock import now_ms
from livegift.domain.identity import Layout
from livegift.engine import Client, Script, faults
from livegift.errors import Busy, CannotRun
from livegift.ledger.journal import JournalReader
from livegift.ledger.keys import LAYOUT, LedgerKeys
from livegift.store.events import PartitionBatch
from livegift.store.flusher_book import FlusherBook, PartitionRow
from livegift.store.repartition import Closed

TRIES_MAX = 10

_close = Script("livegift.ledger", "close")
_open = Script("livegift.ledger", "open")

log = structlog.get_logger(__name__)


class BookOlder(CannotRun):
    """The journal knows of events that the book has lost."""

    def __init__(self, p: int, row: PartitionRow, found: tuple[int, int]) -> None:
        super().__init__(
            f"the book is older than its journal: partition {p} stands at epoch {row.epoch}, mark {row.mark} in the "
            f"book, the engine at epoch {found[0]}, seq {found[1]}; "
            "restore the newest book, or give up what it lacks with `livegift recover --accept-older-book`"
        )


class _MovedOn(Exception):
    """Book or engine have changed between our look at the one and our look at the other: look again."""


class Recovery:
    """Recovers partitions of one deployment."""

    def __init__(
        self,
        client: Client,
        keys: LedgerKeys,
        book: FlusherBook,
        reader: JournalReader,
        drain: Callable[[PartitionBatch], Awaitable[None]],
        *,
        layout: Layout,
        journal_events_max: int,
    ) -> None:
        self._client = client
        self._keys = keys
        self._book = book
        self._reader = reader
        self._drain_batch = drain
        self._layout = layout
        self._journal_events_max = journal_events_max

    async def refuse_older(self, p: int) -> None:
        """Raise ``BookOlder`` or ``CannotRun`` if this partition could not be recovered; changes nothing."""
        for _ in range(TRIES_MAX):
            with suppress(_MovedOn):
                await self._refuse_older(await self._row(p))
                return
        raise Busy(f"partition {p} was changed by others {TRIES_MAX} times in a row")

    async def _row(self, p: int) -> PartitionRow:
        row = await self._book.partition(p)
        self.insist_on_layout(row)
        return row

    def insist_on_layout(self, row: PartitionRow) -> None:
        """Raise ``CannotRun`` if the partitions have been changed since this process began."""
        if row.layout != self._layout.since_epoch:
            raise CannotRun(
                f"the partitions have been changed since epoch {self._layout.since_epoch}, when there were "
                f"{self._layout.partitions}: start this process again"
            )

    async def _refuse_older(self, row: PartitionRow) -> None:
        async with faults():
            found: Any = await self._client.hgetall(self._keys.meta(row.partition))
        await self._check(row, {field.decode(): value.decode() for field, value in found.items()})
        last = await self._reader.last(row.partition)
        if last is not None and last > (row.epoch, row.mark):
            await self._continues(row)

    async def recover(self, p: int) -> bool:
        """Recover a partition if it needs it; tells whether it did.

        Raises ``BookOlder`` or ``CannotRun`` (another layout or P), ``Busy`` if others keep changing it,
        ``Unavailable``.
        """
        for _ in range(TRIES_MAX):
            with suppress(_MovedOn):
                recovered = await self._try(await self._row(p))
                if recovered is not None:
                    return recovered
        raise Busy(f"partition {p} was recovered by others {TRIES_MAX} times in a row")

    async def _try(self, row: PartitionRow) -> bool | None:
        """Recover a partition that stands as ``row`` in the book: done, not needed, or None: not any more."""
        reply = await _close.run(self._client, [self._keys.meta(row.partition)], [row.epoch, "0"])
        if reply[0] == b"healthy":
            await self._continues(row)
            return False
        owner, meta = _closed(reply)
        await self._check(row, meta)
        closed_at, row = row.epoch, await self._drain(row, meta)
        if row.epoch != closed_at:
            return None  # another has begun an epoch meanwhile, and may have opened it: ours would take it away
        begun = await self._book.begin_epoch(row, epoch=max(row.epoch + 1, now_ms() // 1_000))
        if begun is None or not await self._open(begun, owner):
            return None
        log.info(
            "partition_recovered", p=row.partition, epoch=begun.epoch, mark=begun.mark, generation=begun.generation
        )
        return True

    async def close(self, p: int) -> Closed:
        """Close a partition, healthy or not, and bring its journal into the book; only a recovery opens it again.

        Raises what ``recover`` raises.
        """
        for _ in range(TRIES_MAX):
            with suppress(_MovedOn):
                closed = await self._close(await self._row(p))
                if closed is not None:
                    return closed
        raise Busy(f"partition {p} was recovered by others {TRIES_MAX} times in a row")

    async def _close(self, row: PartitionRow) -> Closed | None:
        reply = await _close.run(self._client, [self._keys.meta(row.partition)], [row.epoch, "1"])
        _, meta = _closed(reply)
        await self._check(row, meta)
        drained = await self._drain(row, meta)
        if drained.epoch != row.epoch:
            return None
        return Closed(row.partition, row.epoch, drained.mark, max(drained.clock_ms, int(meta.get("clock", "0"))))

    async def _continues(self, row: PartitionRow) -> None:
        """Make sure that a healthy partition's journal goes on from the book."""
        if await self._reader.holds(row.partition, row.epoch, row.mark):
            return
        last = await self._reader.last(row.partition)
        if last is None or last <= (row.epoch, row.mark):
            raise _MovedOn  # the engine has lost it since we asked: it is behind the book, not ahead
        await self._refuse(row, last)

    async def _refuse(self, row: PartitionRow, found: tuple[int, int]) -> NoReturn:
        """Raise ``BookOlder``: the engine was found ahead of ``row``. Unless the book itself has moved on since."""
        if await self._book.partition(row.partition) != row:
            raise _MovedOn
        raise BookOlder(row.partition, row, found)

    async def _check(self, row: PartitionRow, meta: dict[str, str]) -> None:
        if "epoch" not in meta:
            return
        p = row.partition
        if meta.get("layout") != LAYOUT:
            raise CannotRun(
                f"the engine holds layout {meta.get('layout')} of partition {p}, this livegift knows {LAYOUT}"
            )
        if int(meta["epoch"]) > row.epoch:
            await self._refuse(row, (int(meta["epoch"]), int(meta["seq"])))
        # What stands under an epoch that has ended in the book may be of another number: it is not read any more.
        if int(meta["epoch"]) == row.epoch and int(meta["partitions"]) != self._layout.partitions:
            raise CannotRun(f"the engine holds {meta['partitions']} partitions, the book has {self._layout.partitions}")

    async def _drain(self, row: PartitionRow, meta: dict[str, str]) -> PartitionRow:
        p = row.partition
        while True:
            if int(meta.get("epoch", row.epoch)) < row.epoch:
                return row
            tail = (await self._reader.read({p: (row.epoch, row.mark)}))[p]
            if tail.missing:
                last = await self._reader.last(p)
                if last is not None and last > (row.epoch, row.mark):
                    await self._refuse(row, last)
                return row
            if tail.events:
                batch = PartitionBatch(p, row.epoch, row.mark, tail.events)
                await self._drain_batch(batch)
                row = await self._book.partition(p)
                if row.mark < batch.mark:
                    continue  # another flusher has taken a part of it: the rest is still to be drained
            if tail.whole:
                return row

    async def _open(self, row: PartitionRow, owner: str) -> bool:
        p = row.partition
        reply: list[Any] = await _open.run(
            self._client,
            [self._keys.meta(p), self._keys.journal(p)],
            [
                *(LAYOUT, self._layout.partitions, row.epoch, row.generation, row.mark, row.inbox_done, row.clock_ms),
                *(self._journal_events_max, owner, row.chain.hex()),
            ],
        )
        if reply[0] != b"opened":
            log.info("partition_not_opened", p=p, epoch=row.epoch, why=reply[0].decode())
        return bool(reply[0] == b"opened")


def _closed(reply: list[Any]) -> tuple[str, dict[str, str]]:
    """Return owner and meta out of the reply of ``close.lua``."""
    owner, flat = reply[1].decode(), reply[2]
    return owner, {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}
