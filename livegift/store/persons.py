"""What the book knows of one person, told or erased.

An erasure takes names and texts and leaves what is true about money: ids, amounts, times, and the hashes of texts. The
chain, its proofs and the audit were made over those alone, so all of them go on to hold. The salt of a hash goes with
its text, for whoever has both a salt and a guess could try it.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from livegift.domain.action import Action
from livegift.domain.moderation import FOREVER_MS
from livegift.store import audit_log
from livegift.store.sql import Database, Sql, one_row

ERASED_TABLES = ("person", "room", "gift", "audit_log", "request", "policy", "room_moderator")
"""Tables in which an erasure deletes or changes rows: where a database keeps old versions of them, it must clean up."""
NO_SALT = b""
"""What stands in place of a salt whose text is gone."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure has found. ``rooms`` are those in which the person's name or words may be on display."""

    rooms: tuple[str, ...]
    messages: int
    audit_lines: int
    requests: int

    @property
    def counts(self) -> dict[str, int]:
        """Return how much there was, for the audit log and the operator."""
        return {"messages": self.messages, "audit_lines": self.audit_lines, "requests": self.requests}


class Persons:
    """Async access; every method raises ``Unavailable`` when SQL does not answer."""

    def __init__(self, reads: Database, writes: Database) -> None:
        self._reads = reads
        self._writes = writes

    async def is_known(self, user_id: str) -> bool:
        """Whether the book has anything of this person: a name, a wallet, a gift to them, a line about them."""
        found = await self._reads.read(lambda sql: sql.row(_KNOWN, user_id, f"user:{user_id}"))
        return found is not None

    async def export(self, user_id: str) -> list[dict[str, Any]]:
        """Return everything that stands in the book about a person, one record a row, each named by its ``record``.

        Of others it holds nothing but their ids, and of whoever gave them something not even those.
        """

        async def read(sql: Sql) -> list[dict[str, Any]]:
            return [record async for record in _records(sql, user_id)]

        return await self._reads.read(read)

    async def shut_out(self, user_id: str, *, now_ms: int) -> None:
        """End this person's tokens for ever, those that are minted later too, and close their rooms."""

        async def write(sql: Sql) -> None:
            await sql.run(
                """INSERT INTO revocation VALUES ($1, $2, $2) ON CONFLICT (user_id)
                   DO UPDATE SET before_ms = excluded.before_ms, until_ms = excluded.until_ms""",
                *(user_id, FOREVER_MS),
            )
            await sql.run("INSERT INTO erasure VALUES ($1, $2) ON CONFLICT (user_id) DO NOTHING", user_id, now_ms)
            await sql.run(
                "UPDATE room SET closed_at_ms = $1 WHERE creator_id = $2 AND closed_at_ms IS NULL", now_ms, user_id
            )

        await self._writes.write(write)

    async def erase(self, user_id: str, *, by: str, reason: str, now_ms: int) -> Erased:
        """Take a person's name and texts out of the book, and write that it was done.

        Whoever calls this has shut them out first, and waited until all that was under way is settled.
        """

        async def write(sql: Sql) -> Erased:
            rooms = await _rooms_of(sql, user_id)
            messages = await _erase_texts(sql, user_id)
            lines = await _erase_audit_lines(sql, user_id)
            requests = await _erase_requests(sql, user_id)
            found = Erased(rooms, messages, lines, requests)
            action = Action(actor=by, verb="user.erase", subject=f"user:{user_id}", reason=reason, after=found.counts)
            await audit_log.record(sql, action, now_ms=now_ms)
            return found

        return await self._writes.write(write)


_KNOWN = """SELECT 1 FROM person WHERE id = $1 UNION ALL SELECT 1 FROM wallet WHERE user_id = $1
UNION ALL SELECT 1 FROM stripe WHERE creator_id = $1 UNION ALL SELECT 1 FROM movement WHERE user_id = $1
UNION ALL SELECT 1 FROM audit_log WHERE subject = $2 LIMIT 1"""

