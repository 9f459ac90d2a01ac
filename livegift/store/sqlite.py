"""A SQLite connection with the one thread that uses it, and its faults as ours.

SQLite blocks, so each connection lives in a thread of its own. Every writer begins IMMEDIATE: a deferred
transaction that turns into a writer fails where it could have waited. A call that doesn't come back in time
raises ``Unavailable`` while its thread goes on; whoever is then still in the queue waits behind it, up to a bound.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from livegift.errors import Unavailable

T = TypeVar("T")
QUEUE_MAX = 1_024
"""Calls waiting for one connection; at the bound the next is refused as unavailable."""


def connect(path: Path, *, timeout_ms: int) -> sqlite3.Connection:
    """Open the book: WAL, synchronous FULL (a commit is on disk), waiting up to ``timeout_ms`` for a lock."""
    connection = sqlite3.connect(path, timeout=timeout_ms / 1_000, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def in_transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run ``work`` in one writing transaction; anything raised rolls it back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


class Database:
    """One connection, used by one thread, from asyncio."""

    def __init__(self, path: Path, *, timeout_ms: int) -> None:
        self._path = path
        self._timeout_ms = timeout_ms
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None
        self._waiting = 0

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a reading function; several statements in it see one snapshot only inside BEGIN."""
        return await self._run(work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in one writing transaction.

        ``Unavailable`` after a time-out leaves open whether it was committed.
        """
        return await self._run(lambda connection: in_transaction(connection, work))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._waiting >= QUEUE_MAX:
            raise Unavailable(f"{self._waiting} calls wait for the book, limit is {QUEUE_MAX}")
        self._waiting += 1
        call = asyncio.get_running_loop().run_in_executor(self._thread, self._call, work)
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

    def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = connect(self._path, timeout_ms=self._timeout_ms)
        return work(self._connection)

    async def close(self) -> None:
        """Close the connection and end the thread; waits for the call under way."""

        def close() -> None:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown(wait=False)
