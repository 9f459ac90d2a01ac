"""The SQL under the server: how it is named to the server, and how it is hurt."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from tests.fault.disk import Disk
from tests.postgres import PostgresServer, running_postgres

LOCK_S = 10.0
CHOICES = ("sqlite", "postgres")


class Store(Protocol):
    """What the faults need of the SQL that holds the book. ``env`` names it to whatever is started."""

    env: dict[str, str]

    def stopped(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Let it take no commit while the block lasts."""

    def kill(self) -> int:
        """Kill -9 what is its own; returns how many servers that ended."""

    def start(self) -> None:
        """Start again what was killed."""


@contextmanager
def running_store(name: str, data: Path, disk: Disk) -> Iterator[Store]:
    """Have the store of that name; what must run for it runs while the block lasts."""
    if name == "sqlite":
        yield Sqlite(data)
        return
    # As it is run where it matters: with fsync, and on the disk that can be slow and full.
    files = str(Path(tempfile.gettempdir()) / "livegift-postgres-")
    with (
        running_postgres(fsync=True, env=disk.env | {"FAULT_POSTGRES": files}) as server,
        ThreadPoolExecutor(1) as aside,
    ):
        # It runs a loop of its own, which the thread of a running loop does not allow.
        yield Postgres(server, aside.submit(server.create).result())


class Sqlite:
    """The book in the data directory."""

    def __init__(self, data: Path) -> None:
        self.env = {"LIVEGIFT_STORE": "sqlite"}
        self._path = data / "book.sqlite3"

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """Hold the write lock, as a backup tool or a forgotten shell does."""
        connection = await asyncio.to_thread(self._lock)
        try:
            yield
        finally:
            connection.rollback()
            connection.close()

    def kill(self) -> int:
        """It lives in the server's own processes."""
        return 0

    def start(self) -> None:
        """It comes with the server's processes."""

    def _lock(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=LOCK_S, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN EXCLUSIVE")
        return connection


class Postgres:
    """A PostgreSQL server of its own."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self.server = server
        self.env = {"LIVEGIFT_STORE": url}

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[None]:
        """Let the postmaster and all its children stand still: connections stay, nobody answers."""
        pids = self.server.pids()
        self._signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(pids, signal.SIGCONT)

    def kill(self) -> int:
        """Kill -9 all of it. What it had not synced stays in its files: it is not PostgreSQL that is judged here."""
        pids = self.server.pids()
        self._signal(pids, signal.SIGSTOP)
        self._signal(pids, signal.SIGKILL)
        self.server.stop()
        return 1

    def start(self) -> None:
        """Start it; it goes through its log first."""
        self.server.start()

    @staticmethod
    def _signal(pids: list[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
