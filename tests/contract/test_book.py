"""The book refuses what could not go on from there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.config import Config
from livegift.domain.coins import AMOUNT_MAX
from livegift.store.book import Book
from livegift.store.movements import KINDS
from livegift.store.open import open_book, prepare


@pytest.fixture
async def book(tmp_path: Path, store: str) -> AsyncIterator[Book]:
    config = Config(data=tmp_path, store=store)
    await prepare(config)
    book = open_book(config)
    yield book
    await book.close()


@pytest.mark.parametrize(
    ("coins", "kind"), [(0, "promo"), (-1, "recharge"), (-1, "take"), (AMOUNT_MAX + 1, "promo"), (5, "gift"), (5, "")]
)
async def test_what_the_script_would_not_take_never_stands_in_the_inbox(book: Book, coins: int, kind: str) -> None:
    user = await book.create_user("Ann", "viewer", 1)
    with pytest.raises(ValueError, match="cannot move"):
        await book.grant(user.id, coins, kind=kind, now_ms=1)
    entry = await book.grant(user.id, 5, now_ms=1)
    assert entry.number == 1


async def test_numbers_are_gapless_in_each_partition(book: Book) -> None:
    users = [await book.create_user(f"User {n}", "viewer", 1) for n in range(20)]
    given: dict[int, list[int]] = {}
    for user in users:
        for kind in KINDS:
            entry = await book.grant(user.id, 5, kind=kind, now_ms=1)
            given.setdefault(entry.partition, []).append(entry.number)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in given.values())
    assert await book.grant(users[0].id, -5, kind="adjustment", now_ms=1)
