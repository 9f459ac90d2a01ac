"""The book for the flusher process: marks, recovery, the inbox, and gifts read back for a room.

One connection, one thread: the flusher is the book's busiest writer and never runs two transactions at once.
"""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livegift.store.flush import PartitionBatch, SettledEvent, flush
from livegift.store.sqlite import Database
from livegift.wire.journal import GiftEntry


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


_PARTITION = "SELECT p, epoch, mark, announced, generation, inbox_done, clock_ms, chain FROM partition"

_FEED = """
SELECT gift.p, gift.epoch, gift.seq, gift.prev, gift.ts_ms, gift.gift_event_id, gift.digest, gift.sender_id, s.name,
       gift.receiver_id, r.name, gift.room_id, gift.gift_id, catalogue.name, catalogue.tier, catalogue.streakable,
       gift.catalogue_version, gift.rate_version, gift.price_coins, gift.count, gift.coins, gift.anonymous,
       gift.message, gift.earned
FROM gift
LEFT JOIN person s ON s.id = gift.sender_id
LEFT JOIN person r ON r.id = gift.receiver_id
JOIN catalogue ON catalogue.version = gift.catalogue_version AND catalogue.id = gift.gift_id
WHERE gift.room_id = ? AND gift.p = ? AND gift.seq > ? ORDER BY gift.seq LIMIT ?
"""


