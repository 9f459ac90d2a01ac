"""What the checker knows of livegift: the documented formats, written down a second time.

Nothing here or in the other checks imports a rule of livegift. They read the book with SQL of their own and the engine
with commands of their own, and do their own arithmetic.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

Row = tuple[Any, ...]

GIFT_COLUMNS = (
    "p, seq, epoch, ts_ms, gift_event_id, sender_id, receiver_id, room_id, gift_id, catalogue_version, rate_version, "
    "price_coins, count, coins, points, anonymous, message, salt, text_hash, balance, earned, prev"
)


@dataclass(frozen=True, slots=True)
class GiftInBook:
    """A row of the book's table ``gift``."""

    p: int
    seq: int
    epoch: int
    ts_ms: int
    gift_event_id: str
    sender_id: str
    receiver_id: str
    room_id: str
    gift_id: str
    catalogue_version: int
    rate_version: int
    price_coins: int
    count: int
    coins: int
    points: int
    anonymous: int
    message: str | None
    salt: bytes
    text_hash: str
    balance: int
    earned: int
    prev: int

    def event_id(self, secret: bytes) -> str:
        """The room's name of this event: a keyed hash of (incarnation, partition, epoch, seq)."""
        return event_name(secret, self.p, self.epoch, self.seq)

    def chain_core(self) -> tuple[Any, ...]:
        return (
            *("gift", self.p, self.epoch, self.seq, self.ts_ms, self.gift_event_id, self.sender_id, self.receiver_id),
            *(self.room_id, self.gift_id, self.catalogue_version, self.rate_version, self.price_coins, self.count),
            *(self.coins, self.points, int(self.anonymous), self.balance, self.earned, self.text_hash),
        )


def event_name(secret: bytes, p: int, epoch: int, seq: int) -> str:
    """The room's name of the event that stands at (partition, epoch, seq)."""
    place = f"event:1:{p}:{epoch}:{seq}".encode()
    return base64.b32encode(hashlib.blake2b(place, key=secret, digest_size=10).digest()).decode().lower()


def linked(head: bytes, core: tuple[Any, ...]) -> bytes:
    """SHA-256 over the head before and the core's fields as netstrings."""
    fields = [str(field).encode() for field in core]
    return hashlib.sha256(head + b"".join(b"%d:%s," % (len(field), field) for field in fields)).digest()


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a room: ``kind`` g (gift), c (a combo ended) or x (the room closed)."""

    kind: str
    offset: int
    event_id: str
    coins: int
    gifts: int
    combo: str
    combo_total: int
    combo_coins: int
    text: bytes


@dataclass(frozen=True, slots=True)
class FoldText:
    """One fold as published or stored; ``coins``, ``gifts``, ``senders`` are the sums after its last line.

    ``marks`` are the partitions' that this fold has moved.
    """

    epoch: str
    offset: int
    coins: int
    gifts: int
    senders: int
    marks: dict[int, int]
    lines: list[Line]


def read_fold(blob: bytes) -> FoldText:
    head, *lines = blob.decode().rstrip("\n").split("\n")
    epoch, offset, coins, gifts, senders, *moved = head.split(" ")
    marks = {int(p): int(seq) for p, seq in (pair.split(":") for pair in moved)}
    return FoldText(epoch, int(offset), int(coins), int(gifts), int(senders), marks, [_line(line) for line in lines])


def _line(line: str) -> Line:
    kind = line[0]
    if kind == "g":
        _, offset, _, combo, total, spent, _, coins, _, gifts, text = line.split(" ", 10)
        event_id = text.split('"event_id":"', 1)[1].split('"', 1)[0]
        return Line("g", int(offset), event_id, int(coins), int(gifts), combo, int(total), int(spent), text.encode())
    if kind == "c":
        _, offset, combo, total, spent, _, coins, _, gifts, _, text = line.split(" ", 10)
        return Line(
            "c", int(offset), combo + ".end", int(coins), int(gifts), combo, int(total), int(spent), text.encode()
        )
    _, offset, coins, gifts, _, event_id = line.split(" ")
    return Line("x", int(offset), event_id, int(coins), int(gifts), "-", 0, 0, b"")
