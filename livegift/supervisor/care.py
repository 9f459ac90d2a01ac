"""What an operator does with a book: back it up beside a running server, restore it, go on from an older one, and
change the number of its partitions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from livegift.clock import now_ms
from livegift.config import Config
from livegift.errors import CannotRun, Unavailable
from livegift.flusher.older import look_or_accept
from livegift.flusher.repartition import repartition as change_partitions
from livegift.identity.secret import load_secret
from livegift.ledger.data_lock import DataLock, is_served
from livegift.ledger.embedded import EmbeddedServer
from livegift.store.audit_log import record_care
from livegift.store.dump import dump, load
from livegift.store.open import open_book, open_database, prepare

CARE_MS = 24 * 3_600_000
"""Time limit of a whole backup, restore or repartition."""


async def backup(config: Config, path: Path) -> dict[str, Any]:
    """Write the book to a new file; gifts go on meanwhile. Raises ``CannotRun``, ``Unavailable``."""
    await insist_on_book(config)
    if not is_served(config.data):
        await prepare(config)
    await insist_on_schema(config)
    database = open_database(config, timeout_ms=CARE_MS)
    try:
        done = await dump(database, path, secret=load_secret(config.secret_path), now_ms=now_ms())
        told = {"rows": done["rows"]}
        await database.write(lambda sql: record_care(sql, "book.backup", now_ms=now_ms(), after=told))
        return done
    finally:
        await database.close()


async def insist_on_book(config: Config) -> None:
    """Raise ``CannotRun`` unless there is a book with its secret: nothing here may begin a new one by a typo."""
    if config.store == "sqlite" and not config.book_path.exists():
        raise CannotRun(f"There is no book in {config.data}; name its directory with --data.")
    if not config.secret_path.exists():
        raise CannotRun(f"There is no {config.secret_path}; name the directory of the book's server with --data.")
    book = open_book(config)
    try:
        await book.rate_version()
    finally:
        await book.close()


async def insist_on_schema(config: Config) -> None:
    """Raise ``CannotRun`` for a book that an older livegift serves: brought up to date, that one could not read it."""
    book = open_book(config)
    try:
        await book.facts()
    except (Unavailable, CannotRun) as error:
        raise CannotRun(
            f"The book is an older livegift's: start its server with this version first ({error})."
        ) from error
    finally:
        await book.close()


async def restore(config: Config, path: Path) -> dict[str, Any]:
    """Make the book of a backup where there is none, with no server running. Raises ``CannotRun``, ``Unavailable``."""
    with DataLock(config.data):
        return await _restore(config, path)


async def _restore(config: Config, path: Path) -> dict[str, Any]:
    if config.store == "sqlite" and config.book_path.exists():
        raise CannotRun(f"There is a book already: move {config.book_path}* away first.")
    if not config.secret_path.exists():
        raise CannotRun(f"There is no {config.secret_path}: put the one that was kept with the backup there first.")
    database = open_database(config, timeout_ms=CARE_MS)
    try:
        done = await load(database, path, secret=load_secret(config.secret_path))
        told = {"made_ms": done["made_ms"], "rows": done["rows"]}
        await database.write(lambda sql: record_care(sql, "book.restore", now_ms=now_ms(), after=told))
    except BaseException:
        await database.close()
        if config.store == "sqlite":  # what the rollback left is an empty file
            _remove_book(config.book_path)
        raise
    await database.close()
    return done


def _remove_book(path: Path) -> None:
    for name in ("", "-wal", "-shm"):
        Path(f"{path}{name}").unlink(missing_ok=True)


async def recover(config: Config, *, accept_older_book: bool) -> dict[str, Any]:
    """Say whether the engine knows more than the book, and give that up if told to; no server may be running."""
    await insist_on_book(config)
    async with engine_alone(config) as with_engine:
        return await look_or_accept(with_engine, accept=accept_older_book, now_ms=now_ms())


async def repartition(config: Config, partitions: int) -> dict[str, Any]:
    """Change the number of the book's partitions; no server may be running. Raises ``CannotRun``, ``Fault``."""
    await insist_on_book(config)
    async with engine_alone(config) as with_engine:
        return await change_partitions(with_engine, load_secret(config.secret_path), partitions, timeout_ms=CARE_MS)


@asynccontextmanager
async def engine_alone(config: Config) -> AsyncIterator[Config]:
    """Hold the data directory and yield settings that name its engine: the one given, else the embedded one."""
    with DataLock(config.data) as lock:
        await prepare(config)  # a book of an older livegift is brought up to date first
        if config.redis_url is not None:
            yield config
            return
        valkey = EmbeddedServer(config.data, appendfsync=config.appendfsync, lock=lock)
        try:
            await valkey.start()
            yield replace(config, redis_url=valkey.url)
        finally:
            await valkey.stop()
