"""Putting the flusher process together from a config, and running it until it is told to stop."""

import asyncio
from collections.abc import Callable

from livegift.config import Config
from livegift.engine import Client, connect
from livegift.flusher import drift
from livegift.flusher.backlog import HELPS, Backlog
from livegift.flusher.drift import Drift
from livegift.flusher.flusher import Flusher
from livegift.flusher.inbox import Inbox
from livegift.flusher.janitor import Janitor
from livegift.flusher.keeper import Keeper
from livegift.flusher.notary import Notary
from livegift.ledger.journal import JournalReader
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.loader import Loader
from livegift.rooms.announcer import Announcer
from livegift.rooms.keys import RoomKeys
from livegift.store.book import Book, BookFacts
from livegift.store.flusher_book import FlusherBook
from livegift.store.open import open_book, open_flusher_book, prepare
from livegift.telemetry import Counters

REPORT_S = 0.25


class FlusherParts:
    """Everything the flusher process is made of, connected; ``close`` lets go of engine and book."""

    def __init__(
        self, config: Config, secret: bytes, facts: BookFacts, *, client: Client, book: FlusherBook, people: Book
    ) -> None:
        self.facts = facts
        incarnation, partitions = facts.incarnation, facts.partitions
        self.keys = keys = LedgerKeys(config.redis_prefix, incarnation)
        self.book = book
        self.client, self._people = client, people
        self.announcer = Announcer(
            client,
            RoomKeys(config.redis_prefix, incarnation),
            book,
            secret=secret,
            incarnation=incarnation,
            combo_window_ms=config.combo_window_ms,
            history_frames_max=config.history_frames_max,
        )
        loader = Loader(client, keys, people.read_cold, hot_wallets_max=config.hot_wallets_max)
        self.inbox = Inbox(client, keys, book, loader)
        self.flusher = Flusher(
            client,
            keys,
            book,
            self.announcer,
            self.inbox,
            JournalReader(client, keys, events_max=config.flush_events_max),
            layout=facts.layout,
            journal_events_max=config.journal_events_max,
            flush_events_max=config.flush_events_max,
            flush_pause_ms=config.flush_pause_ms,
            flush_busy_pause_ms=config.flush_busy_pause_ms,
            sql_timeout_ms=config.sql_timeout_ms,
        )
        self.backlog = Backlog(
            client, keys, self.flusher, partitions=partitions, batch_gifts_max=config.batch_gifts_max
        )
        self.drift = Drift(client, keys, people.databases[0], partitions=partitions)
        self.janitor = Janitor(client, keys, partitions=partitions, hot_wallets_max=config.hot_wallets_max)
        self.keeper = Keeper(
            client,
            keys,
            book,
            self.flusher,
            self.announcer,
            self.inbox,
            self.janitor,
            room_closed_fold_ms=config.room_closed_fold_ms,
            evict_interval_ms=config.evict_interval_ms,
        )

    async def close(self) -> None:
        """Close the connections to engine and book."""
        await self.client.aclose()
        await self.book.close()
        await self._people.close()


async def open_parts(config: Config, secret: bytes) -> FlusherParts:
    """Connect to engine and book, which must have been prepared. Raises ``Unavailable``."""
    assert config.redis_url is not None
    people = open_book(config)
    try:
        facts = await people.facts()
    except BaseException:
        await people.close()
        raise
    client = connect(config.redis_url, timeout_ms=config.redis_timeout_ms)
    return FlusherParts(config, secret, facts, client=client, book=open_flusher_book(config), people=people)


async def flush_until(
    config: Config, secret: bytes, stopping: asyncio.Event, report: Callable[[bool, dict[str, float]], None]
) -> None:
    """Run the flusher until told to stop; raises ``CannotRun`` where only an operator can help."""
    await prepare(config)
    parts = await open_parts(config, secret)
    notary = Notary(config, secret)
    try:
        await _serve(parts, notary, stopping, report)
    finally:
        await notary.close()
        await parts.close()


async def _serve(
    parts: FlusherParts, notary: Notary, stopping: asyncio.Event, report: Callable[[bool, dict[str, float]], None]
) -> None:
    counters = make_counters()

    async def report_on() -> None:
        while True:
            _count(parts, counters)
            report(parts.flusher.is_ready, dict(counters.values))
            await asyncio.sleep(REPORT_S)

    async with asyncio.TaskGroup() as tasks:
        beside = [
            tasks.create_task(work)
            for work in (report_on(), parts.keeper.run(), parts.backlog.run(), parts.drift.run(), notary.run())
        ]
        await parts.flusher.run(stopping)
        for task in beside:
            task.cancel()


def make_counters() -> Counters:
    """Return what a flusher process reports, declared with its help text."""
    return Counters(
        flushed_events_total="Events committed to the book.",
        flushes_total="Commits.",
        flushes_failed_total="Commits that the book did not take in time.",
        flush_events_now="Most events that one transaction may carry at present; falls while the book is too slow.",
        recoveries_total="Partitions recovered.",
        partitions_stopped="Partitions whose journal contradicts the book.",
        rooms_behind="Rooms that lack something the book holds.",
        wallets_evicted_total="Idle wallets evicted from Valkey.",
        **HELPS,
        **drift.HELPS,
    )


def _count(parts: FlusherParts, counters: Counters) -> None:
    flusher = parts.flusher
    counters.set("flushed_events_total", flusher.events)
    counters.set("flushes_total", flusher.flushes)
    counters.set("flushes_failed_total", flusher.flushes_failed)
    counters.set("flush_events_now", flusher.flush_events_now)
    counters.set("recoveries_total", flusher.recoveries)
    counters.set("partitions_stopped", len(flusher.stopped))
    counters.set("rooms_behind", len(parts.announcer.behind))
    counters.set("wallets_evicted_total", parts.keeper.evicted)
    for name, value in (*parts.backlog.figures.items(), *parts.drift.figures.items()):
        counters.set(name, value)
