"""The book in PostgreSQL: a small pool of connections, and one transaction a call.

Everything runs inside an explicit transaction, so a pooler in transaction mode may stand between: nothing is kept in
a session. Prepared statements are such a thing; whether a pooler is there is found out, not configured: the process
that greets us must be the one that answers. A call that is cancelled or takes too long drops its connection: asking a
server that hangs to cancel would hang, too.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from livegift.errors import CannotRun, Unavailable
from livegift.store.sql import Conflict, Parameter, Row, Value, Work

T = TypeVar("T")
STREAM_ROWS = 2_000
MIGRATION_LOCK = 0x6C69_7665_6769_6674
"""Key of the advisory lock under which the book is migrated ("livegift")."""

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# READ COMMITTED: the compare-and-set of a second flusher must see what the first one committed while it waited.
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

_REFUSED = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)
_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.ProtocolViolationError,
    OSError,
)
"""The server is away, ending, full, or has another primary; also deadlocks: whoever was chosen may try again."""


class PostgresSql:
    """The statements of one transaction."""

    dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self._db = connection

    async def rows(self, query: str, *parameters: Parameter) -> list[Row]:
        """Return all rows."""
        return [tuple(row) for row in await self._db.fetch(query, *parameters)]

    async def row(self, query: str, *parameters: Parameter) -> Row | None:
        """Return the first row, or None."""
        row = await self._db.fetchrow(query, *parameters)
        return None if row is None else tuple(row)

    async def stream(self, query: str, *parameters: Parameter) -> AsyncIterator[Row]:
        """Iterate over rows too many to hold at once."""
        async for row in self._db.cursor(query, *parameters, prefetch=STREAM_ROWS):
            yield tuple(row)

    async def run(self, statement: str, *parameters: Parameter) -> int:
        """Run a statement and return how many rows it changed."""
        try:
            status: str = await self._db.execute(statement, *parameters)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise Conflict(str(error)) from error
        return int(status.rsplit(" ", 1)[1])

    async def run_many(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of parameters."""
        try:
            await self._db.executemany(statement, rows)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise Conflict(str(error)) from error

    async def run_script(self, script: str) -> None:
        """Run the statements of a migration."""
        await self._db.execute(script)

    async def schema_version(self) -> int:
        """Return the number of the last migration, under the lock of migrations."""
        await self._db.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        await self._db.execute("CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL)")
        version: int | None = await self._db.fetchval("SELECT max(version) FROM schema_version")
        return version or 0

    async def set_schema_version(self, number: int) -> None:
        """Note the last migration."""
        await self._db.execute("INSERT INTO schema_version VALUES ($1)", number)


class PostgresDatabase:
    """A pool of at most ``connections_max``, made with the first call."""

    def __init__(self, url: str, *, timeout_ms: int, connections_max: int) -> None:
        parts = urlsplit(url)
        self.url = url
        self.name = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
        self._timeout_ms = timeout_ms
        self._connections_max = connections_max
        self._pool: Any = None
        self._making = asyncio.Lock()

    async def read(self, work: Work[T]) -> T:
        """Run a reading function on one snapshot."""
        return await self._run(work, _READ)

    async def write(self, work: Work[T]) -> T:
        """Run a function in one writing transaction.

        ``Unavailable`` leaves open whether it was committed.
        """
        return await self._run(work, _WRITE)

    async def _run(self, work: Work[T], begin: str) -> T:
        return await self._guarded(lambda connection: _transact(connection, work, begin))

    async def _guarded(self, use: Callable[[Any], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout_ms / 1_000):
                if self._pool is None:
                    await self._make_pool()
                connection = await self._pool.acquire()
                try:
                    return await use(connection)
                finally:
                    await self._pool.release(connection)
        except _REFUSED as error:
            raise CannotRun(f"PostgreSQL at {self.name} refuses: {error}") from error
        except asyncpg.UndefinedTableError as error:
            raise CannotRun(f"PostgreSQL at {self.name} holds no livegift book: {error}.") from error
        except TimeoutError as error:
            raise Unavailable(f"the book did not answer within {self._timeout_ms} ms") from error
        except _GONE as error:
            if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
                raise  # a parameter of the wrong type is a bug of ours
            raise Unavailable(f"the book does not take this call now: {error or type(error).__name__}") from error

    async def scrub(self, tables: Sequence[str]) -> None:
        """Vacuum them: old versions of rows are removed. The server's own log keeps its past (docs/persons.md)."""

        async def vacuum(connection: Any) -> None:
            for table in tables:
                await connection.execute(f"VACUUM {table}")

        await self._guarded(vacuum)

    async def _make_pool(self) -> None:
        async with self._making:
            if self._pool is None:
                statements = 0 if await _has_pooler(self.url) else 256
                self._pool = await asyncpg.create_pool(
                    self.url,
                    min_size=0,
                    max_size=self._connections_max,
                    statement_cache_size=statements,
                    max_inactive_connection_lifetime=60,
                    reset=_keep,
                    server_settings={"application_name": "livegift"} if statements else {},
                )

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            try:
                async with asyncio.timeout(self._timeout_ms / 1_000):
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()
            self._pool = None


async def _transact(connection: Any, work: Work[T], begin: str) -> T:
    try:
        await connection.execute(begin)
        result = await work(PostgresSql(connection))
        await connection.execute("COMMIT")
    except asyncio.CancelledError:
        connection.terminate()
        raise
    except BaseException:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise
    return result


async def _keep(connection: Any) -> None:
    """Keep nothing and reset nothing: no call leaves anything in a session."""


async def _has_pooler(url: str) -> bool:
    connection = await asyncpg.connect(url, statement_cache_size=0)
    try:
        async with connection.transaction():
            return bool(await connection.fetchval("SELECT pg_backend_pid()") != connection.get_server_pid())
    finally:
        connection.terminate()
