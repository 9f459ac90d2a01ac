"""Lists that are read page by page hold each row once, in both books, also when rows come and go in between."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.config import Config
from livegift.store.book import Book
from livegift.store.open import open_book, prepare
from livegift.store.sql import Sql
from livegift.store.wallet_rows import WalletPlace, wallet_rows

_GIFT = """INSERT INTO gift VALUES ($1, $2, 1, $3, $4, '', 'ann', 'luna', 'r1', 'rose', 1, 1, 1, 1, 1, 1, 0, NULL,
           $5, '', 0, 0, 0)"""
_MOVE = "INSERT INTO movement VALUES ($1, $2, 'ann', $3, 10, 0, $4, 1, $5, $6, 0)"


@pytest.fixture
async def book(tmp_path: Path, store: str) -> AsyncIterator[Book]:
    config = Config(data=tmp_path, store=store)
    await prepare(config)
    book = open_book(config)
    yield book
    await book.close()


async def test_open_rooms_are_listed_once_though_some_close_between_two_pages(book: Book) -> None:
    creator = await book.create_user("Luna", "creator", 1)
    rooms = [await book.create_room(f"Room {n}", creator.id, n // 3) for n in range(20)]  # three of each moment
    expected = [room.id for room in sorted(rooms, key=lambda room: (int(room.title[5:]) // 3, room.id))]
    seen: list[str] = []
    while page := await book.rooms(limit=4, behind=seen[-1] if seen else None):
        assert len(page) <= 4
        seen += [room.id for room in page]
        await book.close_room(seen[-1], 99)  # the very one that the next page begins behind
    assert seen == expected
    assert await book.rooms(behind="nowhere") == []


async def test_a_wallets_rows_are_told_once_newest_first(book: Book) -> None:
    random.seed(7)
    reads, writes = book.databases
    times = [random.randrange(1_000, 1_020) for _ in range(60)]  # many of one moment

    async def write(sql: Sql) -> None:
        for seq, ts_ms in enumerate(times, 1):
            if seq % 3:
                # A gift's id is made by its client, so that its time is near the event's, and not the same.
                gift_id = f"{ts_ms + random.randrange(-3, 3):012x}{seq:020x}"
                await sql.run(_GIFT, seq % 2, seq, ts_ms, gift_id, b"")
            else:
                outcome, kind = ("applied" if seq % 9 else "insufficient_coins"), ("promo" if seq % 2 else "take")
                await sql.run(_MOVE, seq % 2, seq, kind, seq, ts_ms, outcome)
        await sql.run(_MOVE, 0, 99, "moved_out", 99, 1_010, "applied")  # no row of theirs: coins that change partition

    await writes.write(write)
    whole, end = await wallet_rows(reads, "ann", limit=100)
    assert (len(whole), end) == (60 - 6, None)
    assert {row.coins for row in whole if row.kind == "gift"} == {-1}
    assert {row.coins for row in whole if row.kind == "take"} == {-10}
    for size in (1, 7, 54):
        rows, place = [], None
        while True:
            page, place = await wallet_rows(reads, "ann", limit=size, behind=place)
            rows += page
            if place is None:
                break
        assert rows == whole
    moves = [row.ts_ms for row in whole if row.kind != "gift"]
    assert moves == sorted(moves, reverse=True)


async def test_rows_that_come_between_two_pages_move_no_other(book: Book) -> None:
    reads, writes = book.databases

    async def add(seq: int) -> None:
        await writes.write(lambda sql: sql.run(_GIFT, 0, seq, seq, f"{seq:032x}", b""))
        await writes.write(lambda sql: sql.run(_MOVE, 0, 100 + seq, "promo", 100 + seq, seq, "applied"))

    for seq in range(1, 6):
        await add(seq)
    seen: list[str] = []
    place: WalletPlace | None = None
    for newer in range(6, 10):
        page, place = await wallet_rows(reads, "ann", limit=3, behind=place)
        seen += [row.id for row in page]
        await add(newer)
    assert place is None
    assert len(seen) == len(set(seen)) == 10
