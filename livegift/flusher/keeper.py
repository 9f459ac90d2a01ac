"""What keeps rooms true between two gifts: combos end, closed rooms say so, lost state is found and fed.

Runs beside the flusher's main loop in the same process. It trusts nobody's word that a room is whole: it compares
each live room's marks with the book's.
"""

import asyncio

import structlog

from livegift.clock import monotonic_ms, now_ms
from livegift.engine import Client, faults
from livegift.errors import Fault
from livegift.flusher.flusher import Flusher
from livegift.flusher.inbox import Inbox
from livegift.flusher.janitor import Janitor, drop_closed_rooms
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.loader import Fenced
from livegift.rooms.announcer import Announcer
from livegift.store.flusher_book import FlusherBook

TICK_S = 0.1
COMPARE_MS = 3_000
INBOX_POLL_S = 0.2
JANITOR_LOOK_MS = 1_000

log = structlog.get_logger(__name__)


class Keeper:
    """The flusher process' second hand."""

    def __init__(
        self,
        client: Client,
        keys: LedgerKeys,
        book: FlusherBook,
        flusher: Flusher,
        announcer: Announcer,
        inbox: Inbox,
        janitor: Janitor,
        *,
        room_closed_fold_ms: int,
        evict_interval_ms: int,
    ) -> None:
        self._client = client
        self._keys = keys
        self._book = book
        self._flusher = flusher
        self._announcer = announcer
        self._inbox = inbox
        self._janitor = janitor
        self._fold_ms = room_closed_fold_ms
        self._evict_interval_ms = evict_interval_ms
        self._inbox_wake = asyncio.Event()
        self._rooms_wake = asyncio.Event()
        self._compare_at_ms = 0
        self._sweep_at_ms = 0
        self._swept_recoveries = 0
        self._dropped_until_ms = 0
        self.evicted = 0

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._serve_inbox())
            tasks.create_task(self._serve_rooms())
            tasks.create_task(self._serve_janitor())

    # --- hints ---

    async def _listen(self) -> None:
        while True:
            try:
                async with faults(), self._client.pubsub(ignore_subscribe_messages=True) as subscription:
                    await subscription.subscribe(self._keys.hints_channel)
                    while True:
                        hint = await subscription.get_message(timeout=1.0)
                        if hint is not None:
                            self._take_hint(hint["data"])
            except Fault as fault:
                log.info("hints_interrupted", why=str(fault))
                await asyncio.sleep(TICK_S)

    def _take_hint(self, what: bytes) -> None:
        if what == b"inbox":
            self._inbox_wake.set()
        elif what == b"rooms":
            self._compare_at_ms = 0
            self._rooms_wake.set()
        elif what == b"partitions":
            self._flusher.check_soon()

    # --- inbox ---

    async def _serve_inbox(self) -> None:
        while True:
            try:
                if self._flusher.is_ready:
                    await self._inbox.step()
            except Fenced:
                self._flusher.check_soon()
            except Fault as fault:
                log.info("inbox_waits", why=str(fault))
            try:
                async with asyncio.timeout(INBOX_POLL_S):
                    await self._inbox_wake.wait()
            except TimeoutError:
                continue
            self._inbox_wake.clear()

    # --- rooms ---

    async def _serve_rooms(self) -> None:
        while True:
            try:
                if self._flusher.is_ready:
                    await self._keep_rooms()
            except Fault as fault:
                log.info("rooms_wait", why=str(fault))
            try:
                async with asyncio.timeout(TICK_S):
                    await self._rooms_wake.wait()
            except TimeoutError:
                continue
            self._rooms_wake.clear()

    async def _keep_rooms(self) -> None:
        if monotonic_ms() >= self._compare_at_ms:
            self._compare_at_ms = monotonic_ms() + COMPARE_MS
            await self._compare()
        if self._announcer.behind:
            await self._flusher.caught_up(await self._announcer.feed_behind())
        # Combos are ended by what has been announced, so nothing may be missing when that is judged.
        await self._announcer.end_combos(dict(self._flusher.caught_up_ms))

    async def _compare(self) -> None:
        rooms = await self._book.live_rooms(closed_since_ms=now_ms() - self._fold_ms)
        async with faults():
            owner = (await self._client.info("replication"))["master_replid"]
        marks = {room_id: room.marks for room_id, room in rooms.items()}
        standing = await self._announcer.lacking(rooms, marks, owner)
        self._announcer.behind |= set(standing.stateless)
        if standing.lagging:
            # What the book has just taken is announced within the pass under way; only then is it a loss.
            await self._flusher.pass_done()
            await self._flusher.pass_done()
            behind = (await self._announcer.lacking(standing.lagging, marks, owner)).lagging
            self._announcer.behind |= set(behind)
        # Asked of the room itself each time: a room that was lost and made anew has forgotten that it closed.
        closed = [room_id for room_id, room in rooms.items() if room.is_closed and room_id not in standing.closed]
        for room_id in closed:
            if room_id not in self._announcer.behind:
                await self._announcer.close_room(room_id)

    # --- janitor ---

    async def _serve_janitor(self) -> None:
        while True:
            await asyncio.sleep(JANITOR_LOOK_MS / 1_000)
            try:
                if not self._flusher.is_ready:
                    continue
                # A recovery leaves a whole generation of keys behind, and so may have whoever ran here before us: what
                # waits for the interval never goes where flushers die more often, and Valkey starts later each time.
                recoveries = self._flusher.recoveries
                due = monotonic_ms() >= self._sweep_at_ms or recoveries != self._swept_recoveries
                if due or await self._janitor.is_crowded():
                    self._sweep_at_ms = monotonic_ms() + self._evict_interval_ms
                    self.evicted += await self._janitor.sweep()
                    self._swept_recoveries = recoveries
                if due:
                    self._dropped_until_ms = await drop_closed_rooms(
                        self._book, self._announcer, fold_ms=self._fold_ms, done_until_ms=self._dropped_until_ms
                    )
            except Fault as fault:
                log.info("janitor_waits", why=str(fault))
