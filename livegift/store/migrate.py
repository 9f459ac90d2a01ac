"""Numbered migrations, and what a new book starts with.

``schema/sqlite/NNNN_name.sql`` run in order inside one writing transaction, statement by statement
(``executescript`` would commit first). ``PRAGMA user_version`` holds the last number. A book written by newer
code is refused: old code would misread it.
"""

import sqlite3
from importlib.resources import files
from pathlib import Path

from livegift.domain.catalogue import FIRST_GIFTS
from livegift.domain.chain import GENESIS
from livegift.domain.demo import DEMO_ROOMS
from livegift.errors import CannotRun
from livegift.store.sqlite import connect, in_transaction

USD_MICROS_PER_POINT = 5_000
PARTITIONS_MAX = 1_024


def prepare_book(path: Path, *, partitions: int, now_ms: int, demo: bool, timeout_ms: int) -> None:
    """Bring the book up to date, creating it if there is none; safe from several processes at once.

    Raises ``CannotRun`` for a newer schema, a file that is no book, or a P that is out of bounds.
    """
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise CannotRun(f"partitions is {partitions}, must be 1 to {PARTITIONS_MAX}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = connect(path, timeout_ms=max(timeout_ms, 10_000))
        try:
            in_transaction(connection, lambda c: _prepare(c, partitions=partitions, now_ms=now_ms, demo=demo))
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise CannotRun(f"the book {path} cannot be opened: {error}") from error


def _migrations() -> list[tuple[int, str]]:
    folder = files("livegift.store") / "schema" / "sqlite"
    found = [(int(file.name[:4]), file.read_text()) for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted(found)


def _statements(script: str) -> list[str]:
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements


def _prepare(connection: sqlite3.Connection, *, partitions: int, now_ms: int, demo: bool) -> None:
    migrations = _migrations()
    known = migrations[-1][0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > known:
        raise CannotRun(f"the book has schema {version}, this livegift knows up to {known}: use a newer livegift")
    for number, script in migrations:
        if number > version:
            for statement in _statements(script):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
    if connection.execute("SELECT 1 FROM book").fetchone() is None:
        _seed(connection, partitions=partitions, now_ms=now_ms)
    if demo:
        _seed_demo(connection, now_ms=now_ms)


def _seed(connection: sqlite3.Connection, *, partitions: int, now_ms: int) -> None:
    connection.execute("INSERT INTO book VALUES (1, 1, ?, ?)", (partitions, now_ms))
    connection.executemany("INSERT INTO partition (p, chain) VALUES (?, ?)", [(p, GENESIS) for p in range(partitions)])
    connection.execute("INSERT INTO rate VALUES (1, ?, ?)", (USD_MICROS_PER_POINT, now_ms))
    connection.executemany(
        "INSERT INTO catalogue VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (gift.id, place, gift.name, gift.price_coins, gift.tier, gift.streakable, gift.image, gift.active)
            for place, gift in enumerate(FIRST_GIFTS)
        ],
    )


def _seed_demo(connection: sqlite3.Connection, *, now_ms: int) -> None:
    for room in DEMO_ROOMS:
        connection.execute(
            "INSERT OR IGNORE INTO person VALUES (?, ?, 'creator', ?)", (room.creator_id, room.creator_name, now_ms)
        )
        connection.execute(
            "INSERT OR IGNORE INTO room (id, title, creator_id, created_ms) VALUES (?, ?, ?, ?)",
            (room.room_id, room.title, room.creator_id, now_ms),
        )
