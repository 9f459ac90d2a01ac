"""Numbered migrations, and what a new book starts with.

``schema/<dialect>/NNNN_name.sql`` run in order inside one writing transaction. The book holds the last number; one
written by newer code is refused: old code would misread it.
"""

import sqlite3
from importlib.resources import files
from pathlib import Path

from livegift.domain.catalogue import FIRST_GIFTS
from livegift.domain.chain import GENESIS
from livegift.domain.demo import DEMO_ROOMS
from livegift.errors import CannotRun, Unavailable
from livegift.store.book import INSERT_CATALOGUE, catalogue_rows
from livegift.store.sql import Database, Sql
from livegift.store.sqlite import SqliteDatabase

USD_MICROS_PER_POINT = 5_000
PARTITIONS_MAX = 1_024


async def prepare_book(database: Database, *, partitions: int, now_ms: int, demo: bool) -> None:
    """Bring the book up to date, creating it if there is none; safe from several processes at once.

    Raises ``CannotRun`` for a newer schema, a file that is no book, or a P that is out of bounds; ``Unavailable`` when
    a PostgreSQL does not answer.
    """
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise CannotRun(f"partitions is {partitions}, must be 1 to {PARTITIONS_MAX}")

    async def prepare(sql: Sql) -> None:
        await migrate_to(sql, schema_known())
        if await sql.row("SELECT 1 FROM book") is None:
            await _seed(sql, partitions=partitions, now_ms=now_ms)
        if demo:
            await _seed_demo(sql, now_ms=now_ms)

    if not isinstance(database, SqliteDatabase):
        await database.write(prepare)
        return
    Path(database.path).parent.mkdir(parents=True, exist_ok=True)
    try:
        await database.write(prepare)
    except (Unavailable, sqlite3.DatabaseError) as error:
        # A file that cannot be opened now is not somewhere else in a moment.
        raise CannotRun(f"the book {database.name} cannot be opened: {error}") from error


def _migrations(dialect: str) -> list[tuple[int, str]]:
    folder = files("livegift.store") / "schema" / dialect
    found = [(int(file.name[:4]), file.read_text()) for file in folder.iterdir() if file.name.endswith(".sql")]
    return sorted(found)


def schema_known() -> int:
    """Return the number of the newest migration, the same for both dialects."""
    return _migrations("sqlite")[-1][0]


async def migrate_to(sql: Sql, target: int) -> None:
    """Run the migrations that the book lacks, up to that number; raises ``CannotRun`` for a book that is beyond it."""
    version = await sql.schema_version()
    if version > target:
        raise CannotRun(f"the book has schema {version}, this livegift knows up to {target}: use a newer livegift")
    for number, script in _migrations(sql.dialect):
        if version < number <= target:
            await sql.run_script(script)
            await sql.set_schema_version(number)


async def _seed(sql: Sql, *, partitions: int, now_ms: int) -> None:
    await sql.run("INSERT INTO book VALUES (1, 1, $1, $2)", partitions, now_ms)
    await sql.run("INSERT INTO layout VALUES (0, $1)", partitions)
    await sql.run("INSERT INTO audit_head VALUES (1, 0, $1)", GENESIS)
    await sql.run("INSERT INTO sanction_head VALUES (1, 0)")
    await sql.run_many("INSERT INTO partition (p, chain) VALUES ($1, $2)", [(p, GENESIS) for p in range(partitions)])
    await sql.run("INSERT INTO rate VALUES (1, $1, $2)", USD_MICROS_PER_POINT, now_ms)
    await sql.run_many(INSERT_CATALOGUE, catalogue_rows(1, FIRST_GIFTS))


async def _seed_demo(sql: Sql, *, now_ms: int) -> None:
    for room in DEMO_ROOMS:
        await sql.run(
            "INSERT INTO person VALUES ($1, $2, 'creator', $3) ON CONFLICT DO NOTHING",
            *(room.creator_id, room.creator_name, now_ms),
        )
        await sql.run(
            "INSERT INTO room (id, title, creator_id, created_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            *(room.room_id, room.title, room.creator_id, now_ms),
        )
