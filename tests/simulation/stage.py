"""What worlds are set up on: an engine and a book, both in memory where the machine has a folder for that."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from livegift.ledger.embedded import EmbeddedServer
from tests.postgres import running_postgres
from tests.simulation.book import InnerBook, PostgresBook, SqliteBook
from tests.simulation.engine import Engine
from tests.simulation.people import Sender

BEGINNING_MS = 1_800_000_000_000
"""Every world's first moment, milliseconds since 1970."""
PARTITIONS = 2
PARTITIONS_MAX = 4
"""Operators change the number now and then."""


@dataclass(frozen=True, slots=True)
class Room:
    id: str
    creator_id: str


SENDERS = [Sender(f"sender-{n}", f"Sender {n}") for n in range(10)]
ROOMS = [Room(f"room-{n}", f"creator-{n // 2}") for n in range(3)]


@dataclass(frozen=True, slots=True)
class Stage:
    """Used by one world after the other."""

    engine: Engine
    book: InnerBook


@contextmanager
def stage(store: str) -> Iterator[Stage]:
    """Start an engine and prepare a book (``sqlite`` or ``postgres``); both are gone at the end."""
    memory = Path("/dev/shm")
    with ExitStack() as open_:
        name = open_.enter_context(
            tempfile.TemporaryDirectory(prefix="livegift-sim-", dir=memory if memory.is_dir() else None)
        )
        server = EmbeddedServer(Path(name) / "engine")
        asyncio.run(server.start())
        open_.callback(lambda: asyncio.run(server.stop()))
        engine = Engine(server.url.removeprefix("unix://"))
        open_.callback(engine.close)
        book: InnerBook
        if store == "sqlite":
            book = SqliteBook(Path(name) / "book.sqlite3", partitions=PARTITIONS, now_ms=BEGINNING_MS)
        else:
            url = open_.enter_context(running_postgres()).create()
            book = PostgresBook(url, partitions=PARTITIONS, now_ms=BEGINNING_MS)
        open_.callback(book.close)
        _people(book)
        yield Stage(engine, book)


def _people(book: InnerBook) -> None:
    """Let everybody and every room be there from the beginning."""
    people = [(sender.id, sender.name, "viewer") for sender in SENDERS]
    people += [(creator, creator.title(), "creator") for creator in sorted({room.creator_id for room in ROOMS})]
    for person_id, name, role in people:
        book.query("INSERT INTO person VALUES ($1, $2, $3, $4)", person_id, name, role, BEGINNING_MS)
    for room in ROOMS:
        columns = "(id, title, creator_id, created_ms)"
        book.query(f"INSERT INTO room {columns} VALUES ($1, $1, $2, $3)", room.id, room.creator_id, BEGINNING_MS)
    book.keep_as_new()
