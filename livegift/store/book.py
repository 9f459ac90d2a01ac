"""The book for edges: people, rooms, catalogue, wallets and what makes a wallet hot.

Reads and writes may use a database each, so that a write that waits for SQLite's lock delays no read. Coins are never
changed here: a grant is an inbox entry, carried into the hot wallet by the flusher.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from uuid_utils import uuid7

from livegift.domain.catalogue import Catalogue, GiftRow
from livegift.domain.cursor import Marks
from livegift.domain.identity import Layout
from livegift.domain.people import InboxEntry, RoomRow, User
from livegift.store.events import SettledEvent
from livegift.store.movements import ask_movement
from livegift.store.room_gifts import gifts_between
from livegift.store.sql import Database, Row, Sql, one_row

_ROOM = """SELECT room.id, title, creator_id, person.name, closed_at_ms
           FROM room JOIN person ON person.id = room.creator_id"""


@dataclass(frozen=True, slots=True)
class BookFacts:
    """What never changes while a process runs: once it does, the process must end."""

    incarnation: int
    layouts: tuple[Layout, ...]
    """Oldest first, the one in force last: an older epoch's receipts were given in an older one."""

    @property
    def layout(self) -> Layout:
        """The layout in force."""
        return self.layouts[-1]

    @property
    def partitions(self) -> int:
        """How many partitions there are."""
        return self.layout.partitions


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

    def __init__(self, reads: Database, writes: Database) -> None:
        self._reads = reads
        self._writes = writes

    @property
    def databases(self) -> tuple[Database, Database]:
        """What reads and what writes go to, for those who ask the same book for something else."""
        return self._reads, self._writes

    async def close(self) -> None:
        """Close the connections."""
        await self._reads.close()
        await self._writes.close()

    async def _rows(self, query: str, *parameters: str | int) -> list[Row]:
        return await self._reads.read(lambda sql: sql.rows(query, *parameters))

    async def _row(self, query: str, *parameters: str | int) -> Row | None:
        return await self._reads.read(lambda sql: sql.row(query, *parameters))

    async def facts(self) -> BookFacts:
        """Return incarnation and number of partitions."""

        async def read(sql: Sql) -> BookFacts:
            (incarnation,) = await one_row(sql, "SELECT incarnation FROM book")
            layouts = await sql.rows("SELECT since_epoch, partitions FROM layout ORDER BY since_epoch")
            return BookFacts(incarnation, tuple(Layout(*layout) for layout in layouts))

        return await self._reads.read(read)

    async def layout(self) -> Layout:
        """Return the layout in force now."""
        row = await self._row("SELECT since_epoch, partitions FROM layout ORDER BY since_epoch DESC LIMIT 1")
        assert row is not None
        return Layout(*row)

    # --- people and their wallets ---

    async def create_user(self, name: str, role: str, now_ms: int) -> User:
        """Add a person of that role (viewer or creator) and return them with their new id."""
        user = User(uuid7().hex, name, role)
        await self._writes.write(
            lambda sql: sql.run("INSERT INTO person VALUES ($1, $2, $3, $4)", user.id, name, role, now_ms)
        )
        return user

    async def user(self, user_id: str) -> User | None:
        """Return a person, unless they have been erased."""
        row = await self._row("SELECT id, name, role FROM living WHERE id = $1", user_id)
        return User(*row) if row else None

    async def grant(self, user_id: str, coins: int, *, kind: str = "promo", now_ms: int) -> InboxEntry:
        """Ask for a change of a wallet; it can be spent once the flusher has carried it over.

        Raises ``ValueError`` as ``ask_movement`` does.
        """
        return await self._writes.write(lambda sql: ask_movement(sql, user_id, coins, kind=kind, now_ms=now_ms))

    async def outcome(self, entry: InboxEntry) -> str | None:
        """Return what became of an inbox entry: 'applied', a reason, or None while it waits."""
        row = await self._row(
            "SELECT outcome FROM movement WHERE p = $1 AND number = $2", entry.partition, entry.number
        )
        return row[0] if row else None

    # --- what makes a wallet hot ---

    async def read_cold(
        self, user_ids: list[str], stripes: list[tuple[int, str]], ids_since_ms: int
    ) -> tuple[list[ColdWallet], list[int]]:
        """Return wallets with the ids made since then, and the points of (partition, creator), from one snapshot."""
        oldest = f"{ids_since_ms:012x}"

        async def read(sql: Sql) -> tuple[list[ColdWallet], list[int]]:
            found = await sql.rows(
                "SELECT user_id, coins, frozen, last_seq FROM wallet WHERE user_id = ANY($1)", user_ids
            )
            wallets = {row[0]: row[1:] for row in found}
            ids: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
            for sender, *receipt in await sql.rows(
                """SELECT sender_id, gift_event_id, epoch, seq, balance, digest FROM gift
                   WHERE sender_id = ANY($1) AND gift_event_id >= $2""",
                *(user_ids, oldest),
            ):
                ids[sender].append(":".join(map(str, receipt)))
            points = {
                (p, creator): earned
                for p, creator, earned in await sql.rows(
                    "SELECT p, creator_id, points FROM stripe WHERE p = ANY($1) AND creator_id = ANY($2)",
                    *(sorted({p for p, _ in stripes}), sorted({creator for _, creator in stripes})),
                )
            }
            cold = []
            for user_id in user_ids:
                coins, frozen, last_seq = wallets.get(user_id, (0, 0, 0))
                cold.append(ColdWallet(user_id, coins, bool(frozen), last_seq, tuple(ids[user_id])))
            return cold, [points.get(stripe, 0) for stripe in stripes]

        return await self._reads.read(read)

    async def settled_gift(self, sender_id: str, gift_id: str) -> SettledGift | None:
        """Return the receipt of an id that the book holds."""
        row = await self._row(
            "SELECT p, epoch, seq, balance, digest FROM gift WHERE sender_id = $1 AND gift_event_id = $2",
            *(sender_id, gift_id),
        )
        return SettledGift(*row) if row else None

    async def mark(self, partition: int) -> tuple[int, int]:
        """Return the book's (epoch, mark) of a partition."""
        row = await self._row("SELECT epoch, mark FROM partition WHERE p = $1", partition)
        assert row is not None
        return row[0], row[1]

    # --- rooms and catalogue ---

    async def room(self, room_id: str) -> RoomRow | None:
        """Return a room."""
        if "\x00" in room_id:  # comes from a URL; PostgreSQL would not even compare it
            return None
        row = await self._row(f"{_ROOM} WHERE room.id = $1", room_id)
        return RoomRow(*row) if row else None

    async def rooms(
        self, *, limit: int = 500, behind: str | None = None, creator_id: str | None = None
    ) -> list[RoomRow]:
        """Return the open rooms, of one creator if they are named, oldest first; those behind a room, open or not."""
        beyond = "AND (room.created_ms, room.id) > (SELECT created_ms, id FROM room WHERE id = $2)" if behind else ""
        of_creator = f"AND creator_id = ${3 if behind else 2}" if creator_id is not None else ""
        rows = await self._rows(
            f"{_ROOM} WHERE closed_at_ms IS NULL {beyond} {of_creator} ORDER BY room.created_ms, room.id LIMIT $1",
            *[one for one in (limit, behind, creator_id) if one is not None],
        )
        return [RoomRow(*row) for row in rows]

    async def create_room(self, title: str, creator_id: str, now_ms: int) -> RoomRow:
        """Open a room of that creator, who must exist."""
        room_id = uuid7().hex

        async def write(sql: Sql) -> RoomRow:
            await sql.run(
                "INSERT INTO room (id, title, creator_id, created_ms) VALUES ($1, $2, $3, $4)",
                *(room_id, title, creator_id, now_ms),
            )
            return RoomRow(*await one_row(sql, f"{_ROOM} WHERE room.id = $1", room_id))

        return await self._writes.write(write)

    async def close_room(self, room_id: str, now_ms: int) -> bool:
        """Write that a room is closed; False if it was closed before."""
        closed = await self._writes.write(
            lambda sql: sql.run(
                "UPDATE room SET closed_at_ms = $1 WHERE id = $2 AND closed_at_ms IS NULL", now_ms, room_id
            )
        )
        return closed == 1

    def gifts_between(
        self, room_id: str, after: Marks, upto: Marks, *, page_max: int
    ) -> AsyncIterator[list[SettledEvent]]:
        """Yield a room's gifts beyond ``after`` and up to ``upto``; see ``store.room_gifts.gifts_between``."""
        return gifts_between(self._reads, room_id, after, upto, page_max=page_max)

    async def catalogue(self) -> Catalogue:
        """Return the newest version of the catalogue."""
        rows = await self._rows(
            """SELECT version, id, name, price_coins, tier, streakable, image, active FROM catalogue
               WHERE version = (SELECT max(version) FROM catalogue) ORDER BY place"""
        )
        gifts = tuple(GiftRow(i, n, p, t, bool(s), image, bool(a)) for _, i, n, p, t, s, image, a in rows)
        return Catalogue(rows[0][0], gifts)

    async def replace_catalogue(self, gifts: list[GiftRow]) -> int:
        """Write a new version of the whole catalogue and return its number."""

        async def write(sql: Sql) -> int:
            (newest,) = await one_row(sql, "SELECT max(version) FROM catalogue")
            await sql.run_many(INSERT_CATALOGUE, catalogue_rows(newest + 1, gifts))
            return int(newest) + 1

        return await self._writes.write(write)

    async def rate_version(self) -> int:
        """Return the version of the points' rate in force."""
        row = await self._row("SELECT max(version) FROM rate")
        assert row is not None
        return int(row[0])


INSERT_CATALOGUE = "INSERT INTO catalogue VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"


def catalogue_rows(version: int, gifts: Iterable[GiftRow]) -> list[tuple[str | int, ...]]:
    """Return the rows of one version, in the order of the columns."""
    return [
        (version, g.id, place, g.name, g.price_coins, g.tier, int(g.streakable), g.image, int(g.active))
        for place, g in enumerate(gifts)
    ]
