"""Working out what a batch of journal events changes in the book: rows, balances, the chain. Reads and writes nothing.

Every event is held against what the book knew before it: seqs without a gap, ``book balance - coins = journalled
balance``, the same for the stripe. A difference is a ``Disagreement`` and stops that partition loudly.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from livegift.domain.chain import link, text_hash
from livegift.errors import BookDisagrees
from livegift.store.events import (
    JournalledGift,
    JournalledMovement,
    PartitionBatch,
    SettledEvent,
    chain_core_of_gift,
    chain_core_of_movement,
    frozen_after,
    movement_delta,
)


class Disagreement(BookDisagrees):
    """Journal and book contradict each other in this partition."""

    def __init__(self, partition: int, message: str) -> None:
        super().__init__(f"partition {partition}: {message}")
        self.partition = partition


@dataclass(slots=True)
class Known:
    """What the book knows of everything that a set of batches touches."""

    wallets: dict[str, tuple[int, int, int]]
    """user -> (coins, frozen 0 or 1, partition)"""
    stripes: dict[tuple[int, str], int]
    """(partition, creator) -> points"""
    rooms: dict[tuple[int, str], int]
    """(partition, room) -> seq of its last gift"""


@dataclass(slots=True)
class Posting:
    """What one partition's batch changes. ``head`` is the chain's, before and then after the batch."""

    batch: PartitionBatch
    head: bytes
    salt: Callable[[], bytes]
    known: Known
    settled: list[SettledEvent] = field(default_factory=list)
    gift_rows: list[tuple[str | int | bytes | None, ...]] = field(default_factory=list)
    movement_rows: list[tuple[int, int, int, str, int, int, int, str]] = field(default_factory=list)
    wallets: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """user -> (coins, frozen, last seq)"""
    stripes: dict[str, int] = field(default_factory=dict)
    rooms: dict[str, int] = field(default_factory=dict)
    issued: int = 0
    spent: int = 0
    inbox: int = 0

    def post(self) -> None:
        """Work through the batch; raises ``Disagreement``."""
        for place, event in enumerate(self.batch.events, start=self.batch.after + 1):
            if event.seq != place:
                raise Disagreement(self.batch.partition, f"the journal has seq {event.seq} where {place} must follow")
            if isinstance(event, JournalledGift):
                self._gift(event)
            else:
                self._movement(event)

    def _set_wallet(self, user_id: str, kind: str, *, delta: int, balance: int, seq: int) -> None:
        p = self.batch.partition
        before, frozen, home = self.known.wallets.get(user_id, (0, 0, p))
        if home != p:
            raise Disagreement(p, f"seq {seq}: wallet {user_id} is in partition {home}")
        if before + delta != balance:
            raise Disagreement(
                p,
                f"seq {seq}: wallet {user_id} has {before} in the book, {delta:+} makes {before + delta}, "
                f"the journal says {balance}",
            )
        frozen = frozen_after(kind, balance, frozen)
        self.known.wallets[user_id] = (balance, frozen, p)
        self.wallets[user_id] = (balance, frozen, seq)

    def _gift(self, gift: JournalledGift) -> None:
        batch, e = self.batch, gift.entry
        p = batch.partition
        self._set_wallet(e.sender_id, "gift", delta=-e.coins, balance=gift.balance, seq=gift.seq)
        earned = self.known.stripes.get((p, e.receiver_id), 0) + e.coins
        if earned != gift.earned:
            raise Disagreement(
                p, f"seq {gift.seq}: stripe {e.receiver_id} makes {earned}, the journal says {gift.earned}"
            )
        self.known.stripes[p, e.receiver_id] = self.stripes[e.receiver_id] = earned
        prev = self.known.rooms.get((p, e.room_id), 0)
        self.known.rooms[p, e.room_id] = self.rooms[e.room_id] = gift.seq
        self.spent += e.coins
        salt = self.salt() if e.message is not None else b""
        message_hash = text_hash(e.message, salt)
        self.gift_rows.append(
            (
                *(p, gift.seq, batch.epoch, gift.ts_ms, e.id, e.digest, e.sender_id, e.receiver_id),
                *(e.room_id, e.gift_id, e.catalogue_version, e.rate_version, e.price_coins, e.count, e.coins, e.coins),
                *(int(e.anonymous), e.message, salt, message_hash, gift.balance, gift.earned, prev),
            )
        )
        self.head = link(self.head, chain_core_of_gift(p, batch.epoch, gift, message_hash))
        self.settled.append(SettledEvent(p, batch.epoch, gift.seq, prev, gift.ts_ms, e, gift.earned))

    def _movement(self, move: JournalledMovement) -> None:
        batch, e = self.batch, move.entry
        delta = movement_delta(e.kind, e.coins, move.outcome)
        self._set_wallet(e.user_id, e.kind, delta=delta, balance=move.balance, seq=move.seq)
        self.issued += delta
        self.inbox = move.number
        self.movement_rows.append(
            (move.seq, batch.epoch, move.ts_ms, move.outcome, move.balance, batch.partition, move.number, e.user_id)
        )
        self.head = link(self.head, chain_core_of_movement(batch.partition, batch.epoch, move))
