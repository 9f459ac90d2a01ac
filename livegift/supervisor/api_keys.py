"""Making and ending API keys in a book, beside a server that runs or without one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livegift.clock import now_ms
from livegift.config import Config
from livegift.domain.keys import ApiKey
from livegift.store.open import open_book
from livegift.store.platform import Platform
from livegift.supervisor.care import insist_on_book, insist_on_schema

BY = "cli"


@asynccontextmanager
async def _platform(config: Config) -> AsyncIterator[Platform]:
    await insist_on_book(config)
    await insist_on_schema(config)
    book = open_book(config)
    try:
        yield Platform(*book.databases)
    finally:
        await book.close()


async def create(config: Config, name: str, scopes: list[str]) -> tuple[ApiKey, str]:
    """Make a key; returns it with its text. Raises ``CannotRun``, ``Unavailable``."""
    async with _platform(config) as platform:
        return await platform.create_key(name, scopes, by=BY, now_ms=now_ms())


async def every(config: Config) -> list[ApiKey]:
    """Return all keys. Raises ``CannotRun``, ``Unavailable``."""
    async with _platform(config) as platform:
        return await platform.keys()


async def revoke(config: Config, key_id: str, reason: str | None) -> bool:
    """End a key; False if none of that id is good. Raises ``CannotRun``, ``Unavailable``."""
    async with _platform(config) as platform:
        return await platform.revoke_key(key_id, by=BY, reason=reason, now_ms=now_ms())
