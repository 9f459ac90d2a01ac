"""API keys as an edge believes them: a revoked one ends soon, and guessing asks the book only so often."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livegift.config import Config
from livegift.domain.keys import ApiKey, new_text
from livegift.edge.keyring import BELIEVE_MS, STRANGERS_PER_S, Keyring
from livegift.errors import Busy
from livegift.store.migrate import prepare_book
from livegift.store.open import open_database
from livegift.store.platform import Platform
from livegift.store.sql import Database


class Counted(Platform):
    """Counts how often it is asked."""

    asked = 0

    async def key(self, text: str) -> ApiKey | None:
        self.asked += 1
        return await super().key(text)


@pytest.fixture
async def book(tmp_path: Path, store: str) -> AsyncIterator[Database]:
    database = open_database(Config(data=tmp_path, store=store))
    await prepare_book(database, partitions=1, now_ms=0, demo=False)
    yield database
    await database.close()


async def test_a_key_is_asked_for_again_soon_and_no_more_once_revoked(
    book: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000]
    monkeypatch.setattr("livegift.edge.keyring.monotonic_ms", lambda: now[0])
    platform = Counted(book, book)
    keyring = Keyring(platform)
    made, text = await platform.create_key("shop", ["users:read"], by="cli", now_ms=1)
    for _ in range(5):
        assert await keyring.key(text) == made
    assert platform.asked == 1
    assert await platform.revoke_key(made.id, by="cli", reason=None, now_ms=2)
    assert not await platform.revoke_key(made.id, by="cli", reason=None, now_ms=3)
    assert await keyring.key(text) == made  # still believed
    now[0] += BELIEVE_MS
    assert await keyring.key(text) is None
    assert [one.revoked_ms for one in await platform.keys()] == [2]


async def test_guessing_asks_the_book_only_so_often_and_keeps_nobody_out_who_is_known(book: Database) -> None:
    platform = Counted(book, book)
    keyring = Keyring(platform)
    made, text = await platform.create_key("shop", [], by="cli", now_ms=1)
    assert await keyring.key(text) == made
    refused = 0
    for _ in range(20 * STRANGERS_PER_S):
        try:
            assert await keyring.key(new_text()) is None
        except Busy:
            refused += 1
    assert refused > 0
    assert await keyring.key(text) == made
