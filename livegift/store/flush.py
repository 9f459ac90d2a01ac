"""The flusher's transaction: journal events become rows, and the mark moves, or nothing happens.

The first statements are the compare-and-sets on (mark, epoch): of two flushers one gets no row, raises ``Moved``
and reads again. After them everything is a plain insert; a conflict, a gap or a balance that is not
``book balance - coins`` is a ``Disagreement`` and stops that partition loudly. Coins and stripes are written here
and nowhere else.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from livegift.domain.chain import link, text_hash
from livegift.errors import BookDisagrees
from livegift.wire.journal import GiftEntry, MovementEntry


@dataclass(frozen=True, slots=True)
class JournalledGift:
    """A gift out of the journal; ``balance`` of the sender and ``earned`` of the stripe, after it."""

    seq: int
    ts_ms: int
    entry: GiftEntry
    balance: int
    earned: int


@dataclass(frozen=True, slots=True)
class JournalledMovement:
    """An inbox entry out of the journal, applied or rejected; ``balance`` after it."""

    seq: int
    ts_ms: int
    entry: MovementEntry
    number: int
    outcome: str
    balance: int


@dataclass(frozen=True, slots=True)
class PartitionBatch:
    """Events of one partition that follow its mark without a gap."""

    partition: int
    epoch: int
    after: int
    events: Sequence[JournalledGift | JournalledMovement]

    @property
    def mark(self) -> int:
        """Seq of the last event."""
        return self.after + len(self.events)


@dataclass(frozen=True, slots=True)
class SettledEvent:
    """A gift that now stands in the book, as a room needs it. ``prev``: the partition's previous seq in that room."""

    partition: int
    epoch: int
    seq: int
    prev: int
    ts_ms: int
    entry: GiftEntry
    earned: int


_INSERT_GIFT = "INSERT INTO gift VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Moved(Exception):
    """Another flusher was here: read the mark again."""


class Disagreement(BookDisagrees):
    """Journal and book contradict each other in this partition."""

    def __init__(self, partition: int, message: str) -> None:
        super().__init__(f"partition {partition}: {message}")
        self.partition = partition


def chain_core_of_gift(partition: int, epoch: int, gift: JournalledGift, message_hash: str) -> tuple[str | int, ...]:
    """Return a gift's canonical core: what the chain covers, in this order."""
    e = gift.entry
    return (
        *("gift", partition, epoch, gift.seq, gift.ts_ms, e.id, e.sender_id, e.receiver_id, e.room_id, e.gift_id),
        *(e.catalogue_version, e.rate_version, e.price_coins, e.count, e.coins, e.coins, int(e.anonymous)),
        *(gift.balance, gift.earned, message_hash),
    )


def chain_core_of_movement(partition: int, epoch: int, move: JournalledMovement) -> tuple[str | int, ...]:
    """Return an inbox entry's canonical core."""
    e = move.entry
    return (
        *("movement", partition, epoch, move.seq, move.ts_ms, move.number),
        *(e.user_id, e.kind, e.coins, move.outcome, move.balance),
    )


def movement_delta(kind: str, coins: int, outcome: str) -> int:
    """Return the signed change of the wallet: nothing if it was rejected."""
    if outcome != "applied":
        return 0
    return -coins if kind in ("take", "chargeback") else coins


