"""A deployment to measure: a Valkey of its own, either book, and the flusher in its own process as in production."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from livegift.clock import now_ms
from livegift.domain.people import RoomRow, User
from livegift.ledger.embedded import EmbeddedServer
from tests.postgres import PostgresServer, running_postgres
from tests.world import SECRET, World

SETTINGS = ("redis_url", "redis_prefix", "store", "partitions", "journal_events_max", "sql_timeout_ms")
READY_S = 20.0
AT_ONCE = 32


class Book(Protocol):
    """A book by its setting, and how it is taken away."""

    setting: str

    def away(self, world: World) -> AbstractContextManager[None]:
        """Let it take no commit while the block lasts."""


@dataclass
class _Sqlite:
    setting: str = "sqlite"

    @contextmanager
    def away(self, world: World) -> Iterator[None]:
        """Hold the write lock, as a forgotten shell does."""
        connection = sqlite3.connect(world.config.book_path, timeout=10, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.rollback()
            connection.close()


@dataclass
class _Postgres:
    server: PostgresServer
    setting: str

    @contextmanager
    def away(self, world: World) -> Iterator[None]:
        """Let all its processes stand still: connections stay, nobody answers."""
        pids = self.server.pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


@contextmanager
def opened_book(store: str) -> Iterator[Book]:
    """Have a book of that kind; a PostgreSQL runs with fsync while the block lasts. Not inside a running loop."""
    if store == "sqlite":
        yield _Sqlite()
        return
    with running_postgres(fsync=True) as server:
        yield _Postgres(server, server.create())


@asynccontextmanager
async def deployed(folder: Path, book: Book, **settings: object) -> AsyncIterator[tuple[World, EmbeddedServer]]:
    """Run a Valkey and make a new deployment on it; its flusher is started apart."""
    valkey = EmbeddedServer(folder)
    await valkey.start()
    try:
        world = await World.made(valkey.url, folder / "book", store=book.setting, **settings)
        secret = world.config.secret_path
        secret.parent.mkdir(exist_ok=True)
        secret.write_text(SECRET.hex())
        secret.chmod(0o600)
        try:
            yield world, valkey
        finally:
            await world.close()
    finally:
        await valkey.stop()


@asynccontextmanager
async def flusher_process(world: World) -> AsyncIterator[int]:
    """Run ``livegift flusher`` beside us and yield its process id; ended with SIGTERM."""
    channel = world.keys.hints_channel
    before = (await world.client.pubsub_numsub(channel))[0][1]
    settings = {f"LIVEGIFT_{name.upper()}": str(getattr(world.config, name)) for name in SETTINGS}
    with (world.config.data / "flusher.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "livegift.cli", "flusher", "--data", str(world.config.data)),
            env={**os.environ, **settings},
            stderr=log,
        )
    try:
        async with asyncio.timeout(READY_S):
            while (await world.client.pubsub_numsub(channel))[0][1] <= before:
                assert process.returncode is None, "the flusher ended"
                await asyncio.sleep(0.02)
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def people(world: World, count: int, *, coins: int) -> list[User]:
    """Return so many viewers whose coins can be spent; edge and flusher must be running."""
    gate = asyncio.Semaphore(AT_ONCE)
    edge = world.edge

    async def one(number: int) -> tuple[User, Any]:
        async with gate:
            user = await edge.book.create_user(f"Sender {number}", "viewer", now_ms())
            return user, await edge.book.grant(user.id, coins, now_ms=now_ms())

    made = await asyncio.gather(*(one(number) for number in range(count)))
    await edge.gifting.inbox_has_news()
    for _, entry in made:
        await edge.gifting.wait_granted(entry, timeout_ms=30_000)
    return [user for user, _ in made]


async def rooms(world: World, count: int) -> list[RoomRow]:
    """Return so many rooms, each with a creator of its own."""
    return [await world.room(f"room {number}") for number in range(count)]
