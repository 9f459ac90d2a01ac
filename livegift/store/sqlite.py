"""The book in one SQLite file: a connection with the one thread that uses it.

SQLite blocks, so each connection lives in a thread of its own, and a whole transaction is one hop to it: the ``async``
function is run to its end there, since nothing that it awaits ever waits. Every writer begins IMMEDIATE: a deferred
transaction that turns into a writer fails where it could have waited. A call that doesn't come back in time raises
``Unavailable`` while its thread goes on; whoever is then still in the queue waits behind it, up to a bound.
"""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from livegift.errors import Unavailable
from livegift.store.sql import Conflict, Parameter, Row, Value, Work

T = TypeVar("T")
QUEUE_MAX = 1_024
"""Calls waiting for one connection; at the bound the next is refused as unavailable."""
FETCH_ROWS = 1_000


def connect(path: Path, *, timeout_ms: int) -> sqlite3.Connection:
    """Open the book: WAL, synchronous FULL (a commit is on disk), waiting up to ``timeout_ms`` for a lock."""
    connection = sqlite3.connect(path, timeout=timeout_ms / 1_000, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only unlinked
    return connection


def run_transaction(connection: sqlite3.Connection, work: Work[T], *, begin: str) -> T:
    """Run ``work`` to its end in one transaction that ``begin`` starts; anything raised rolls it back."""
    connection.execute(begin)
    try:
        result = _to_its_end(work(SqliteSql(connection)))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _to_its_end(work: Awaitable[T]) -> T:
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as end:
        result: T = end.value
        return result
    steps.close()
    raise AssertionError("a transaction awaited something else than its statements")


@lru_cache(maxsize=256)
def _in_its_words(query: str) -> str:
    sets = re.sub(r"= ANY\((\$\d+)\)", r"IN (SELECT value FROM json_each(\1))", query)
    return re.sub(r"\$(\d+)", r"?\1", sets)


class SqliteSql:
    """The statements of one transaction."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def _execute(self, query: str, parameters: Sequence[Parameter]) -> sqlite3.Cursor:
        values = [json.dumps(value) if isinstance(value, (list, tuple)) else value for value in parameters]
        try:
            return self._db.execute(_in_its_words(query), values)
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from error

    async def rows(self, query: str, *parameters: Parameter) -> list[Row]:
        """Return all rows."""
        return self._execute(query, parameters).fetchall()

    async def row(self, query: str, *parameters: Parameter) -> Row | None:
        """Return the first row, or None."""
        row: Row | None = self._execute(query, parameters).fetchone()
        return row

    async def stream(self, query: str, *parameters: Parameter) -> AsyncIterator[Row]:
        """Iterate over rows too many to hold at once."""
        cursor = self._execute(query, parameters)
        while rows := cursor.fetchmany(FETCH_ROWS):
            for row in rows:
                yield row

    async def run(self, statement: str, *parameters: Parameter) -> int:
        """Run a statement and return how many rows it changed."""
        return self._execute(statement, parameters).rowcount

    async def run_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of parameters."""
        try:
            self._db.executemany(_in_its_words(statement), rows)
        except sqlite3.IntegrityError as error:
            raise Conflict(str(error)) from error

    async def run_script(self, script: str) -> None:
        """Run the statements one by one: ``executescript`` would commit first."""
        statement = ""
        for line in script.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                self._db.execute(statement)
                statement = ""

    async def schema_version(self) -> int:
        """Return the number of the last migration; the writing lock keeps others away."""
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        return version

    async def set_schema_version(self, number: int) -> None:
        """Note the last migration."""
        self._db.execute(f"PRAGMA user_version = {number:d}")


class SqliteDatabase:
    """One connection, used by one thread, from asyncio."""

    def __init__(self, path: Path, *, timeout_ms: int) -> None:
        self.path = path
        self.name = str(path)
        self._timeout_ms = timeout_ms
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0

    async def read(self, work: Work[T]) -> T:
        """Run a reading function on one snapshot."""
        return await self._run(work, "BEGIN")

    async def write(self, work: Work[T]) -> T:
        """Run a function in one writing transaction.

        ``Unavailable`` after a time-out leaves open whether it was committed.
        """
        return await self._run(work, "BEGIN IMMEDIATE")

    async def _run(self, work: Work[T], begin: str) -> T:
        if self._waiting >= QUEUE_MAX:
            raise Unavailable(f"{self._waiting} calls wait for the book, limit is {QUEUE_MAX}")
        self._waiting += 1
        call = asyncio.get_running_loop().run_in_executor(self._thread, self._call, work, begin)
        call.add_done_callback(self._done)
        try:
            # Waiting for the lock takes up to the time-out itself: a little more, so that SQLite speaks first.
            async with asyncio.timeout((self._timeout_ms + 500) / 1_000):
                return await asyncio.shield(call)
        except TimeoutError as error:
            raise Unavailable(f"the book did not answer within {self._timeout_ms} ms") from error
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the book does not take this call now: {error}") from error

    def _done(self, call: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not call.cancelled():
            call.exception()  # a call that nobody waits for any more must not warn at exit

    def _call(self, work: Work[T], begin: str) -> T:
        if self._connection is None:
            self._connection = connect(self.path, timeout_ms=self._timeout_ms)
        return run_transaction(self._connection, work, begin=begin)

    async def scrub(self, tables: Sequence[str]) -> None:
        """Bring the write-ahead log, which holds pages as they were, into the book, and empty it."""

        def checkpoint() -> bool:
            if self._connection is None:
                self._connection = connect(self.path, timeout_ms=self._timeout_ms)
            (is_busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return bool(is_busy)

        if await asyncio.get_running_loop().run_in_executor(self._thread, checkpoint):
            raise Unavailable("others read the book: its write-ahead log could not be emptied")

    async def close(self) -> None:
        """Close the connection and end the thread; waits for the call under way."""

        def close() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown(wait=False)