def flush(
    connection: sqlite3.Connection,
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
    heads = [_claim(connection, batch) for batch in batches]
    _note_announced(connection, announced, behind, now_ms)
    settled: list[SettledEvent] = []
    for batch, head in zip(batches, heads, strict=True):
        settled += _Partition(connection, batch, salt).write(head)
    return settled


def _claim(connection: sqlite3.Connection, batch: PartitionBatch) -> bytes:
    row = connection.execute(
        """UPDATE partition SET mark = ?, clock_ms = max(clock_ms, ?) WHERE p = ? AND mark = ? AND epoch = ?
           RETURNING chain""",
        (batch.mark, batch.events[-1].ts_ms, batch.partition, batch.after, batch.epoch),
    ).fetchone()
    if row is None:
        raise Moved(f"partition {batch.partition} is not at ({batch.epoch}, {batch.after}) any more")
    head: bytes = row[0]
    return head


def _note_announced(
    connection: sqlite3.Connection, announced: dict[int, int], behind: Iterable[str], now_ms: int
) -> None:
    connection.executemany("INSERT OR IGNORE INTO room_behind VALUES (?, ?)", [(room, now_ms) for room in behind])
    connection.executemany(
        "UPDATE partition SET announced = max(announced, min(?, mark)) WHERE p = ?",
        [(seq, p) for p, seq in announced.items()],
    )


class _Partition:
    """Writes one partition's batch; knows the running balances while it does."""

    def __init__(self, connection: sqlite3.Connection, batch: PartitionBatch, salt: Callable[[], bytes]) -> None:
        self._db = connection
        self._batch = batch
        self._salt = salt
        self._wallets: dict[str, tuple[int, int]] = {}
        self._stripes: dict[str, int] = {}
        self._rooms: dict[str, int] = {}
        self._changed: dict[str, tuple[int, int, int]] = {}
        self._gift_rows: list[tuple[object, ...]] = []
        self._move_rows: list[tuple[object, ...]] = []
        self._issued = 0
        self._spent = 0
        self._inbox = 0

    def write(self, head: bytes) -> list[SettledEvent]:
        batch, p = self._batch, self._batch.partition
        settled = []
        for place, event in enumerate(batch.events, start=batch.after + 1):
            if event.seq != place:
                raise Disagreement(p, f"the journal has seq {event.seq} where {place} must follow")
            if isinstance(event, JournalledGift):
                head, one = self._gift(head, event)
                settled.append(one)
            else:
                head = self._movement(head, event)
        try:
            self._store(head)
        except sqlite3.IntegrityError as error:
            raise Disagreement(p, f"an event stands in the book already: {error}") from error
        return settled

    def _wallet(self, user_id: str) -> tuple[int, int]:
        if user_id not in self._wallets:
            row = self._db.execute("SELECT coins, frozen FROM wallet WHERE user_id = ?", (user_id,)).fetchone()
            self._wallets[user_id] = row or (0, 0)
        return self._wallets[user_id]

    def _earned(self, creator_id: str) -> int:
        if creator_id not in self._stripes:
            row = self._db.execute(
                "SELECT points FROM stripe WHERE p = ? AND creator_id = ?", (self._batch.partition, creator_id)
            ).fetchone()
            self._stripes[creator_id] = row[0] if row else 0
        return self._stripes[creator_id]

    def _prev(self, room_id: str) -> int:
        if room_id not in self._rooms:
            row = self._db.execute(
                "SELECT seq FROM room_mark WHERE room_id = ? AND p = ?", (room_id, self._batch.partition)
            ).fetchone()
            self._rooms[room_id] = row[0] if row else 0
        return self._rooms[room_id]

    def _set_wallet(self, user_id: str, *, before: int, delta: int, balance: int, frozen: int, seq: int) -> None:
        if before + delta != balance:
            raise Disagreement(
                self._batch.partition,
                f"seq {seq}: wallet {user_id} has {before} in the book, {delta:+} makes {before + delta}, "
                f"the journal says {balance}",
            )
        self._wallets[user_id] = (balance, frozen)
        self._changed[user_id] = (balance, frozen, seq)

    def _gift(self, head: bytes, gift: JournalledGift) -> tuple[bytes, SettledEvent]:
        batch, e = self._batch, gift.entry
        coins, frozen = self._wallet(e.sender_id)
        self._set_wallet(e.sender_id, before=coins, delta=-e.coins, balance=gift.balance, frozen=frozen, seq=gift.seq)
        earned = self._earned(e.receiver_id) + e.coins
        if earned != gift.earned:
            raise Disagreement(
                batch.partition,
                f"seq {gift.seq}: stripe {e.receiver_id} makes {earned}, the journal says {gift.earned}",
            )
        self._stripes[e.receiver_id] = earned
        prev = self._prev(e.room_id)
        self._rooms[e.room_id] = gift.seq
        self._spent += e.coins
        salt = self._salt() if e.message is not None else b""
        message_hash = text_hash(e.message, salt)
        self._gift_rows.append(
            (
                *(batch.partition, gift.seq, batch.epoch, gift.ts_ms, e.id, e.digest, e.sender_id, e.receiver_id),
                *(e.room_id, e.gift_id, e.catalogue_version, e.rate_version, e.price_coins, e.count, e.coins, e.coins),
                *(int(e.anonymous), e.message, salt, message_hash, gift.balance, gift.earned, prev),
            )
        )
        head = link(head, chain_core_of_gift(batch.partition, batch.epoch, gift, message_hash))
        return head, SettledEvent(batch.partition, batch.epoch, gift.seq, prev, gift.ts_ms, e, gift.earned)

    def _movement(self, head: bytes, move: JournalledMovement) -> bytes:
        batch, e = self._batch, move.entry
        coins, frozen = self._wallet(e.user_id)
        delta = movement_delta(e.kind, e.coins, move.outcome)
        if e.kind == "chargeback" and move.balance < 0:
            frozen = 1
        self._set_wallet(e.user_id, before=coins, delta=delta, balance=move.balance, frozen=frozen, seq=move.seq)
        self._issued += delta
        self._inbox = move.number
        self._move_rows.append(
            (move.seq, batch.epoch, move.ts_ms, move.outcome, move.balance, batch.partition, move.number, e.user_id)
        )
        return link(head, chain_core_of_movement(batch.partition, batch.epoch, move))

    def _store(self, head: bytes) -> None:
        db, p = self._db, self._batch.partition
        db.executemany(_INSERT_GIFT, self._gift_rows)
        for row in self._move_rows:
            found = db.execute(
                """UPDATE movement SET seq = ?, epoch = ?, ts_ms = ?, outcome = ?, balance = ?
                   WHERE p = ? AND number = ? AND user_id = ? AND seq IS NULL""",
                row,
            ).rowcount
            if found != 1:
                raise Disagreement(p, f"seq {row[0]} applies inbox number {row[6]}, which the book does not wait for")
        db.executemany(
            """INSERT INTO wallet (user_id, p, coins, frozen, last_seq) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET
               coins = excluded.coins, frozen = excluded.frozen, last_seq = excluded.last_seq""",
            [(user, p, coins, frozen, seq) for user, (coins, frozen, seq) in self._changed.items()],
        )
        db.executemany(
            "INSERT INTO stripe VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET points = excluded.points",
            [(p, creator, points) for creator, points in self._stripes.items()],
        )
        db.executemany(
            "INSERT INTO room_mark VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq",
            [(room, p, seq) for room, seq in self._rooms.items()],
        )
        db.execute(
            """UPDATE partition SET chain = ?, coins_issued = coins_issued + ?, coins_spent = coins_spent + ?,
               inbox_done = max(inbox_done, ?) WHERE p = ?""",
            (head, self._issued, self._spent, self._inbox, p),
        )
