"""Everything that the book has settled, in an order that never changes: gifts and movements, partition by partition.

A place in it is a seq for each partition. Rows of one partition appear in the order of their seqs and never behind a
place that somebody has seen, since a flush commits them in that order; between partitions they are merged by time.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from livegift.domain.cursor import Marks
from livegift.store.events import MOVES, movement_delta
from livegift.store.sql import Database, Row, Sql


@dataclass(frozen=True, slots=True)
class FedGift:
    """A settled gift, as the platform is told of it."""

    partition: int
    epoch: int
    seq: int
    ts_ms: int
    gift_event_id: str
    sender_id: str
    receiver_id: str
    room_id: str
    gift_id: str
    price_coins: int
    count: int
    coins: int
    points: int
    is_anonymous: bool
    message: str | None
    balance: int


@dataclass(frozen=True, slots=True)
class FedMovement:
    """A movement of a wallet that was applied; ``coins`` is signed."""

    partition: int
    epoch: int
    seq: int
    ts_ms: int
    number: int
    user_id: str
    kind: str
    coins: int
    balance: int


Fed = FedGift | FedMovement

_GIFTS = """SELECT p, epoch, seq, ts_ms, gift_event_id, sender_id, receiver_id, room_id, gift_id, price_coins, count,
                   coins, points, anonymous, message, balance
            FROM gift WHERE p = $1 AND seq > $2 ORDER BY seq LIMIT $3"""
_MOVEMENTS = """SELECT p, epoch, seq, ts_ms, number, user_id, kind, coins, balance, outcome
                FROM movement WHERE p = $1 AND seq > $2 ORDER BY seq LIMIT $3"""


async def settled_after(database: Database, after: Marks, limit: int) -> tuple[list[Fed], Marks]:
    """Return up to ``limit`` of what was settled beyond a place, in order, and the place behind the last of them."""

    async def read(sql: Sql) -> tuple[list[Fed], Marks]:
        marks = await sql.rows("SELECT p, mark FROM partition ORDER BY p")
        lines = [await _line(sql, p, after.get(p, 0), limit) for p, mark in marks if mark > after.get(p, 0)]
        found: list[Fed] = []
        place = dict(after)
        for one in heapq.merge(*lines, key=lambda row: (row[3], row[0], row[2])):
            if len(found) == limit:
                break
            place[one[0]] = one[2]
            found += _told(one)
        return found, place

    return await database.read(read)


async def place_now(database: Database) -> Marks:
    """Return the place behind everything that is settled now."""
    rows = await database.read(lambda sql: sql.rows("SELECT p, mark FROM partition"))
    return {int(p): int(mark) for p, mark in rows if mark}


async def _line(sql: Sql, p: int, after: int, limit: int) -> list[Row]:
    gifts = await sql.rows(_GIFTS, p, after, limit)
    moves = await sql.rows(_MOVEMENTS, p, after, limit)
    return sorted((*gifts, *moves), key=lambda row: int(row[2]))[:limit]


def _told(row: Row) -> Iterator[Fed]:
    """Yield what a row tells the platform: nothing for what was rejected or only moved between partitions."""
    if len(row) == len(FedGift.__slots__):
        *before, anonymous, message, balance = row
        yield FedGift(*before, bool(anonymous), message, balance)  # type: ignore[call-arg]
        return
    p, epoch, seq, ts_ms, number, user_id, kind, coins, balance, outcome = row
    if outcome == "applied" and kind not in MOVES:
        yield FedMovement(p, epoch, seq, ts_ms, number, user_id, kind, movement_delta(kind, coins, outcome), balance)
