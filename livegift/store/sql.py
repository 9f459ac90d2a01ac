"""The seam between the book and its engine: a database that runs transactions, and the statements inside one.

Every query is written once, in words that PostgreSQL and SQLite share: parameters are ``$1``, ``$2``, …, sets are
``= ANY($1)`` with a list. What differs (connections, threads, types of errors, the schema) stays in ``postgres.py`` and
``sqlite.py``; ``tests/contract`` holds both to the same suite.

A ``work`` is an ``async def`` that awaits nothing but its ``Sql``: SQLite runs it to its end in its own thread.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]
Value = str | int | bytes | None
Parameter = Value | Sequence[str] | Sequence[int]


class Sql(Protocol):
    """The statements of one transaction. Raises ``Conflict`` where a row stands already."""

    dialect: str
    """Folder of the migrations: ``sqlite`` or ``postgres``."""

    async def rows(self, query: str, *parameters: Parameter) -> list[Row]:
        """Return all rows."""

    async def row(self, query: str, *parameters: Parameter) -> Row | None:
        """Return the first row, or None."""

    def stream(self, query: str, *parameters: Parameter) -> AsyncIterator[Row]:
        """Iterate over rows too many to hold at once."""

    async def run(self, statement: str, *parameters: Parameter) -> int:
        """Run a statement and return how many rows it changed."""

    async def run_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of parameters."""

    async def run_script(self, script: str) -> None:
        """Run the statements of a migration."""

    async def schema_version(self) -> int:
        """Return the number of the last migration, 0 for none; nobody else migrates until the transaction ends."""

    async def set_schema_version(self, number: int) -> None:
        """Note the last migration."""


Work = Callable[[Sql], Awaitable[T]]


class Database(Protocol):
    """Runs transactions; raises ``Unavailable`` when the book does not answer in time."""

    name: str
    """What an operator calls it; holds no password."""

    async def read(self, work: Work[T]) -> T:
        """Run a reading function on one snapshot."""

    async def write(self, work: Work[T]) -> T:
        """Run a function in one writing transaction; anything raised rolls it back.

        ``Unavailable`` leaves open whether it was committed.
        """

    async def scrub(self, tables: Sequence[str]) -> None:
        """See to it that what was deleted in these tables is gone from the book's files, too, as far as it can be.

        Raises ``Unavailable`` if others were in the way: it may be asked again.
        """

    async def close(self) -> None:
        """Let go of the connections; waits for the call under way."""


class Conflict(Exception):
    """A row with this key stands in the book already."""


async def one_row(sql: Sql, query: str, *parameters: Parameter) -> Row:
    """Return the row that must be there."""
    row = await sql.row(query, *parameters)
    assert row is not None, f"no row: {query}"
    return row
