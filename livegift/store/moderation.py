"""Sanctions, moderators and policies in the book; every change with its line in the audit log."""

import json
from dataclasses import asdict
from typing import Any

from livegift.domain.action import Action
from livegift.domain.moderation import Policy, Sanction
from livegift.store import audit_log
from livegift.store.sql import Database, Sql, one_row


class Moderation:
    """Async access; every method raises ``Unavailable`` when SQL does not answer."""

    def __init__(self, reads: Database, writes: Database) -> None:
        self._reads = reads
        self._writes = writes

    async def put(self, sanction: Sanction, action: Action, *, now_ms: int) -> None:
        """Impose a sanction, or change or lift the one that stands, by its end."""

        async def write(sql: Sql) -> None:
            (change,) = await one_row(
                sql, "UPDATE sanction_head SET change = change + 1 WHERE one = 1 RETURNING change"
            )
            await sql.run(
                """INSERT INTO sanction VALUES ($1, $2, $3, $4, $5) ON CONFLICT (room_id, user_id, kind)
                   DO UPDATE SET until_ms = excluded.until_ms, change = excluded.change""",
                *(sanction.room_id, sanction.user_id, sanction.kind, sanction.until_ms, change),
            )
            await audit_log.record(sql, action, now_ms=now_ms)

        await self._writes.write(write)

    async def since(self, change: int) -> tuple[int, list[Sanction]]:
        """Return the number of the newest change, and what has changed since that one, ended sanctions too."""

        async def read(sql: Sql) -> tuple[int, list[Sanction]]:
            (newest,) = await one_row(sql, "SELECT change FROM sanction_head")
            if newest == change:
                return change, []
            rows = await sql.rows(
                "SELECT room_id, user_id, kind, until_ms FROM sanction WHERE change > $1 ORDER BY change", change
            )
            return int(newest), [Sanction(*row) for row in rows]

        return await self._reads.read(read)

    async def of_room(self, room_id: str, now_ms: int) -> list[Sanction]:
        """Return the sanctions that hold in one room alone, or everywhere."""
        rows = await self._reads.read(
            lambda sql: sql.rows(
                """SELECT room_id, user_id, kind, until_ms FROM sanction WHERE room_id = $1 AND until_ms > $2
                   ORDER BY user_id, kind""",
                *(room_id, now_ms),
            )
        )
        return [Sanction(*row) for row in rows]

    async def moderates(self, room_id: str, user_id: str) -> bool:
        """Whether the room's creator has made this user its moderator."""
        row = await self._reads.read(
            lambda sql: sql.row("SELECT 1 FROM room_moderator WHERE room_id = $1 AND user_id = $2", room_id, user_id)
        )
        return row is not None

    async def set_moderator(self, room_id: str, user_id: str, action: Action, *, is_one: bool, now_ms: int) -> None:
        """Make a user a room's moderator, or no longer; the same again changes nothing."""

        async def write(sql: Sql) -> None:
            statement = (
                "INSERT INTO room_moderator VALUES ($1, $2) ON CONFLICT DO NOTHING"
                if is_one
                else "DELETE FROM room_moderator WHERE room_id = $1 AND user_id = $2"
            )
            if await sql.run(statement, room_id, user_id):
                await audit_log.record(sql, action, now_ms=now_ms)

        await self._writes.write(write)

    async def policy(self, creator_id: str) -> Policy:
        """Return what a creator takes."""
        row = await self._reads.read(lambda sql: sql.row("SELECT body FROM policy WHERE creator_id = $1", creator_id))
        return _policy(json.loads(row[0])) if row else Policy()

    async def set_policy(self, creator_id: str, policy: Policy, *, by: str, now_ms: int) -> None:
        """Write what a creator takes from now on."""

        async def write(sql: Sql) -> None:
            before = await sql.row("SELECT body FROM policy WHERE creator_id = $1", creator_id)
            after = asdict(policy)
            await sql.run(
                """INSERT INTO policy VALUES ($1, $2, $3) ON CONFLICT (creator_id)
                   DO UPDATE SET body = excluded.body, changed_ms = excluded.changed_ms""",
                *(creator_id, json.dumps(after), now_ms),
            )
            action = Action(
                actor=by,
                verb="policy.change",
                subject=f"user:{creator_id}",
                before=json.loads(before[0]) if before else None,
                after=after,
            )
            await audit_log.record(sql, action, now_ms=now_ms)

        await self._writes.write(write)


def _policy(body: dict[str, Any]) -> Policy:
    allow = body["allow"]
    return Policy(**{**body, "allow": None if allow is None else tuple(allow), "deny": tuple(body["deny"])})