class FlusherBook:
    """Async access to the book for the flusher; raises ``Unavailable`` when SQL does not answer."""

    def __init__(self, path: Path, *, timeout_ms: int) -> None:
        self._db = Database(path, timeout_ms=timeout_ms)

    async def close(self) -> None:
        """Close the connection."""
        await self._db.close()

    async def facts(self) -> tuple[int, int]:
        """Return (incarnation, partitions)."""
        return await self._db.read(lambda c: tuple(c.execute("SELECT incarnation, partitions FROM book").fetchone()))

    async def partitions(self) -> list[PartitionRow]:
        """Return all partitions in order."""
        return await self._db.read(lambda c: [PartitionRow(*row) for row in c.execute(f"{_PARTITION} ORDER BY p")])

    async def partition(self, p: int) -> PartitionRow:
        """Return one partition."""
        return await self._db.read(lambda c: PartitionRow(*c.execute(f"{_PARTITION} WHERE p = ?", (p,)).fetchone()))

    async def flush(
        self, batches: Sequence[PartitionBatch], *, announced: dict[int, int], behind: list[str], now_ms: int
    ) -> list[SettledEvent]:
        """Commit the batches in one transaction; see ``store.flush.flush``."""
        return await self._db.write(
            lambda c: flush(
                c, batches, announced=announced, behind=behind, now_ms=now_ms, salt=lambda: secrets.token_bytes(16)
            )
        )

    async def begin_epoch(self, row: PartitionRow, *, epoch: int) -> PartitionRow | None:
        """Commit a new epoch and generation for a partition that still stands as ``row``; None if it moved on."""

        def write(c: sqlite3.Connection) -> PartitionRow | None:
            done = c.execute(
                "UPDATE partition SET epoch = ?, generation = generation + 1 WHERE p = ? AND epoch = ? AND mark = ?",
                (epoch, row.partition, row.epoch, row.mark),
            ).rowcount
            if done != 1:
                return None
            return PartitionRow(*c.execute(f"{_PARTITION} WHERE p = ?", (row.partition,)).fetchone())

        return await self._db.write(write)

    async def pending(self, *, limit: int) -> list[PendingEntry]:
        """Return inbox entries that wait, in order of (partition, number), at most ``limit`` a partition."""

        def read(c: sqlite3.Connection) -> list[PendingEntry]:
            rows: list[PendingEntry] = []
            for p, done in c.execute("SELECT p, inbox_done FROM partition WHERE inbox_given > inbox_done").fetchall():
                rows += [
                    PendingEntry(*row)
                    for row in c.execute(
                        """SELECT p, number, user_id, kind, coins FROM movement
                           WHERE p = ? AND number > ? ORDER BY number LIMIT ?""",
                        (p, done, limit),
                    )
                ]
            return rows

        return await self._db.read(read)

    # --- rooms, as the book knows them ---

    async def room_marks(self, room_id: str) -> dict[int, int]:
        """Return the last seq of each partition that has gifts in the room."""
        return await self._db.read(
            lambda c: dict(c.execute("SELECT p, seq FROM room_mark WHERE room_id = ?", (room_id,)).fetchall())
        )

    async def earned_before(self, room_id: str) -> dict[int, int]:
        """Return each partition's points of the room's creator before the room's first gift there."""

        def read(c: sqlite3.Connection) -> dict[int, int]:
            earned = dict(
                c.execute(
                    """SELECT p, points FROM stripe WHERE creator_id = (SELECT creator_id FROM room WHERE id = ?)""",
                    (room_id,),
                ).fetchall()
            )
            for (p,) in c.execute("SELECT p FROM room_mark WHERE room_id = ?", (room_id,)).fetchall():
                first = c.execute(
                    "SELECT earned - points FROM gift WHERE room_id = ? AND p = ? ORDER BY seq LIMIT 1", (room_id, p)
                ).fetchone()
                earned[p] = first[0]
            return earned

        return await self._db.read(read)

    async def room_gifts(self, room_id: str, marks: dict[int, int], *, limit: int) -> list[SettledEvent]:
        """Return the room's gifts after each partition's mark, in the order of their times, at most about ``limit``.

        No partition is cut short of what another goes beyond, so that feeding in pieces keeps the order of times.
        """

        def read(c: sqlite3.Connection) -> list[SettledEvent]:
            found: list[SettledEvent] = []
            horizon: int | None = None
            partitions = c.execute("SELECT p FROM room_mark WHERE room_id = ?", (room_id,)).fetchall()
            for (p,) in partitions:
                rows = c.execute(_FEED, (room_id, p, marks.get(p, 0), limit)).fetchall()
                if len(rows) == limit:
                    last = rows[-1][4]
                    horizon = last if horizon is None else min(horizon, last)
                found += [_settled(row) for row in rows]
            if horizon is not None:
                found = [event for event in found if event.ts_ms <= horizon]
            return sorted(found, key=lambda event: (event.ts_ms, event.partition, event.seq))

        return await self._db.read(read)

    async def live_rooms(self, *, closed_since_ms: int) -> dict[str, LiveRoom]:
        """Return the rooms that fold: open ones, and those closed since then."""

        def read(c: sqlite3.Connection) -> dict[str, LiveRoom]:
            rooms = {
                room_id: LiveRoom(closed is not None, {})
                for room_id, closed in c.execute(
                    "SELECT id, closed_at_ms FROM room WHERE closed_at_ms IS NULL OR closed_at_ms >= ?",
                    (closed_since_ms,),
                )
            }
            for room_id, room in rooms.items():
                room.marks.update(c.execute("SELECT p, seq FROM room_mark WHERE room_id = ?", (room_id,)).fetchall())
            return rooms

        return await self._db.read(read)

    async def rooms_closed_before(self, before_ms: int, *, after_ms: int) -> list[str]:
        """Return the ids of rooms closed in [after, before)."""
        return await self._db.read(
            lambda c: [
                row[0]
                for row in c.execute(
                    "SELECT id FROM room WHERE closed_at_ms >= ? AND closed_at_ms < ?", (after_ms, before_ms)
                )
            ]
        )

    async def rooms_unannounced(self) -> list[str]:
        """Return rooms that have gifts the book does not know to be announced, and those that were behind."""

        def read(c: sqlite3.Connection) -> list[str]:
            rooms = {row[0] for row in c.execute("SELECT room_id FROM room_behind")}
            for p, announced in c.execute("SELECT p, announced FROM partition WHERE announced < mark").fetchall():
                rooms |= {
                    row[0]
                    for row in c.execute("SELECT DISTINCT room_id FROM gift WHERE p = ? AND seq > ?", (p, announced))
                }
            return sorted(rooms)

        return await self._db.read(read)

    async def caught_up(self, room_ids: list[str]) -> None:
        """Forget that these rooms were behind."""
        await self._db.write(
            lambda c: c.executemany("DELETE FROM room_behind WHERE room_id = ?", [(room,) for room in room_ids])
        )


def _settled(row: tuple[Any, ...]) -> SettledEvent:
    p, epoch, seq, prev, ts_ms, *fields, earned = row
    # The columns stand in the order of GiftEntry; SQLite has no booleans, and an erased person has no name.
    fields[3], fields[5] = fields[3] or "", fields[5] or ""
    fields[10], fields[16] = bool(fields[10]), bool(fields[16])
    return SettledEvent(p, epoch, seq, prev, ts_ms, GiftEntry(*fields), earned)
