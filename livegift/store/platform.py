"""The book for platforms: what their servers ask over HTTP, each request carried out once.

Every writer does its work, its line in the audit log and its note of the request's id in one transaction.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from uuid_utils import uuid7

from livegift.domain.action import Action
from livegift.domain.keys import ApiKey, fingerprint, new_text
from livegift.domain.people import InboxEntry, User
from livegift.store import audit_log
from livegift.store.movements import ask_movement
from livegift.store.sql import Conflict, Database, Row, Sql, one_row

T = TypeVar("T")


class Mismatch(Exception):
    """The request's id was used before, for something else."""


class NoSuchUser(Exception):
    """The book does not know this user."""


class IsErased(Exception):
    """This person has been erased: their id is never used again."""


class RoomTaken(Exception):
    """The room is closed, or another creator's: its id can't be used."""


@dataclass(frozen=True, slots=True)
class Request:
    """What makes a request one: who asks, the id they gave it, and a digest of what they asked."""

    actor: str
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a movement; ``outcome`` is None while it waits, else ``applied`` or why it was rejected."""

    outcome: str | None
    balance: int | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens of ``user_id`` issued up to ``before_ms`` are good no more; kept until ``until_ms``."""

    user_id: str
    before_ms: int
    until_ms: int


class Platform:
    """Async access; every method raises ``Unavailable`` when SQL does not answer."""

    def __init__(self, reads: Database, writes: Database) -> None:
        self._reads = reads
        self._writes = writes

    # --- keys ---

    async def create_key(self, name: str, scopes: list[str], *, by: str, now_ms: int) -> tuple[ApiKey, str]:
        """Make a key and return it with its text, which nobody can read again."""
        text, key = new_text(), ApiKey(uuid7().hex, name, tuple(scopes), now_ms, None)

        async def write(sql: Sql) -> None:
            await sql.run(
                "INSERT INTO api_key (id, name, fingerprint, scopes, created_ms) VALUES ($1, $2, $3, $4, $5)",
                *(key.id, name, fingerprint(text), " ".join(scopes), now_ms),
            )
            action = Action(actor=by, verb="key.create", subject=key.actor, after={"name": name, "scopes": scopes})
            await audit_log.record(sql, action, now_ms=now_ms)

        await self._writes.write(write)
        return key, text

    async def keys(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        rows = await self._reads.read(lambda sql: sql.rows(f"{_KEYS} ORDER BY created_ms, id"))
        return [_key(row) for row in rows]

    async def key(self, text: str) -> ApiKey | None:
        """Return the key with that text."""
        row = await self._reads.read(lambda sql: sql.row(f"{_KEYS} WHERE fingerprint = $1", fingerprint(text)))
        return _key(row) if row else None

    async def revoke_key(self, key_id: str, *, by: str, reason: str | None, now_ms: int) -> bool:
        """End a key; False if there is none that is good."""

        async def write(sql: Sql) -> bool:
            ended = await sql.run(
                "UPDATE api_key SET revoked_ms = $1 WHERE id = $2 AND revoked_ms IS NULL", now_ms, key_id
            )
            if ended:
                action = Action(actor=by, verb="key.revoke", subject=f"key:{key_id}", reason=reason)
                await audit_log.record(sql, action, now_ms=now_ms)
            return ended == 1

        return await self._writes.write(write)

    # --- users and rooms ---

    async def put_user(self, user: User, *, by: str, now_ms: int) -> bool:
        """Make a user, or give them that name and role; True if they are new. The same again changes nothing.

        Raises ``IsErased`` for the id of somebody who has been.
        """

        async def write(sql: Sql) -> bool:
            if await sql.row("SELECT 1 FROM erasure WHERE user_id = $1", user.id) is not None:
                raise IsErased(user.id)
            before = await sql.row("SELECT name, role FROM person WHERE id = $1", user.id)
            after = {"name": user.name, "role": user.role}
            if before is None:
                await sql.run("INSERT INTO person VALUES ($1, $2, $3, $4)", user.id, user.name, user.role, now_ms)
            elif before == (user.name, user.role):
                return False
            else:
                await sql.run("UPDATE person SET name = $1, role = $2 WHERE id = $3", user.name, user.role, user.id)
            action = Action(
                actor=by,
                verb="user.create" if before is None else "user.change",
                subject=f"user:{user.id}",
                before=before and {"name": before[0], "role": before[1]},
                after=after,
            )
            await audit_log.record(sql, action, now_ms=now_ms)
            return before is None

        return await self._once_more(write)

    async def put_room(self, room_id: str, title: str, creator_id: str, *, by: str, now_ms: int) -> bool:
        """Open a room under that id, or give an open one that title; True if it is new.

        Raises ``NoSuchUser`` for a creator whom the book does not know or who is none, ``RoomTaken`` for a room that
        was closed or is another creator's.
        """

        async def write(sql: Sql) -> bool:
            creator = await sql.row("SELECT role FROM living WHERE id = $1", creator_id)
            if creator != ("creator",):
                raise NoSuchUser(creator_id)
            before = await sql.row("SELECT title, creator_id, closed_at_ms FROM room WHERE id = $1", room_id)
            if before is None:
                await sql.run(
                    "INSERT INTO room (id, title, creator_id, created_ms) VALUES ($1, $2, $3, $4)",
                    *(room_id, title, creator_id, now_ms),
                )
            elif before[1:] != (creator_id, None):
                raise RoomTaken(room_id)
            elif before[0] == title:
                return False
            else:
                await sql.run("UPDATE room SET title = $1 WHERE id = $2", title, room_id)
            action = Action(
                actor=by,
                verb="room.open" if before is None else "room.change",
                subject=f"room:{room_id}",
                before=before and {"title": before[0]},
                after={"title": title, "creator": creator_id},
            )
            await audit_log.record(sql, action, now_ms=now_ms)
            return before is None

        return await self._once_more(write)

    async def close_room(self, room_id: str, *, by: str, reason: str | None, now_ms: int) -> bool:
        """Write that a room is closed; False if it was closed before."""

        async def write(sql: Sql) -> bool:
            closed = await sql.run(
                "UPDATE room SET closed_at_ms = $1 WHERE id = $2 AND closed_at_ms IS NULL", now_ms, room_id
            )
            if closed:
                action = Action(actor=by, verb="room.close", subject=f"room:{room_id}", reason=reason)
                await audit_log.record(sql, action, now_ms=now_ms)
            return closed == 1

        return await self._writes.write(write)

    # --- gifts and coins, each asked for once ---

    async def gift_asked(
        self, request: Request, gift_event_id: str, price_coins: int, action: Action, *, now_ms: int
    ) -> tuple[str, int]:
        """Return the gift's id and price under which the request is known, now these or those of the first time."""

        async def begin(sql: Sql) -> dict[str, Any]:
            await audit_log.record(sql, action, now_ms=now_ms)
            return {"gift_event_id": gift_event_id, "price_coins": price_coins}

        result = await self._asked(request, begin, now_ms=now_ms)
        return result["gift_event_id"], result["price_coins"]

    async def coins_asked(
        self, request: Request, user_id: str, coins: int, action: Action, *, now_ms: int
    ) -> InboxEntry:
        """Ask once for a grant (more than 0) or a withdrawal of coins; raises ``NoSuchUser``, ``ValueError``."""

        async def begin(sql: Sql) -> dict[str, Any]:
            if await sql.row("SELECT 1 FROM living WHERE id = $1", user_id) is None:
                raise NoSuchUser(user_id)
            kind = "promo" if coins > 0 else "take"
            entry = await ask_movement(sql, user_id, abs(coins), kind=kind, now_ms=now_ms)
            await audit_log.record(sql, action, now_ms=now_ms)
            return {"p": entry.partition, "number": entry.number}

        result = await self._asked(request, begin, now_ms=now_ms)
        return InboxEntry(result["p"], result["number"], user_id)

    async def _asked(
        self, request: Request, begin: Callable[[Sql], Awaitable[dict[str, Any]]], *, now_ms: int
    ) -> dict[str, Any]:
        """Return the result that stands for a request, after beginning it if it is new; raises ``Mismatch``."""

        async def write(sql: Sql) -> dict[str, Any]:
            known = await sql.row(
                "SELECT digest, result FROM request WHERE actor = $1 AND key = $2", request.actor, request.key
            )
            if known is not None:
                if known[0] != request.digest:
                    raise Mismatch(request.key)
                return dict(json.loads(known[1]))
            result = await begin(sql)
            await sql.run(
                "INSERT INTO request VALUES ($1, $2, $3, $4, $5)",
                *(request.actor, request.key, request.digest, json.dumps(result), now_ms),
            )
            return result

        return await self._once_more(write)

    async def _once_more(self, write: Callable[[Sql], Awaitable[T]]) -> T:
        """Write; where another transaction has just written the same row, look again and find it."""
        try:
            return await self._writes.write(write)
        except Conflict:
            return await self._writes.write(write)

    async def outcome(self, entry: InboxEntry) -> Outcome:
        """Return what became of a movement."""
        row = await self._reads.read(
            lambda sql: sql.row(
                "SELECT outcome, balance FROM movement WHERE p = $1 AND number = $2", entry.partition, entry.number
            )
        )
        return Outcome(*row) if row else Outcome(None, None)

    async def points(self, creator_id: str) -> int:
        """Return the points that a creator has earned, over all partitions."""
        (points,) = await self._reads.read(
            lambda sql: one_row(sql, "SELECT coalesce(sum(points), 0) FROM stripe WHERE creator_id = $1", creator_id)
        )
        return int(points)

    # --- whose sessions have ended ---

    async def revoke(self, user_id: str, *, by: str, reason: str | None, before_ms: int, until_ms: int) -> None:
        """End all tokens of a user issued up to ``before_ms``; none of them lives longer than ``until_ms``."""

        async def write(sql: Sql) -> None:
            await sql.run("DELETE FROM revocation WHERE until_ms <= $1", before_ms)
            await sql.run(
                """INSERT INTO revocation VALUES ($1, $2, $3) ON CONFLICT (user_id)
                   DO UPDATE SET before_ms = excluded.before_ms, until_ms = excluded.until_ms
                   WHERE revocation.before_ms < excluded.before_ms""",
                *(user_id, before_ms, until_ms),
            )
            action = Action(actor=by, verb="user.revoke", subject=f"user:{user_id}", reason=reason)
            await audit_log.record(sql, action, now_ms=before_ms)

        await self._writes.write(write)

    async def revocations(self, since_ms: int) -> list[Revocation]:
        """Return those that end tokens issued up to then or later."""
        rows = await self._reads.read(
            lambda sql: sql.rows("SELECT user_id, before_ms, until_ms FROM revocation WHERE before_ms >= $1", since_ms)
        )
        return [Revocation(*row) for row in rows]


_KEYS = "SELECT id, name, scopes, created_ms, revoked_ms FROM api_key"


def _key(row: Row) -> ApiKey:
    key_id, name, scopes, created_ms, revoked_ms = row
    return ApiKey(key_id, name, tuple(scopes.split()), created_ms, revoked_ms)
