"""The audit log on both books: numbers without a gap, a chain that holds, and every kind of tampering noticed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.config import Config
from livegift.domain.action import Action
from livegift.store import audit_log
from livegift.store.migrate import prepare_book
from livegift.store.open import open_database
from livegift.store.sql import Database, Sql


def closing(room: str) -> Action:
    return Action(
        actor="user:42", verb="room.close", subject=f"room:{room}", reason="späte Stunde", after={"open": False}
    )


@pytest.fixture
async def book(tmp_path: Path, store: str) -> AsyncIterator[Database]:
    config = Config(data=tmp_path, store=store)
    database = open_database(config)
    await prepare_book(database, partitions=1, now_ms=0, demo=False)
    yield database
    await database.close()


async def test_actions_are_numbered_in_the_order_of_their_commits(book: Database) -> None:
    numbers = await asyncio.gather(
        *(book.write(lambda sql, n=n: audit_log.record(sql, closing(f"r{n}"), now_ms=1_000 + n)) for n in range(20))
    )
    assert sorted(numbers) == list(range(1, 21))
    lines = await book.read(lambda sql: audit_log.lines(sql, after=5, limit=3))
    assert [line.number for line in lines] == [6, 7, 8]
    assert lines[0].action.reason == "späte Stunde"
    assert lines[0].action.after == {"open": 0}
    assert await book.read(audit_log.broken_at) is None


async def test_what_is_rolled_back_leaves_no_line_and_no_gap(book: Database) -> None:
    async def fail(sql: Sql) -> None:
        await audit_log.record(sql, closing("r1"), now_ms=1)
        raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        await book.write(fail)
    assert await book.write(lambda sql: audit_log.record(sql, closing("r2"), now_ms=2)) == 1


@pytest.mark.parametrize(
    ("tampering", "first_wrong"),
    [
        ("UPDATE audit_log SET actor = 'cli' WHERE number = 2", 2),
        ("UPDATE audit_log SET body = '{}' WHERE number = 2", 2),
        ("UPDATE audit_log SET ts_ms = ts_ms + 1 WHERE number = 3", 3),
        ("DELETE FROM audit_log WHERE number = 2", 2),
        ("DELETE FROM audit_log WHERE number = 3", 3),
        ("UPDATE audit_log SET number = 4 WHERE number = 3", 3),
    ],
)
async def test_tampering_is_noticed(book: Database, tampering: str, first_wrong: int) -> None:
    for n in range(3):
        await book.write(lambda sql, n=n: audit_log.record(sql, closing(f"r{n}"), now_ms=n))
    await book.write(lambda sql: sql.run(tampering))
    assert await book.read(audit_log.broken_at) == first_wrong


async def test_an_erased_line_keeps_its_place_in_the_chain(book: Database) -> None:
    await book.write(lambda sql: audit_log.record(sql, closing("r1"), now_ms=1))
    await book.write(lambda sql: sql.run("UPDATE audit_log SET body = NULL WHERE number = 1"))
    [line] = await book.read(audit_log.lines)
    assert (line.is_erased, line.action.subject) == (True, "room:r1")
    assert await book.read(audit_log.broken_at) is None
