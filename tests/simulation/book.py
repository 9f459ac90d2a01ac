"""The book of a world: the real schema and the real transactions; each whole read or write is one I/O call."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import livegift.flusher.process
import livegift.store.book
import livegift.store.flusher_book
from livegift.store.sqlite import connect, in_transaction
from tests.simulation.client import SimClient

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.world import World

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class InnerBook:
    """The book itself, called at once: the world decides when."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, timeout_ms=0)
        self._connection.execute("PRAGMA synchronous = OFF")  # no machine dies in here

    def read(self, work: Work[T]) -> T:
        return work(self._connection)

    def write(self, work: Work[T]) -> T:
        return in_transaction(self._connection, work)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The checker's own look."""
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        self._connection.close()


def _name(work: Callable[..., object]) -> str:
    return "sql." + work.__qualname__.split(".<locals>")[0].rpartition(".")[2]


class SimDatabase:
    """A process' connection to the book."""

    def __init__(self, world: "World", process: "Process") -> None:
        self._world = world
        self._process = process

    async def read(self, work: Work[T]) -> T:
        return await self._process.line.book(_name(work), lambda: self._world.book.read(work))

    async def write(self, work: Work[T]) -> T:
        return await self._process.line.book(_name(work), lambda: self._world.book.write(work))

    async def close(self) -> None:
        return None


@contextmanager
def on_line(world: "World", process: "Process") -> Iterator[None]:
    """Within this, the parts of a process are given its line in place of engine and book."""
    modules = (livegift.store.book, livegift.store.flusher_book)
    databases = [module.Database for module in modules]
    connect_ = livegift.flusher.process.connect
    try:
        for module in modules:
            module.Database = lambda path, timeout_ms: SimDatabase(world, process)  # type: ignore[assignment, misc]
        livegift.flusher.process.connect = lambda url, timeout_ms: SimClient(world, process)  # type: ignore[assignment]
        yield
    finally:
        for module, database in zip(modules, databases, strict=True):
            module.Database = database  # type: ignore[misc]
        livegift.flusher.process.connect = connect_
