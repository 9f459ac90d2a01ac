"""The SQL under the server: how it is named on the command line, and how it is brought to a halt."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

LOCK_S = 10.0


class Store(Protocol):
    """What the faults need of the SQL that holds the book."""

    options: tuple[str, ...]

    def stopped(self) -> "asynccontextmanager[None]": ...


class Sqlite:
    """The book in the data directory."""

    options: tuple[str, ...] = ()

    def __init__(self, data: Path) -> None:
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

    def _lock(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=LOCK_S, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN EXCLUSIVE")
        return connection
