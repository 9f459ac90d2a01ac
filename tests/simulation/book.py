"""The book of a world: the real schema and the real transactions; each whole read or write is one I/O call.

``InnerBook`` is the book itself, called at once and to the end of the call: the world decides when. Worlds come one
after the other, so a book is emptied and filled again from what it was when it was new.
"""

import asyncio
import shutil
import sqlite3
import sys
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg

from livegift.store.migrate import prepare_book
from livegift.store.postgres import PostgresDatabase
from livegift.store.sql import Work
from livegift.store.sqlite import SqliteDatabase, connect, run_transaction

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.world import World

T = TypeVar("T")
PATIENCE_MS = 20_000
"""The real book's time limit: in here it is only met if something hangs."""


class InnerBook(Protocol):
    """The book itself."""

    dialect: str

    def read(self, work: Work[T]) -> T: ...

    def write(self, work: Work[T]) -> T: ...

    def query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """The checker's own look; parameters are ``$1``, ``$2``, …"""

    def keep_as_new(self) -> None:
        """Remember what is in it now as what every world begins with."""

    def begin(self) -> None:
        """Be as new."""

    def close(self) -> None: ...


class SqliteBook:
    """A file in memory, copied for each world."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, partitions: int, now_ms: int) -> None:
        self._path = path
        self._new = path.with_suffix(".new")
        asyncio.run(_prepare(SqliteDatabase(path, timeout_ms=PATIENCE_MS), partitions=partitions, now_ms=now_ms))
        self._connection = self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path, timeout_ms=0)
        connection.execute("PRAGMA synchronous = OFF")  # no machine dies in here
        return connection

    def read(self, work: Work[T]) -> T:
        return run_transaction(self._connection, work, begin="BEGIN")

    def write(self, work: Work[T]) -> T:
        return run_transaction(self._connection, work, begin="BEGIN IMMEDIATE")

    def query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.replace("$", "?"), values).fetchall()

    def keep_as_new(self) -> None:
        self._connection.close()  # the last connection leaves no WAL behind
        shutil.copy(self._path, self._new)

    def begin(self) -> None:
        self._connection.close()
        for path in self._path.parent.glob(self._path.name + "*"):
            path.unlink()
        shutil.copy(self._new, self._path)
        self._connection = self._connect()

    def close(self) -> None:
        self._connection.close()


class PostgresBook:
    """A database of a real server. Its loop runs in a thread, and the world stands still until it has answered."""

    dialect = "postgres"

    def __init__(self, url: str, *, partitions: int, now_ms: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgres", daemon=True)
        self._thread.start()
        self._wait(_prepare(self._database(url), partitions=partitions, now_ms=now_ms))
        self._calls = self._database(url)
        self._looks: Any = self._wait(asyncpg.connect(url))

    @staticmethod
    def _database(url: str) -> PostgresDatabase:
        return PostgresDatabase(url, timeout_ms=PATIENCE_MS, connections_max=1)

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()

    def read(self, work: Work[T]) -> T:
        return self._wait(self._calls.read(work))

    def write(self, work: Work[T]) -> T:
        return self._wait(self._calls.write(work))

    def query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._wait(self._looks.fetch(query, *values))]

    def _tables(self) -> list[str]:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename <> 'person', tablename"
        return [name for (name,) in self.query(query)]

    def keep_as_new(self) -> None:
        self.query("CREATE SCHEMA fresh")
        for table in self._tables():
            self.query(f"CREATE TABLE fresh.{table} AS TABLE public.{table}")

    def begin(self) -> None:
        tables = self._tables()
        script = [f"TRUNCATE {', '.join(tables)}"]
        script += [f"INSERT INTO public.{table} SELECT * FROM fresh.{table}" for table in tables]
        self._wait(self._looks.execute(";".join(script)))

    def close(self) -> None:
        self._wait(self._calls.close())
        self._wait(self._looks.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _prepare(database: SqliteDatabase | PostgresDatabase, *, partitions: int, now_ms: int) -> None:
    await prepare_book(database, partitions=partitions, now_ms=now_ms, demo=False)
    await database.close()


def _who_calls() -> str:
    """Return the name of the store's function that makes this call."""
    frame = sys._getframe(2)
    while frame.f_code.co_name.startswith(("_", "<")) and frame.f_back is not None:
        frame = frame.f_back
    return f"sql.{frame.f_code.co_name}"


class SimDatabase:
    """A process' connections to the book."""

    name = "the simulated book"

    def __init__(self, world: "World", process: "Process") -> None:
        self.dialect = world.book.dialect
        self._world = world
        self._process = process

    async def read(self, work: Work[T]) -> T:
        return await self._process.line.book(_who_calls(), lambda: self._world.book.read(work))

    async def write(self, work: Work[T]) -> T:
        return await self._process.line.book(_who_calls(), lambda: self._world.book.write(work))

    async def close(self) -> None:
        return None
