"""The book for the flusher process: marks, recovery, the inbox, and gifts read back for a room.

The flusher is the book's busiest writer and never runs two flushes at once.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from livegift.errors import CannotRun
from livegift.store import audit_log
from livegift.store.events import PartitionBatch, SettledEvent
from livegift.store.flush import flush
from livegift.store.repartition import Closed, Moves, repartition
from livegift.store.room_gifts import room_gifts_of
from livegift.store.sql import Database, Sql, one_row


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """A partition as the book has it."""

    partition: int
    epoch: int
    mark: int
    announced: int
    generation: int
    inbox_done: int
    clock_ms: int
    chain: bytes
    layout: int
    """Epoch since which there are as many partitions as now."""


@dataclass(frozen=True, slots=True)
class PendingEntry:
    """An inbox entry that no journal event has consumed yet."""

    partition: int
    number: int
    user_id: str
    kind: str
    coins: int


@dataclass(frozen=True, slots=True)
class LiveRoom:
    """A room that folds, and the last seq of each partition that has gifts in it."""

    is_closed: bool
    marks: dict[int, int]


_PARTITION = """SELECT p, epoch, mark, announced, generation, inbox_done, clock_ms, chain,
(SELECT max(since_epoch) FROM layout) FROM partition"""


class FlusherBook:
    """Async access to the book for the flusher; raises ``Unavailable`` when SQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def close(self) -> None:
        """Close the connections."""
        await self._db.close()

    async def partitions(self) -> list[PartitionRow]:
        """Return all partitions in order."""

        async def read(sql: Sql) -> list[PartitionRow]:
            return [PartitionRow(*row) for row in await sql.rows(f"{_PARTITION} ORDER BY p")]

        return await self._db.read(read)

    async def partition(self, p: int) -> PartitionRow:
        """Return one partition."""

        async def read(sql: Sql) -> PartitionRow:
            return PartitionRow(*await one_row(sql, f"{_PARTITION} WHERE p = $1", p))

        return await self._db.read(read)

    async def flush(
        self, batches: Sequence[PartitionBatch], *, announced: dict[int, int], behind: list[str], now_ms: int
    ) -> list[SettledEvent]:
        """Commit the batches in one transaction; see ``store.flush.flush``."""

        async def write(sql: Sql) -> list[SettledEvent]:
            return await flush(sql, batches, announced=announced, behind=behind, now_ms=now_ms, salt=_salt)

        return await self._db.write(write)

    async def begin_epoch(self, row: PartitionRow, *, epoch: int) -> PartitionRow | None:
        """Commit a new epoch and generation for a partition that still stands as ``row``; None if it moved on."""

        async def write(sql: Sql) -> PartitionRow | None:
            done = await sql.run(
                """UPDATE partition SET epoch = $1, generation = generation + 1
                   WHERE p = $2 AND epoch = $3 AND mark = $4""",
                *(epoch, row.partition, row.epoch, row.mark),
            )
            if done != 1:
                return None
            return PartitionRow(*await one_row(sql, f"{_PARTITION} WHERE p = $1", row.partition))

        return await self._db.write(write)

    async def repartition(self, closed: Sequence[Closed], *, partitions: int, now_ms: int) -> Moves:
        """Change the number of partitions, all of which are ``closed``; see ``store.repartition.repartition``."""
        return await self._db.write(lambda sql: repartition(sql, closed, partitions=partitions, now_ms=now_ms))

    async def begin_incarnation(self, before: int, *, given_up: Any, now_ms: int) -> int:
        """Count the incarnation up and return it; nothing that stood under the one before is found any more.

        ``given_up`` is what the audit log says of that.
        """

        async def write(sql: Sql) -> int:
            row = await sql.row(
                "UPDATE book SET incarnation = incarnation + 1 WHERE incarnation = $1 RETURNING incarnation", before
            )
            if row is None:
                raise CannotRun(f"the book is not in incarnation {before} any more: somebody else has accepted it")
            told = {"incarnation": before, "ahead": given_up}
            after = {"incarnation": int(row[0])}
            await audit_log.record_care(sql, "book.accept_older", now_ms=now_ms, before=told, after=after)
            return int(row[0])

        return await self._db.write(write)

    async def pending(self, *, limit: int) -> list[PendingEntry]:
        """Return inbox entries that wait, in order of (partition, number), at most ``limit`` a partition."""

        async def read(sql: Sql) -> list[PendingEntry]:
            found: list[PendingEntry] = []
            for p, done in await sql.rows(
                "SELECT p, inbox_done FROM partition WHERE inbox_given > inbox_done ORDER BY p"
            ):
                rows = await sql.rows(
                    """SELECT p, number, user_id, kind, coins FROM movement
                       WHERE p = $1 AND number > $2 ORDER BY number LIMIT $3""",
                    *(p, done, limit),
                )
                found += [PendingEntry(*row) for row in rows]
            return found

        return await self._db.read(read)

    # --- rooms, as the book knows them ---

    async def room_marks(self, room_id: str) -> dict[int, int]:
        """Return the last seq of each partition that has gifts in the room."""

        async def read(sql: Sql) -> dict[int, int]:
            return dict(await sql.rows("SELECT p, seq FROM room_mark WHERE room_id = $1", room_id))

        return await self._db.read(read)

    async def earned_before(self, room_id: str) -> dict[int, int]:
        """Return each partition's points of the room's creator before the room's first gift there."""

        async def read(sql: Sql) -> dict[int, int]:
            stripes = await sql.rows(
                "SELECT p, points FROM stripe WHERE creator_id = (SELECT creator_id FROM room WHERE id = $1)", room_id
            )
            earned: dict[int, int] = dict(stripes)
            for (p,) in await sql.rows("SELECT p FROM room_mark WHERE room_id = $1", room_id):
                first = await one_row(
                    sql,
                    "SELECT earned - points FROM gift WHERE room_id = $1 AND p = $2 ORDER BY seq LIMIT 1",
                    *(room_id, p),
                )
                earned[p] = first[0]
            return earned

        return await self._db.read(read)

    async def room_gifts(self, room_id: str, marks: dict[int, int], *, limit: int) -> list[SettledEvent]:
        """Return the room's gifts after each partition's mark, in the order of their times, at most about ``limit``.

        No partition is cut short of what another goes beyond, so that feeding in pieces keeps the order of times.
        """

        async def read(sql: Sql) -> list[SettledEvent]:
            found: list[SettledEvent] = []
            horizon: int | None = None
            for (p,) in await sql.rows("SELECT p FROM room_mark WHERE room_id = $1", room_id):
                events = await room_gifts_of(sql, room_id, p, after=marks.get(p, 0), limit=limit)
                if len(events) == limit:
                    last = events[-1].ts_ms
                    horizon = last if horizon is None else min(horizon, last)
                found += events
            if horizon is not None:
                found = [event for event in found if event.ts_ms <= horizon]
            return sorted(found, key=lambda event: (event.ts_ms, event.partition, event.seq))

        return await self._db.read(read)

    async def live_rooms(self, *, closed_since_ms: int) -> dict[str, LiveRoom]:
        """Return the rooms that fold: open ones, and those closed since then."""

        async def read(sql: Sql) -> dict[str, LiveRoom]:
            rooms = {
                room_id: LiveRoom(closed is not None, {})
                for room_id, closed in await sql.rows(
                    "SELECT id, closed_at_ms FROM room WHERE closed_at_ms IS NULL OR closed_at_ms >= $1",
                    closed_since_ms,
                )
            }
            for room_id, p, seq in await sql.rows(
                """SELECT room_id, p, seq FROM room_mark WHERE room_id IN
                   (SELECT id FROM room WHERE closed_at_ms IS NULL OR closed_at_ms >= $1)""",
                closed_since_ms,
            ):
                rooms[room_id].marks[p] = seq
            return rooms

        return await self._db.read(read)

    async def rooms_closed_before(self, before_ms: int, *, after_ms: int) -> list[str]:
        """Return the ids of rooms closed in [after, before)."""

        async def read(sql: Sql) -> list[str]:
            return [
                row[0]
                for row in await sql.rows(
                    "SELECT id FROM room WHERE closed_at_ms >= $1 AND closed_at_ms < $2", after_ms, before_ms
                )
            ]

        return await self._db.read(read)

    async def rooms_unannounced(self) -> list[str]:
        """Return rooms that have gifts the book does not know to be announced, and those that were behind."""

        async def read(sql: Sql) -> list[str]:
            rooms = {row[0] for row in await sql.rows("SELECT room_id FROM room_behind")}
            for p, announced in await sql.rows("SELECT p, announced FROM partition WHERE announced < mark"):
                found = await sql.rows("SELECT DISTINCT room_id FROM gift WHERE p = $1 AND seq > $2", p, announced)
                rooms |= {row[0] for row in found}
            return sorted(rooms)

        return await self._db.read(read)

    async def caught_up(self, room_ids: list[str]) -> None:
        """Forget that these rooms were behind."""

        async def write(sql: Sql) -> int:
            return await sql.run("DELETE FROM room_behind WHERE room_id = ANY($1)", room_ids)

        await self._db.write(write)


def _salt() -> bytes:
    return secrets.token_bytes(16)
