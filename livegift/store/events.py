"""What the journal holds and the book takes: events of a partition, batches of them, and what a room needs of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from livegift.wire.journal import GiftEntry, MovementEntry

MOVED_OUT, MOVED_IN, MOVED_IN_FROZEN = "moved_out", "moved_in", "moved_in_frozen"
"""Kinds of the pair of movements by which a wallet changes its partition (see ``repartition.py``)."""
MOVES = (MOVED_OUT, MOVED_IN, MOVED_IN_FROZEN)
DEBITS = ("take", "chargeback", MOVED_OUT)
"""Kinds that take their coins from the wallet; all others add them."""


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


Event = JournalledGift | JournalledMovement


@dataclass(frozen=True, slots=True)
class PartitionBatch:
    """Events of one partition that follow its mark without a gap."""

    partition: int
    epoch: int
    after: int
    events: Sequence[Event]

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
    return -coins if kind in DEBITS else coins


def frozen_after(kind: str, balance: int, frozen: int) -> int:
    """Return whether (0 or 1) the wallet is frozen after a movement that left it with ``balance``."""
    if kind == MOVED_IN_FROZEN or (kind == "chargeback" and balance < 0):
        return 1
    return 0 if kind == MOVED_OUT else frozen
