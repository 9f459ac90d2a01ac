"""Persons for the command line: everything that the book knows of one, and their erasure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.flusher import erasing
from livegift.flusher.erasing import ERASE_MS, Report
from livegift.ledger.data_lock import is_served
from livegift.store.open import open_database
from livegift.store.persons import Persons
from livegift.supervisor.care import engine_alone, insist_on_book, insist_on_schema
from livegift.supervisor.record import read_record

BY = "cli"


async def export(config: Config, user_id: str) -> list[dict[str, Any]]:
    """Return everything that the book knows of a person. Raises ``CannotRun`` if that is nothing."""
    await insist_on_book(config)
    await insist_on_schema(config)
    database = open_database(config, timeout_ms=ERASE_MS)
    try:
        persons = Persons(database, database)
        if not await persons.is_known(user_id):
            raise CannotRun(f"The book knows nobody with the id {user_id!r}.")
        return await persons.export(user_id)
    finally:
        await database.close()


async def erase(config: Config, user_id: str, *, reason: str) -> Report:
    """Erase a person from book and engine, beside the server or without one. Raises ``CannotRun``, ``Unavailable``."""
    await insist_on_book(config)
    async with _with_engine(config) as found:
        await insist_on_schema(found)
        return await erasing.erase(found, user_id, by=BY, reason=reason)


@asynccontextmanager
async def _with_engine(config: Config) -> AsyncIterator[Config]:
    """Yield settings that name the engine of the book: the one given, the running server's, else the embedded one."""
    if config.redis_url is not None:
        yield config
    elif is_served(config.data):
        record = read_record(config.data)
        if record is None:
            raise CannotRun(f"The livegift on {config.data} is starting or ending; try again in a moment.")
        yield replace(config, redis_url=record.redis_url)
    else:
        async with engine_alone(config) as found:
            yield found