_RECORDS = {
    "person": ("SELECT {} FROM person WHERE id = $1", "id name role created_ms"),
    "wallet": ("SELECT {} FROM wallet WHERE user_id = $1", "coins frozen"),
    "points": ("SELECT {} FROM stripe WHERE creator_id = $1", "p points"),
    "movement": (
        "SELECT {} FROM movement WHERE user_id = $1 ORDER BY p, number",
        "kind coins asked_ms ts_ms outcome balance",
    ),
    "gift_sent": (
        "SELECT {} FROM gift WHERE sender_id = $1 ORDER BY gift_event_id",
        "gift_event_id ts_ms receiver_id room_id gift_id price_coins count coins points anonymous message balance",
    ),
    "room": ("SELECT {} FROM room WHERE creator_id = $1 ORDER BY created_ms", "id title created_ms closed_at_ms"),
    "gift_received": (
        "SELECT {} FROM gift JOIN room ON room.id = gift.room_id WHERE room.creator_id = $1 ORDER BY gift.ts_ms",
        "gift.ts_ms gift.room_id gift.gift_id gift.price_coins gift.count gift.coins gift.points",
    ),
    "sanction": ("SELECT {} FROM sanction WHERE user_id = $1", "room_id sanction.kind until_ms"),
    "moderates": ("SELECT {} FROM room_moderator WHERE user_id = $1", "room_id"),
    "policy": ("SELECT {} FROM policy WHERE creator_id = $1", "body changed_ms"),
    "revocation": ("SELECT {} FROM revocation WHERE user_id = $1", "before_ms until_ms"),
    "action_on_them": (
        "SELECT {} FROM audit_log WHERE subject = 'user:' || $1 ORDER BY number",
        "number ts_ms actor verb body",
    ),
    "action_of_theirs": (
        "SELECT {} FROM audit_log WHERE actor = 'user:' || $1 ORDER BY number",
        "number ts_ms verb subject body",
    ),
}
"""Kinds of records: where they stand, and the columns that are told. Received gifts name no sender: that is others'."""


async def _records(sql: Sql, user_id: str) -> AsyncIterator[dict[str, Any]]:
    for record, (query, columns) in _RECORDS.items():
        names = columns.split()
        async for row in sql.stream(query.format(", ".join(names)), user_id):
            told = {name.rpartition(".")[2]: value for name, value in zip(names, row, strict=True)}
            if "body" in told:
                told["body"] = told["body"] and json.loads(told["body"])
            yield {"record": record, **told}


async def _rooms_of(sql: Sql, user_id: str) -> tuple[str, ...]:
    rows = await sql.rows(
        "SELECT room_id FROM gift WHERE sender_id = $1 UNION SELECT id FROM room WHERE creator_id = $1", user_id
    )
    return tuple(room_id for (room_id,) in rows)


async def _erase_texts(sql: Sql, user_id: str) -> int:
    await sql.run("UPDATE person SET name = '' WHERE id = $1", user_id)
    await sql.run("UPDATE room SET title = '' WHERE creator_id = $1", user_id)
    await sql.run("DELETE FROM policy WHERE creator_id = $1", user_id)
    await sql.run("DELETE FROM room_moderator WHERE user_id = $1", user_id)
    messages = "sender_id = $1 AND message IS NOT NULL"
    (count,) = await one_row(sql, f"SELECT count(*) FROM gift WHERE {messages}", user_id)  # noqa: S608 - ours
    await sql.run("UPDATE gift SET message = NULL, salt = $1 WHERE sender_id = $2", NO_SALT, user_id)
    return int(count)


async def _erase_audit_lines(sql: Sql, user_id: str) -> int:
    """Reasons, names and titles in lines about the person, by them, and about their rooms."""
    return await sql.run(
        """UPDATE audit_log SET body = NULL, salt = $1 WHERE body IS NOT NULL AND (
               subject = 'user:' || $2 OR actor = 'user:' || $2
               OR subject IN (SELECT 'room:' || id FROM room WHERE creator_id = $2))""",
        *(NO_SALT, user_id),
    )


async def _erase_requests(sql: Sql, user_id: str) -> int:
    """Digests of what the platform asked for in their name: message and reason were in them."""
    gifts = {row[0] for row in await sql.rows("SELECT gift_event_id FROM gift WHERE sender_id = $1", user_id)}
    moves = {tuple(row) for row in await sql.rows("SELECT p, number FROM movement WHERE user_id = $1", user_id)}
    theirs = []
    async for actor, key, result in sql.stream("SELECT actor, key, result FROM request"):
        told = json.loads(result)
        is_gift = told.get("gift_event_id", "").replace("-", "") in gifts
        if is_gift or (told.get("p"), told.get("number")) in moves:
            theirs.append((actor, key))
    await sql.run_many("DELETE FROM request WHERE actor = $1 AND key = $2", theirs)
    return len(theirs)
