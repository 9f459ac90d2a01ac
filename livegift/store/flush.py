"""The flusher's transaction: journal events become rows, and the mark moves, or nothing happens.

The first statements are the compare-and-sets on (mark, epoch): of two flushers one gets no row, raises ``Moved``
and reads again. They go through the partitions in order, so that two flushers never wait for each other crosswise.
After them everything is a plain insert; a conflict, a gap or a balance that is not ``book balance - coins`` is a
``Disagreement`` and stops that partition loudly. Coins and stripes are written here and nowhere else.
"""

from collections.abc import Callable, Iterable, Sequence

from livegift.store.events import JournalledGift, PartitionBatch, SettledEvent
from livegift.store.posting import Disagreement, Known, Posting
from livegift.store.sql import Conflict, Sql

__all__ = ["Disagreement", "Moved", "flush"]

_INSERT_GIFT = """INSERT INTO gift VALUES
($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)"""


class Moved(Exception):
    """Another flusher was here: read the mark again."""


async def flush(
    sql: Sql,
    batches: Sequence[PartitionBatch],
    *,
    announced: dict[int, int],
    behind: Iterable[str],
    now_ms: int,
    salt: Callable[[], bytes],
) -> list[SettledEvent]:
    """Write the batches and move their marks; run inside one writing transaction.

    ``announced`` and ``behind`` are what earlier flushes have announced, and the rooms that did not answer.
    Returns the gifts in order, with ``prev``. Raises ``Moved`` or ``Disagreement``: then nothing may be committed.
    """
    heads = await _claim(sql, {batch.partition: batch for batch in batches}, announced)
    await sql.run_many(
        "INSERT INTO room_behind VALUES ($1, $2) ON CONFLICT DO NOTHING", [(room, now_ms) for room in sorted(behind)]
    )
    known = await _known(sql, batches)
    postings = [Posting(batch, heads[batch.partition], salt, known) for batch in batches]
    for posting in postings:
        posting.post()
    await _store(sql, postings)
    return [event for posting in postings for event in posting.settled]


async def _claim(sql: Sql, batches: dict[int, PartitionBatch], announced: dict[int, int]) -> dict[int, bytes]:
    """Move each mark and return the chains' heads; note what was announced, which may not lead the mark."""
    heads = {}
    for p in sorted(batches.keys() | announced.keys()):
        seen = announced.get(p, 0)
        batch = batches.get(p)
        if batch is None:
            await sql.run("UPDATE partition SET announced = $1 WHERE p = $2 AND announced < $1 AND mark >= $1", seen, p)
            continue
        row = await sql.row(
            """UPDATE partition SET mark = $1, clock_ms = CASE WHEN clock_ms < $2 THEN $2 ELSE clock_ms END,
               announced = CASE WHEN announced < $3 AND mark >= $3 THEN $3 ELSE announced END
               WHERE p = $4 AND mark = $5 AND epoch = $6 RETURNING chain""",
            *(batch.mark, batch.events[-1].ts_ms, seen, p, batch.after, batch.epoch),
        )
        if row is None:
            raise Moved(f"partition {p} is not at ({batch.epoch}, {batch.after}) any more")
        heads[p] = row[0]
    return heads


async def _known(sql: Sql, batches: Sequence[PartitionBatch]) -> Known:
    """Read everything that the batches touch, three queries for all partitions."""
    users, creators, rooms = set(), set(), set()
    for batch in batches:
        for event in batch.events:
            if isinstance(event, JournalledGift):
                users.add(event.entry.sender_id)
                creators.add(event.entry.receiver_id)
                rooms.add(event.entry.room_id)
            else:
                users.add(event.entry.user_id)
    partitions = [batch.partition for batch in batches]
    wallets = await sql.rows("SELECT user_id, coins, frozen, p FROM wallet WHERE user_id = ANY($1)", sorted(users))
    stripes = await sql.rows(
        "SELECT p, creator_id, points FROM stripe WHERE p = ANY($1) AND creator_id = ANY($2)",
        *(partitions, sorted(creators)),
    )
    marks = await sql.rows(
        "SELECT p, room_id, seq FROM room_mark WHERE p = ANY($1) AND room_id = ANY($2)", partitions, sorted(rooms)
    )
    return Known(
        wallets={user: (coins, frozen, p) for user, coins, frozen, p in wallets},
        stripes={(p, creator): points for p, creator, points in stripes},
        rooms={(p, room): seq for p, room, seq in marks},
    )


async def _store(sql: Sql, postings: Sequence[Posting]) -> None:
    for posting in postings:
        p = posting.batch.partition
        try:
            await sql.run_many(_INSERT_GIFT, posting.gift_rows)
        except Conflict as error:
            raise Disagreement(p, f"an event stands in the book already: {error}") from error
        for row in posting.movement_rows:
            await _movement(sql, p, row)
    await sql.run_many(
        """INSERT INTO wallet (user_id, p, coins, frozen, last_seq) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (user_id) DO UPDATE
           SET coins = excluded.coins, frozen = excluded.frozen, last_seq = excluded.last_seq""",
        [
            (user, posting.batch.partition, *figures)
            for posting in postings
            for user, figures in sorted(posting.wallets.items())
        ],
    )
    await sql.run_many(
        """INSERT INTO stripe (p, creator_id, points) VALUES ($1, $2, $3)
           ON CONFLICT (p, creator_id) DO UPDATE SET points = excluded.points""",
        [
            (posting.batch.partition, creator, points)
            for posting in postings
            for creator, points in sorted(posting.stripes.items())
        ],
    )
    await sql.run_many(
        """INSERT INTO room_mark (room_id, p, seq) VALUES ($1, $2, $3)
           ON CONFLICT (room_id, p) DO UPDATE SET seq = excluded.seq""",
        [(room, posting.batch.partition, seq) for posting in postings for room, seq in sorted(posting.rooms.items())],
    )
    await sql.run_many(
        """UPDATE partition SET chain = $1, coins_issued = coins_issued + $2, coins_spent = coins_spent + $3,
           inbox_done = CASE WHEN inbox_done < $4 THEN $4 ELSE inbox_done END WHERE p = $5""",
        [(one.head, one.issued, one.spent, one.inbox, one.batch.partition) for one in postings],
    )


async def _movement(sql: Sql, p: int, row: tuple[int, int, int, str, int, int, int, str]) -> None:
    found = await sql.run(
        """UPDATE movement SET seq = $1, epoch = $2, ts_ms = $3, outcome = $4, balance = $5
           WHERE p = $6 AND number = $7 AND user_id = $8 AND seq IS NULL""",
        *row,
    )
    if found != 1:
        raise Disagreement(p, f"seq {row[0]} applies inbox number {row[6]}, which the book does not wait for")
