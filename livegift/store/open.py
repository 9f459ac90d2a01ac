"""Opening the book that the settings name: ``sqlite`` (a file in the data directory) or ``postgresql://…``."""

from livegift.clock import now_ms
from livegift.config import Config
from livegift.store.book import Book
from livegift.store.flusher_book import FlusherBook
from livegift.store.migrate import prepare_book
from livegift.store.postgres import PostgresDatabase
from livegift.store.sql import Database
from livegift.store.sqlite import SqliteDatabase

PREPARE_MS = 10_000
"""Least time for a migration: it waits for those of other processes."""
EDGE_CONNECTIONS_MAX = 8
FLUSHER_CONNECTIONS_MAX = 4


def open_database(config: Config, *, timeout_ms: int | None = None, connections_max: int = 1) -> Database:
    """Return the database; nothing is opened yet. ``connections_max`` is PostgreSQL's, SQLite has one."""
    timeout_ms = timeout_ms or config.sql_timeout_ms
    if config.store == "sqlite":
        return SqliteDatabase(config.book_path, timeout_ms=timeout_ms)
    return PostgresDatabase(config.store, timeout_ms=timeout_ms, connections_max=connections_max)


async def prepare(config: Config) -> None:
    """Create or migrate the book; see ``prepare_book``."""
    database = open_database(config, timeout_ms=max(config.sql_timeout_ms, PREPARE_MS))
    try:
        await prepare_book(database, partitions=config.partitions, now_ms=now_ms(), demo=config.demo)
    finally:
        await database.close()


def open_book(config: Config) -> Book:
    """Return the book for an edge; SQLite gets a connection each for reads and writes."""
    database = open_database(config, connections_max=EDGE_CONNECTIONS_MAX)
    return Book(database, open_database(config) if config.store == "sqlite" else database)


def open_flusher_book(config: Config) -> FlusherBook:
    """Return the book for a flusher."""
    return FlusherBook(open_database(config, connections_max=FLUSHER_CONNECTIONS_MAX))
