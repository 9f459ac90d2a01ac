"""Changing the number of partitions, as one transaction of the book: wallets move, nothing else does.

A wallet that moves leaves one partition's chain and enters another's by a movement in each, so that either can still
be recomputed from its own rows. Stripes, gifts and the marks of rooms stay where they are: a creator's points are a
sum over all partitions that ever were. Every partition begins an epoch above all that were used, and the layout tells
from which epoch on the new number holds: an old receipt's epoch still names its partition.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from livegift.domain.chain import GENESIS, link
from livegift.domain.identity import partition_of
from livegift.store import audit_log
from livegift.store.events import (
    MOVED_IN,
    MOVED_IN_FROZEN,
    MOVED_OUT,
    JournalledMovement,
    chain_core_of_movement,
    movement_delta,
)
from livegift.store.sql import Row, Sql, one_row
from livegift.wire.journal import MovementEntry

WALLETS_AT_ONCE = 2_000

_INSERT_MOVEMENT = """INSERT INTO movement
(p, number, user_id, kind, coins, asked_ms, seq, epoch, ts_ms, outcome, balance)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'applied', $10)"""


class Changed(Exception):
    """A partition is not as it was closed any more: somebody still works on this book."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A partition that takes nothing any more, with all its journal in the book. ``clock_ms``: the engine's."""

    partition: int
    epoch: int
    mark: int
    clock_ms: int


@dataclass(frozen=True, slots=True)
class Moves:
    """What a repartition has done; ``coins`` is the sum that changed its partition, debts counted as negative."""

    epoch: int
    wallets: int
    coins: int


class _Chain:
    """A partition whose chain goes on with movements."""

    def __init__(self, p: int, row: Row) -> None:
        self.p = p
        self.mark, self.number, self.head, self.issued = row

    def move(self, user_id: str, kind: str, coins: int, balance: int, *, epoch: int, now_ms: int) -> Row:
        """Append a movement and return its row."""
        self.mark += 1
        self.number += 1
        entry = MovementEntry(user_id, kind, coins)
        event = JournalledMovement(self.mark, now_ms, entry, self.number, "applied", balance)
        self.head = link(self.head, chain_core_of_movement(self.p, epoch, event))
        self.issued += movement_delta(kind, coins, "applied")
        return (self.p, self.number, user_id, kind, coins, now_ms, self.mark, epoch, now_ms, balance)


async def repartition(sql: Sql, closed: Sequence[Closed], *, partitions: int, now_ms: int) -> Moves:
    """Change the number of partitions; run inside one writing transaction. ``closed``: all there are.

    Raises ``Changed``: then nothing may be committed.
    """
    epoch = max(now_ms // 1_000, *(one.epoch + 1 for one in closed))
    clock_ms = max(one.clock_ms for one in closed)
    await _claim(sql, closed, partitions, epoch)
    # Gifts that rooms have not been told of are found by their rooms: `announced` goes on with the mark below.
    await sql.run(
        """INSERT INTO room_behind SELECT DISTINCT gift.room_id, CAST($1 AS BIGINT) FROM gift
           JOIN partition ON partition.p = gift.p WHERE gift.seq > partition.announced ON CONFLICT DO NOTHING""",
        now_ms,
    )
    chains = await _chains(sql, range(max(partitions, len(closed))), epoch)
    wallets = coins = 0
    after = ""
    while page := await sql.rows(
        "SELECT user_id, p, coins, frozen FROM wallet WHERE user_id > $1 ORDER BY user_id LIMIT $2",
        *(after, WALLETS_AT_ONCE),
    ):
        after = page[-1][0]
        leaving = [row for row in page if partition_of(row[0], partitions) != row[1]]
        await _move(sql, leaving, chains, partitions=partitions, epoch=epoch, clock_ms=clock_ms)
        wallets += len(leaving)
        coins += sum(row[2] for row in leaving)
    await sql.run_many(
        """UPDATE partition SET mark = $1, announced = $1, inbox_given = $2, inbox_done = $2, chain = $3,
           coins_issued = $4, clock_ms = $5 WHERE p = $6""",
        [(one.mark, one.number, one.head, one.issued, clock_ms, one.p) for one in chains.values()],
    )
    before, after_it = {"partitions": len(closed)}, {"partitions": partitions, "wallets": wallets, "coins": coins}
    await audit_log.record_care(sql, "book.repartition", now_ms=now_ms, before=before, after=after_it)
    return Moves(epoch, wallets, coins)


async def _claim(sql: Sql, closed: Iterable[Closed], partitions: int, epoch: int) -> None:
    """Begin the epoch in every partition that was closed, as long as each is what it was."""
    count = 0
    for one in sorted(closed, key=lambda one: one.partition):
        claimed = await sql.run(
            """UPDATE partition SET epoch = $1, generation = generation + 1
               WHERE p = $2 AND epoch = $3 AND mark = $4 AND inbox_given = inbox_done""",
            *(epoch, one.partition, one.epoch, one.mark),
        )
        if claimed != 1:
            raise Changed(f"partition {one.partition} is not at ({one.epoch}, {one.mark}) with an empty inbox any more")
        count += 1
    if await sql.run("UPDATE book SET partitions = $1 WHERE partitions = $2", partitions, count) != 1:
        raise Changed(f"the book does not have {count} partitions any more")
    await sql.run("INSERT INTO layout VALUES ($1, $2)", epoch, partitions)


async def _chains(sql: Sql, partitions: range, epoch: int) -> dict[int, _Chain]:
    """Return the chains of these partitions, beginning or resuming those that were not in use."""
    chains = {}
    for p in partitions:
        await sql.run(
            "INSERT INTO partition (p, epoch, generation, chain) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING",
            *(p, epoch, GENESIS),
        )
        await sql.run(
            "UPDATE partition SET epoch = $1, generation = generation + 1 WHERE p = $2 AND epoch < $1", epoch, p
        )
        chains[p] = _Chain(
            p, await one_row(sql, "SELECT mark, inbox_given, chain, coins_issued FROM partition WHERE p = $1", p)
        )
    return chains


async def _move(
    sql: Sql, leaving: Sequence[Row], chains: dict[int, _Chain], *, partitions: int, epoch: int, clock_ms: int
) -> None:
    movements, places = [], []
    for user_id, p, coins, frozen in leaving:
        to = chains[partition_of(user_id, partitions)]
        last_seq = 0
        if coins or frozen:
            kind = MOVED_IN_FROZEN if frozen else MOVED_IN
            movements.append(chains[p].move(user_id, MOVED_OUT, coins, 0, epoch=epoch, now_ms=clock_ms))
            movements.append(to.move(user_id, kind, coins, coins, epoch=epoch, now_ms=clock_ms))
            last_seq = to.mark
        places.append((to.p, last_seq, user_id))
    await sql.run_many(_INSERT_MOVEMENT, movements)
    await sql.run_many("UPDATE wallet SET p = $1, last_seq = $2 WHERE user_id = $3", places)
