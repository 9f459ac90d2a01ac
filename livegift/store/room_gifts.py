"""Gifts read back for a room, as it needs them."""

import heapq
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from livegift.domain.cursor import Marks
from livegift.store.events import SettledEvent
from livegift.store.sql import Database, Sql
from livegift.wire.journal import GiftEntry

ROWS_AT_ONCE = 100
"""Rows of one partition that are read at once."""
SEQ_MAX = 2**62

_GIFTS = """
SELECT gift.p, gift.epoch, gift.seq, gift.prev, gift.ts_ms, gift.gift_event_id, gift.digest, gift.sender_id, s.name,
       gift.receiver_id, r.name, gift.room_id, gift.gift_id, catalogue.name, catalogue.tier, catalogue.streakable,
       gift.catalogue_version, gift.rate_version, gift.price_coins, gift.count, gift.coins, gift.anonymous,
       gift.message, gift.earned
FROM gift
LEFT JOIN person s ON s.id = gift.sender_id
LEFT JOIN person r ON r.id = gift.receiver_id
JOIN catalogue ON catalogue.version = gift.catalogue_version AND catalogue.id = gift.gift_id
WHERE gift.room_id = $1 AND gift.p = $2 AND gift.seq > $3 AND gift.seq <= $4 ORDER BY gift.seq LIMIT $5
"""


async def room_gifts_of(
    sql: Sql, room_id: str, p: int, *, after: int, limit: int, upto: int = SEQ_MAX
) -> list[SettledEvent]:
    """Return one partition's gifts in a room beyond a seq, and up to another, in order."""
    return [_settled(row) for row in await sql.rows(_GIFTS, room_id, p, after, upto, limit)]


async def gifts_between(
    database: Database, room_id: str, after: Marks, upto: Marks, *, page_max: int
) -> AsyncIterator[list[SettledEvent]]:
    """Yield a room's gifts beyond ``after`` and up to ``upto`` in pages, ordered by (ts_ms, partition, seq).

    At most ``ROWS_AT_ONCE`` gifts a partition and one page are held, and each row is read once. A partition's times
    never go back, so its gifts stay in order of their seqs.
    """
    read_to = {p: after.get(p, 0) for p, seq in upto.items() if seq > after.get(p, 0)}
    waiting: dict[int, deque[SettledEvent]] = {p: deque() for p in read_to}
    dry, heads = list(read_to), list[tuple[int, int]]()

    async def refill(sql: Sql) -> dict[int, list[SettledEvent]]:
        return {
            p: await room_gifts_of(sql, room_id, p, after=read_to[p], upto=upto[p], limit=ROWS_AT_ONCE) for p in dry
        }

    page: list[SettledEvent] = []
    while dry or heads:
        if dry:
            for p, events in (await database.read(refill)).items():
                assert events, f"room {room_id} has no gift of partition {p} in ({read_to[p]}, {upto[p]}]"
                read_to[p] = events[-1].seq
                waiting[p].extend(events)
                heapq.heappush(heads, (events[0].ts_ms, p))
            dry = []
        _, p = heapq.heappop(heads)
        page.append(waiting[p].popleft())
        if waiting[p]:
            heapq.heappush(heads, (waiting[p][0].ts_ms, p))
        elif read_to[p] < upto[p]:
            dry = [p]
        if len(page) == page_max:
            yield page
            page = []
    if page:
        yield page


def _settled(row: tuple[Any, ...]) -> SettledEvent:
    p, epoch, seq, prev, ts_ms, *fields, earned = row
    # The columns stand in the order of GiftEntry; SQLite has no booleans, and an erased person has no name.
    fields[3], fields[5] = fields[3] or "", fields[5] or ""
    fields[10], fields[16] = bool(fields[10]), bool(fields[16])
    return SettledEvent(p, epoch, seq, prev, ts_ms, GiftEntry(*fields), earned)
