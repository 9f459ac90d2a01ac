"""Reading the audit log of a book, beside a server that runs or without one."""

from livegift.config import Config
from livegift.flusher.notary import READ_MS
from livegift.store import audit_log
from livegift.store.audit_log import Line
from livegift.store.open import open_database
from livegift.store.sql import Sql
from livegift.supervisor.care import insist_on_book, insist_on_schema

LINES_AT_ONCE = 10_000


async def read(config: Config, *, after: int, subject: str | None, actor: str | None) -> tuple[int | None, list[Line]]:
    """Return the first line that is missing or changed (None: all are whole), and the lines that were asked for."""
    await insist_on_book(config)
    await insist_on_schema(config)
    database = open_database(config, timeout_ms=READ_MS)

    async def look(sql: Sql) -> tuple[int | None, list[Line]]:
        found: list[Line] = []
        place = after
        while page := await audit_log.lines(sql, after=place, limit=LINES_AT_ONCE):
            place = page[-1].number
            found += [
                line for line in page if subject in (None, line.action.subject) and actor in (None, line.action.actor)
            ]
        return await audit_log.broken_at(sql), found

    try:
        return await database.read(look)
    finally:
        await database.close()
