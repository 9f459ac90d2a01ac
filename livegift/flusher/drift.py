"""The live figure of drift: hot wallets held against the book's, a few at a time, beside a running server.

Wallets of a partition are read in one atomic piece with the partition's seq. Once the book has come that far, each of
them whose last event is not behind that seq must hold the same coins; one that has moved on since is left for the next
round. So no difference is ever told that is only a delay. The whole truth, rows recomputed, is the audit's.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import structlog

from livegift.engine import Client, faults
from livegift.errors import Fault
from livegift.ledger.keys import LedgerKeys
from livegift.store.sql import Database, Row, Sql

LOOK_S = 1.0
SCAN_COUNT = 400
"""Keys that the engine goes through for a partition in a look; some of them are wallets."""

log = structlog.get_logger(__name__)

Wallet = tuple[int, int]
"""Coins, and whether it is frozen."""


@dataclass(slots=True)
class Piece:
    """Wallets of a partition, read atomically at (epoch, seq)."""

    epoch: int
    seq: int
    wallets: dict[str, Wallet]


@dataclass(slots=True)
class _Round:
    """Where the looks at one partition stand."""

    generation: int = -1
    cursor: int = 0
    waiting: Piece | None = None
    """What the book had not come to yet."""
    differ: dict[str, int] = field(default_factory=dict)
    """Coins that a wallet has more than its book, as this round and the one before it have found."""
    before: set[str] = field(default_factory=set)
    """Those of them that only the round before has found."""

    def end(self) -> None:
        """Begin with the first key again; what this round has not found differs no more, or has been evicted."""
        for user in self.before:
            del self.differ[user]
        self.before = set(self.differ)


class Drift:
    """Compares until cancelled; ``figures`` says what it has seen."""

    def __init__(self, client: Client, keys: LedgerKeys, database: Database, *, partitions: int) -> None:
        self._client = client
        self._keys = keys
        self._database = database
        self._rounds = {p: _Round() for p in range(partitions)}
        self.figures: dict[str, float] = dict.fromkeys(HELPS, 0)

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            try:
                await self.look()
            except Fault as fault:
                log.info("drift_unseen", why=str(fault))
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Compare some wallets of every partition and set ``figures``. Raises ``Fault``."""
        for p, its in self._rounds.items():
            piece = its.waiting or await self._next(p, its)
            its.waiting = piece if piece is not None and not await self._compared(p, its, piece) else None
            if its.waiting is None and its.cursor == 0:
                its.end()
        differ = [coins for its in self._rounds.values() for coins in its.differ.values()]
        self.figures["drift_coins"] = sum(map(abs, differ))
        self.figures["drift_wallets"] = len(differ)

    async def _next(self, p: int, its: _Round) -> Piece | None:
        """Read the next wallets of a partition; None if there are none at present."""
        meta = self._keys.meta(p)
        async with faults():
            generation = await self._client.hget(meta, "generation")
        if generation is None:
            return None
        if int(generation) != its.generation:
            its.generation, its.cursor = int(generation), 0
            its.differ.clear()
            its.before.clear()
        start = self._keys.wallet(p, its.generation, "")
        async with faults():
            reply: Any = await self._client.scan(its.cursor, match=f"{start}*", count=SCAN_COUNT)
        its.cursor, found = reply
        names = [key.decode() for key in found]
        if not names:
            return None
        async with faults(), self._client.pipeline(transaction=True) as pipe:
            pipe.hmget(meta, ["epoch", "seq", "generation"])
            for name in names:
                pipe.hmget(name, ["coins", "frozen"])
            (epoch, seq, now), *values = await pipe.execute()
        if epoch is None or int(now) != its.generation:
            return None
        pairs: Any = zip(names, values, strict=True)
        # A wallet without coins was evicted since the scan.
        wallets = {name[len(start) :]: (int(one[0]), int(one[1])) for name, one in pairs if one[0] is not None}
        return Piece(int(epoch), int(seq), wallets)

    async def _compared(self, p: int, its: _Round, piece: Piece) -> bool:
        """Compare a piece; False if the book has not come to it yet."""

        async def read(sql: Sql) -> tuple[Row | None, list[Row]]:
            stands = await sql.row("SELECT epoch, mark FROM partition WHERE p = $1", p)
            wanted = sorted(piece.wallets)
            rows = await sql.rows(
                "SELECT user_id, coins, frozen, last_seq FROM wallet WHERE p = $1 AND user_id = ANY($2)", p, wanted
            )
            return stands, rows

        stands, rows = await self._database.read(read)
        if stands is None or stands[0] != piece.epoch:
            return True  # a recovery came between: what was read is of before it
        if stands[1] < piece.seq:
            return False
        known = {user: (coins, frozen, seq) for user, coins, frozen, seq in rows}
        for user, (coins, frozen) in piece.wallets.items():
            booked, is_frozen, last_seq = known.get(user, (0, 0, 0))
            if last_seq <= piece.seq:
                self.figures["drift_compared_total"] += 1
                self._judge(p, its, user, coins - booked, is_same=(coins, frozen) == (booked, is_frozen))
        return True

    def _judge(self, p: int, its: _Round, user: str, coins: int, *, is_same: bool) -> None:
        its.before.discard(user)
        if is_same:
            its.differ.pop(user, None)
        elif user not in its.differ or its.differ[user] != coins:
            its.differ[user] = coins
            log.error("wallet_differs_from_book", p=p, coins=coins, do="run livegift audit, which names it")


HELPS = {
    "drift_coins": "Coins by which wallets differ from the book, as far as they have been compared; must be 0.",
    "drift_wallets": "Wallets that differ from the book; must be 0.",
    "drift_compared_total": "Comparisons of a hot wallet with the book.",
}
