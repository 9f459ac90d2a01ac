"""Journal -> one SQL transaction -> rooms -> trim, again and again.

Group commit without a timer: the next batch is what has arrived while the previous one was committed, announced and
trimmed (a short pause lets other writers of the book in). Nothing is announced that is not committed, nothing is
trimmed that is not committed. A partition whose journal contradicts the book stops, loudly; the others go on.
"""

import asyncio
from collections.abc import Sequence

import structlog

from livegift.clock import monotonic_ms, now_ms
from livegift.domain.identity import Layout
from livegift.engine import Call, Client, Script, faults
from livegift.errors import Fault, Unavailable
from livegift.flusher.batch_size import BatchSize
from livegift.flusher.inbox import Inbox
from livegift.ledger.journal import JournalReader, JournalTail
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.recover import Recovery
from livegift.rooms.announcer import Announcer
from livegift.store.events import JournalledMovement, PartitionBatch, SettledEvent
from livegift.store.flush import Disagreement, Moved
from livegift.store.flusher_book import FlusherBook

WAIT_MS = 250
BUSY_EVENTS = 16
CHECK_MS = 1_000
RETRY_S = 0.05

_trim = Script("livegift.ledger", "trim")

log = structlog.get_logger(__name__)


class Flusher:
    """The main loop of the flusher process. Everything that touches a partition's mark happens in its one task."""

    def __init__(
        self,
        client: Client,
        keys: LedgerKeys,
        book: FlusherBook,
        announcer: Announcer,
        inbox: Inbox,
        reader: JournalReader,
        *,
        layout: Layout,
        journal_events_max: int,
        flush_events_max: int,
        flush_pause_ms: int,
        flush_busy_pause_ms: int,
        sql_timeout_ms: int,
    ) -> None:
        self._client = client
        self._keys = keys
        self._book = book
        self._announcer = announcer
        self._reader = reader
        self._partitions = layout.partitions
        self._flush_pause_s = flush_pause_ms / 1_000
        self._flush_busy_pause_s = flush_busy_pause_ms / 1_000
        self._last_events = 0
        self._flush_events_max = flush_events_max
        self._size = BatchSize(events_max=flush_events_max * layout.partitions, timeout_ms=sql_timeout_ms)
        self._turn = 0
        self._inbox = inbox
        self.recovery = Recovery(
            client, keys, book, reader, self._drain, layout=layout, journal_events_max=journal_events_max
        )
        self._marks: dict[int, tuple[int, int]] = {}
        self._trimmed: dict[int, tuple[int, int]] = {}
        self._announced: dict[int, int] = {}
        self._noted_behind: set[str] = set()
        self._retired: set[int] = set()
        """Partitions of before a repartition: nothing comes from them any more, but their combos may still be open."""
        self._check_at_ms = 0
        self.caught_up_ms: dict[int, int] = {}
        """Every gift up to these times (the engine's, by partition) has been announced."""
        self.stopped: set[int] = set()
        """Partitions whose journal contradicts the book; they answer `busy` once their journal is full."""
        self._pass_done = asyncio.Event()
        self.passes = 0
        self.events = 0
        self.flushes = 0
        self.flushes_failed = 0
        self.recoveries = 0
        self.flush_events_now = self._size.events
        """Most events that one transaction may carry at present; falls while the book is too slow."""
        self.flushed_at_ms = 0
        """Monotonic time of the last commit."""
        self.is_ready = False

    def check_soon(self) -> None:
        """Look at every partition's owner and epoch with the next pass."""
        self._check_at_ms = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Flush until told to stop, then flush what is there and note what was announced."""
        while not stopping.is_set():
            try:
                if monotonic_ms() >= self._check_at_ms:
                    await self.recover_where_needed()
                    self._check_at_ms = monotonic_ms() + CHECK_MS
                if not await self.step():
                    await self._reader.wait(self._active(), timeout_ms=WAIT_MS)
                else:
                    is_busy = self._last_events > BUSY_EVENTS
                    await asyncio.sleep(self._flush_busy_pause_s if is_busy else self._flush_pause_s)
            except Fault as fault:
                log.warning("flusher_waits", why=str(fault))
                self.check_soon()
                await asyncio.sleep(RETRY_S)
        try:
            while await self.step():
                pass
        except Fault as fault:
            log.warning("flusher_stops_with_a_tail", why=str(fault))

    def _active(self) -> dict[int, tuple[int, int]]:
        return {p: mark for p, mark in self._marks.items() if p not in self.stopped}

    # --- recovery ---

    async def recover_where_needed(self) -> None:
        """Recover each partition that needs it; raises ``CannotRun`` where nobody but an operator can help."""
        recovered = 0
        if not self._marks:
            # Before anything is changed: a restored backup must stay what it is.
            for p in range(self._partitions):
                await self.recovery.refuse_older(p)
        for p in range(self._partitions):
            if p not in self.stopped and await self._recover(p):
                recovered += 1
        if recovered or not self._marks:
            self.recoveries += recovered
            await self._start_over()
        self.is_ready = True

    async def _recover(self, p: int) -> bool:
        try:
            return await self.recovery.recover(p)
        except Disagreement as error:
            self._stop_partition(error)
            return False

    async def _start_over(self) -> None:
        for row in await self._book.partitions():
            self.recovery.insist_on_layout(row)
            if row.partition >= self._partitions:
                self._retired.add(row.partition)
                continue
            self._marks[row.partition] = (row.epoch, row.mark)
            self._announced[row.partition] = row.announced
        self._inbox.forget()
        self._announcer.behind |= set(await self._book.rooms_unannounced())
        await self._trim(self._marks)

    async def _drain(self, batch: PartitionBatch) -> None:
        try:
            await self._commit([batch], announced={}, behind=[])
        except Moved as moved:
            log.info("drained_by_another", why=str(moved))

    def _stop_partition(self, error: Disagreement) -> None:
        self.stopped.add(error.partition)
        log.error("partition_stopped", p=error.partition, why=str(error))

    # --- one pass ---

    async def step(self) -> bool:
        """Flush, announce and trim what is there; tells whether there was anything."""
        active = self._active()
        self._limit_reads(len(active))
        tails = self._in_turn(await self._reader.read(active))
        for p, tail in tails.items():
            if tail.missing:
                await self._look_again(p)
        batches = [
            PartitionBatch(p, self._marks[p][0], self._marks[p][1], tail.events)
            for p, tail in tails.items()
            if tail.events
        ]
        if batches and not await self._flush(batches):
            return True
        await self._trim_behind()
        self.caught_up_ms |= {p: tail.read_ms for p, tail in tails.items() if tail.whole}
        if self._retired:
            caught_up_ms = min((self.caught_up_ms.get(p, 0) for p in active), default=0)
            self.caught_up_ms |= dict.fromkeys(self._retired, caught_up_ms)
        self.passes += 1
        self._pass_done.set()
        self._pass_done = asyncio.Event()
        return bool(batches)

    def _limit_reads(self, partitions: int) -> None:
        self.flush_events_now = self._size.events
        self._reader.events_max = max(1, min(self._flush_events_max, self._size.events // max(1, partitions)))

    def _in_turn(self, tails: dict[int, JournalTail]) -> dict[int, JournalTail]:
        """Return the tails that one transaction may carry: all, unless even an entry of each is too much for it."""
        if self._size.events >= sum(len(tail.events) for tail in tails.values()):
            return tails
        taken: dict[int, JournalTail] = {}
        events = 0
        for p in sorted(tails, key=lambda p: (p - self._turn) % self._partitions):
            if events and tails[p].events and events + len(tails[p].events) > self._size.events:
                continue
            taken[p] = tails[p]
            events += len(tails[p].events)
        self._turn += 1
        return taken

    async def pass_done(self) -> None:
        """Return at the end of the pass under way: what was committed in an earlier one is announced."""
        await self._pass_done.wait()

    async def _look_again(self, p: int) -> None:
        row = await self._book.partition(p)
        if (row.epoch, row.mark) == self._marks[p]:
            self.check_soon()
        self._marks[p] = (row.epoch, row.mark)

    async def _flush(self, batches: Sequence[PartitionBatch]) -> bool:
        behind = sorted(self._announcer.behind - self._noted_behind)
        try:
            settled = await self._commit(batches, announced=self._announced, behind=behind)
        except Moved as moved:
            log.info("flushed_by_another", why=str(moved))
            for batch in batches:
                await self._look_again(batch.partition)
            return False
        except Disagreement as error:
            self._stop_partition(error)
            return False
        self._noted_behind |= set(behind)
        self.flushes += 1
        self._last_events = sum(len(batch.events) for batch in batches)
        self.events += self._last_events
        for batch in batches:
            self._marks[batch.partition] = (batch.epoch, batch.mark)
        await self._announcer.announce(settled)
        for batch in batches:
            self._announced[batch.partition] = batch.mark
        await self._trim({batch.partition: (batch.epoch, batch.mark) for batch in batches})
        await self._tell_wallets(batches)
        return True

    async def _commit(
        self, batches: Sequence[PartitionBatch], *, announced: dict[int, int], behind: list[str]
    ) -> list[SettledEvent]:
        started_ms = monotonic_ms()
        try:
            settled = await self._book.flush(batches, announced=announced, behind=behind, now_ms=now_ms())
        except Unavailable:
            self.flushes_failed += 1
            self._size.failed(sum(len(batch.events) for batch in batches))
            self._limit_reads(len(batches))
            raise
        self.flushed_at_ms = monotonic_ms()
        self._size.succeeded(self.flushed_at_ms - started_ms)
        return settled

    async def _trim(self, marks: dict[int, tuple[int, int]]) -> None:
        calls: list[Call] = [
            ([self._keys.meta(p), self._keys.journal(p)], [epoch, mark, self._keys.marks_channel, p])
            for p, (epoch, mark) in marks.items()
        ]
        for reply in await _trim.run_many(self._client, calls):
            if isinstance(reply, Exception):
                raise reply
        self._trimmed |= marks

    async def _trim_behind(self) -> None:
        """Trim what the book has and no trim of ours has told: one was lost, or another flusher died before its own."""
        behind = {p: mark for p, mark in self._active().items() if self._trimmed.get(p) != mark}
        if behind:
            await self._trim(behind)

    async def _tell_wallets(self, batches: Sequence[PartitionBatch]) -> None:
        moves = [event for batch in batches for event in batch.events if isinstance(event, JournalledMovement)]
        if not moves:
            return
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for move in moves:
                pipe.publish(self._keys.wallets_channel, f"{move.balance} {move.entry.kind} {move.entry.user_id}")
            await pipe.execute()

    async def caught_up(self, room_ids: list[str]) -> None:
        """Note in the book that these rooms lack nothing any more."""
        await self._book.caught_up(room_ids)
        self._noted_behind -= set(room_ids)
