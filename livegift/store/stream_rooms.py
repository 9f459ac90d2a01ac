"""Rooms of streams: what a media server tells, carried out once and in the order in which it happened."""

from livegift.domain.action import Action
from livegift.store import audit_log
from livegift.store.platform import NoSuchUser
from livegift.store.sql import Conflict, Database, Sql


class StreamRooms:
    """Async access; every method raises ``Unavailable`` when SQL does not answer."""

    def __init__(self, writes: Database) -> None:
        self._writes = writes

    async def began(
        self, hook: str, stream: str, *, at_ms: int, creator_id: str, title: str | None, room_id: str, now_ms: int
    ) -> str | None:
        """Open a room for a stream that went live, unless it has one; return the room's id if it is new.

        Nothing happens if that was before what is known already. Raises ``NoSuchUser`` for a creator whom the book
        does not know or who is none.
        """

        async def write(sql: Sql) -> str | None:
            known = await sql.row("SELECT at_ms, room_id FROM stream WHERE hook = $1 AND name = $2", hook, stream)
            if known is not None and (known[0] >= at_ms or await _is_open(sql, known[1])):
                return None
            creator = await sql.row("SELECT name FROM living WHERE id = $1 AND role = 'creator'", creator_id)
            if creator is None:
                raise NoSuchUser(creator_id)
            await sql.run(
                "INSERT INTO room (id, title, creator_id, created_ms) VALUES ($1, $2, $3, $4)",
                *(room_id, title or creator[0], creator_id, now_ms),
            )
            await _note(sql, hook, stream, at_ms, room_id)
            after = {"title": title or creator[0], "creator": creator_id}
            action = Action(actor=f"hook:{hook}", verb="room.open", subject=f"room:{room_id}", after=after)
            await audit_log.record(sql, action, now_ms=now_ms)
            return room_id

        try:
            return await self._writes.write(write)
        except Conflict:  # the same was told twice at once: the other one is carried out
            return await self._writes.write(write)

    async def ended(self, hook: str, stream: str, *, at_ms: int, now_ms: int) -> str | None:
        """Close the room of a stream that ended; return its id if it was open."""

        async def write(sql: Sql) -> str | None:
            known = await sql.row("SELECT at_ms, room_id FROM stream WHERE hook = $1 AND name = $2", hook, stream)
            if known is not None and known[0] > at_ms:
                return None
            await _note(sql, hook, stream, at_ms, None)
            if known is None or not await _is_open(sql, known[1]):
                return None
            await sql.run("UPDATE room SET closed_at_ms = $1 WHERE id = $2", now_ms, known[1])
            action = Action(actor=f"hook:{hook}", verb="room.close", subject=f"room:{known[1]}")
            await audit_log.record(sql, action, now_ms=now_ms)
            return str(known[1])

        return await self._writes.write(write)


async def _is_open(sql: Sql, room_id: str | None) -> bool:
    if room_id is None:
        return False
    return await sql.row("SELECT 1 FROM room WHERE id = $1 AND closed_at_ms IS NULL", room_id) is not None


async def _note(sql: Sql, hook: str, stream: str, at_ms: int, room_id: str | None) -> None:
    await sql.run(
        """INSERT INTO stream VALUES ($1, $2, $3, $4) ON CONFLICT (hook, name)
           DO UPDATE SET at_ms = excluded.at_ms, room_id = excluded.room_id""",
        *(hook, stream, at_ms, room_id),
    )
