"""The book for edges: people, rooms, catalogue, wallets and what makes a wallet hot.

Reads and writes use a connection each, so that a write that waits for its lock delays no read. Coins are never
changed here: a grant is an inbox entry, carried into the hot wallet by the flusher.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from uuid_utils import uuid7

from livegift.domain.catalogue import Catalogue, GiftRow
from livegift.domain.coins import is_amount
from livegift.domain.identity import partition_of
from livegift.domain.people import InboxEntry, RoomRow, User, WalletRow
from livegift.store.sqlite import Database

KINDS = ("recharge", "promo", "take", "chargeback", "adjustment")
"""Why a wallet may change by something else than a gift."""

_ROOM = """SELECT room.id, title, creator_id, person.name, closed_at_ms
           FROM room JOIN person ON person.id = room.creator_id"""


@dataclass(frozen=True, slots=True)
class BookFacts:
    """What never changes while a process runs."""

    incarnation: int
    partitions: int


@dataclass(frozen=True, slots=True)
class ColdWallet:
    """A wallet as the book knows it. ``ids`` are members for ``load.lua``, one a recent gift."""

    user_id: str
    coins: int
    frozen: bool
    last_seq: int
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SettledGift:
    """A gift found in the book by its id."""

    partition: int
    epoch: int
    seq: int
    balance: int
    digest: str


class Book:
    """Async access to the book; every method raises ``Unavailable`` when SQL does not answer."""

    def __init__(self, path: Path, *, timeout_ms: int) -> None:
        self._reads = Database(path, timeout_ms=timeout_ms)
        self._writes = Database(path, timeout_ms=timeout_ms)

    async def close(self) -> None:
        """Close both connections."""
        await self._reads.close()
        await self._writes.close()

    async def facts(self) -> BookFacts:
        """Return incarnation and number of partitions."""
        return await self._reads.read(
            lambda c: BookFacts(*c.execute("SELECT incarnation, partitions FROM book").fetchone())
        )

    # --- people and their wallets ---

    async def create_user(self, name: str, role: str, now_ms: int) -> User:
        """Add a person of that role (viewer or creator) and return them with their new id."""
        user = User(uuid7().hex, name, role)
        await self._writes.write(
            lambda c: c.execute("INSERT INTO person VALUES (?, ?, ?, ?)", (user.id, name, role, now_ms))
        )
        return user

    async def user(self, user_id: str) -> User | None:
        """Return a person."""

        def read(c: sqlite3.Connection) -> User | None:
            row = c.execute("SELECT id, name, role FROM person WHERE id = ?", (user_id,)).fetchone()
            return User(*row) if row else None

        return await self._reads.read(read)

    async def grant(self, user_id: str, coins: int, *, kind: str = "promo", now_ms: int) -> InboxEntry:
        """Ask for a change of a wallet; it can be spent once the flusher has carried it over.

        The number is given under the partition's row lock, so that numbers are gapless in commit order.
        Raises ``ValueError`` for an amount or a kind that ``apply.lua`` would not take: once it stands in the inbox,
        nothing behind it could go on.
        """
        if kind not in KINDS or not is_amount(abs(coins)) or (coins < 0 and kind != "adjustment"):
            raise ValueError(f"cannot move {coins} coins as {kind}")

        def write(c: sqlite3.Connection) -> InboxEntry:
            (partitions,) = c.execute("SELECT partitions FROM book").fetchone()
            p = partition_of(user_id, partitions)
            (number,) = c.execute(
                "UPDATE partition SET inbox_given = inbox_given + 1 WHERE p = ? RETURNING inbox_given", (p,)
            ).fetchone()
            c.execute(
                "INSERT INTO movement (p, number, user_id, kind, coins, asked_ms) VALUES (?, ?, ?, ?, ?, ?)",
                (p, number, user_id, kind, coins, now_ms),
            )
            return InboxEntry(p, number, user_id)

        return await self._writes.write(write)

    async def outcome(self, entry: InboxEntry) -> str | None:
        """Return what became of an inbox entry: 'applied', a reason, or None while it waits."""

        def read(c: sqlite3.Connection) -> str | None:
            row = c.execute(
                "SELECT outcome FROM movement WHERE p = ? AND number = ?", (entry.partition, entry.number)
            ).fetchone()
            return row[0] if row else None

        return await self._reads.read(read)

    async def wallet_rows(self, user_id: str, limit: int) -> list[WalletRow]:
        """Return a wallet's newest rows, newest first; gifts are negative."""

        def read(c: sqlite3.Connection) -> list[WalletRow]:
            gifts = c.execute(
                """SELECT gift_event_id, 'gift', -coins, ts_ms FROM gift WHERE sender_id = ?
                   ORDER BY gift_event_id DESC LIMIT ?""",
                (user_id, limit),
            ).fetchall()
            moves = c.execute(
                """SELECT p || '-' || number, kind, coins, ts_ms FROM movement
                   WHERE user_id = ? AND outcome = 'applied' ORDER BY seq DESC LIMIT ?""",
                (user_id, limit),
            ).fetchall()
            rows = [WalletRow(*row) for row in gifts]
            rows += [WalletRow(row[0], row[1], -row[2] if row[1] in _DEBITS else row[2], row[3]) for row in moves]
            return sorted(rows, key=lambda row: row.ts_ms, reverse=True)[:limit]

        return await self._reads.read(read)

    # --- what makes a wallet hot ---

    async def read_cold(
        self, user_ids: list[str], stripes: list[tuple[int, str]], ids_since_ms: int
    ) -> tuple[list[ColdWallet], list[int]]:
        """Return wallets with the ids made since then, and the points of (partition, creator), from one snapshot."""
        oldest = f"{ids_since_ms:012x}"

        def read(c: sqlite3.Connection) -> tuple[list[ColdWallet], list[int]]:
            c.execute("BEGIN")
            try:
                wallets = [_cold_wallet(c, user_id, oldest) for user_id in user_ids]
                points = [_stripe(c, p, creator) for p, creator in stripes]
            finally:
                c.execute("COMMIT")
            return wallets, points

        return await self._reads.read(read)

    async def settled_gift(self, sender_id: str, gift_id: str) -> SettledGift | None:
        """Return the receipt of an id that the book holds."""

        def read(c: sqlite3.Connection) -> SettledGift | None:
            row = c.execute(
                "SELECT p, epoch, seq, balance, digest FROM gift WHERE sender_id = ? AND gift_event_id = ?",
                (sender_id, gift_id),
            ).fetchone()
            return SettledGift(*row) if row else None

        return await self._reads.read(read)

    async def mark(self, partition: int) -> tuple[int, int]:
        """Return the book's (epoch, mark) of a partition."""

        def read(c: sqlite3.Connection) -> tuple[int, int]:
            row: tuple[int, int] = c.execute("SELECT epoch, mark FROM partition WHERE p = ?", (partition,)).fetchone()
            return row

        return await self._reads.read(read)

    # --- rooms and catalogue ---

    async def room(self, room_id: str) -> RoomRow | None:
        """Return a room."""

        def read(c: sqlite3.Connection) -> RoomRow | None:
            row = c.execute(f"{_ROOM} WHERE room.id = ?", (room_id,)).fetchone()
            return RoomRow(*row) if row else None

        return await self._reads.read(read)

    async def rooms(self, *, limit: int = 500) -> list[RoomRow]:
        """Return the open rooms, oldest first."""
        return await self._reads.read(
            lambda c: [
                RoomRow(*row)
                for row in c.execute(
                    f"{_ROOM} WHERE closed_at_ms IS NULL ORDER BY room.created_ms, room.id LIMIT ?", (limit,)
                )
            ]
        )

    async def create_room(self, title: str, creator_id: str, now_ms: int) -> RoomRow:
        """Open a room of that creator, who must exist."""
        room_id = uuid7().hex

        def write(c: sqlite3.Connection) -> RoomRow:
            c.execute(
                "INSERT INTO room (id, title, creator_id, created_ms) VALUES (?, ?, ?, ?)",
                (room_id, title, creator_id, now_ms),
            )
            return RoomRow(*c.execute(f"{_ROOM} WHERE room.id = ?", (room_id,)).fetchone())

        return await self._writes.write(write)

    async def close_room(self, room_id: str, now_ms: int) -> bool:
        """Write that a room is closed; False if it was closed before."""
        return await self._writes.write(
            lambda c: (
                c.execute(
                    "UPDATE room SET closed_at_ms = ? WHERE id = ? AND closed_at_ms IS NULL", (now_ms, room_id)
                ).rowcount
                == 1
            )
        )

    async def catalogue(self) -> Catalogue:
        """Return the newest version of the catalogue."""

        def read(c: sqlite3.Connection) -> Catalogue:
            rows = c.execute(
                """SELECT version, id, name, price_coins, tier, streakable, image, active FROM catalogue
                   WHERE version = (SELECT max(version) FROM catalogue) ORDER BY place"""
            ).fetchall()
            gifts = tuple(GiftRow(i, n, p, t, bool(s), image, bool(a)) for _, i, n, p, t, s, image, a in rows)
            return Catalogue(rows[0][0], gifts)

        return await self._reads.read(read)

    async def replace_catalogue(self, gifts: list[GiftRow]) -> int:
        """Write a new version of the whole catalogue and return its number."""

        def write(c: sqlite3.Connection) -> int:
            (version,) = c.execute("SELECT max(version) + 1 FROM catalogue").fetchone()
            c.executemany(
                "INSERT INTO catalogue VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (version, g.id, place, g.name, g.price_coins, g.tier, g.streakable, g.image, g.active)
                    for place, g in enumerate(gifts)
                ],
            )
            return int(version)

        return await self._writes.write(write)

    async def rate_version(self) -> int:
        """Return the version of the points' rate in force."""
        return await self._reads.read(lambda c: int(c.execute("SELECT max(version) FROM rate").fetchone()[0]))


_DEBITS = ("take", "chargeback")


def _cold_wallet(c: sqlite3.Connection, user_id: str, oldest: str) -> ColdWallet:
    row = c.execute("SELECT coins, frozen, last_seq FROM wallet WHERE user_id = ?", (user_id,)).fetchone()
    coins, frozen, last_seq = row or (0, 0, 0)
    ids = c.execute(
        "SELECT gift_event_id, epoch, seq, balance, digest FROM gift WHERE sender_id = ? AND gift_event_id >= ?",
        (user_id, oldest),
    )
    return ColdWallet(user_id, coins, bool(frozen), last_seq, tuple(f"{i}:{e}:{s}:{b}:{d}" for i, e, s, b, d in ids))


def _stripe(c: sqlite3.Connection, partition: int, creator_id: str) -> int:
    row = c.execute("SELECT points FROM stripe WHERE p = ? AND creator_id = ?", (partition, creator_id)).fetchone()
    return int(row[0]) if row else 0
