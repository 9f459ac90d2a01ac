"""Recomputing everything from the book's rows: balances, stripes, totals, chains, room marks. Reads only.

The rows alone are trusted, and even they are held against each other: gapless seqs, running balances, the chain.
What the book keeps beside them (wallets, stripes, totals, heads, marks) must come out the same. ``at_seq`` is called
between two rows, so that a caller can compare what it read from the engine at just that point.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from livegift.domain.chain import GENESIS, link, text_hash
from livegift.store.events import (
    Event,
    JournalledGift,
    JournalledMovement,
    chain_core_of_gift,
    chain_core_of_movement,
    frozen_after,
    movement_delta,
)
from livegift.store.sql import Row, Sql
from livegift.wire.journal import GiftEntry, MovementEntry

FINDINGS_MAX = 100
"""Findings told one by one; the rest are counted."""


@dataclass(slots=True)
class RoomSums:
    """A room recomputed: what the rows up to its marks add up to."""

    coins: int = 0
    gifts: int = 0
    named: dict[str, int] = field(default_factory=dict)
    anonymous: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Findings:
    """What does not agree. ``drift`` adds up every coin and point of difference."""

    drift: int = 0
    count: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, line: str, *, drift: int = 0) -> None:
        """Note one disagreement."""
        self.drift += abs(drift)
        self.count += 1
        if len(self.lines) < FINDINGS_MAX:
            self.lines.append(line)

    def compare(self, what: str, *, found: int, expected: int) -> None:
        """Note a figure that is not what the rows say."""
        if found != expected:
            self.add(f"{what} is {found}, the rows say {expected}", drift=found - expected)


class PartitionReplay:
    """One partition's rows, replayed in order; afterwards holds what they say at the end."""

    def __init__(self, p: int, findings: Findings) -> None:
        self.p = p
        self.findings = findings
        self.wallets: dict[str, tuple[int, int]] = {}
        self.stripes: dict[str, int] = {}
        self.issued = 0
        self.spent = 0
        self.seq = 0
        self.inbox = 0
        self.head = GENESIS
        self.last_in_room: dict[str, int] = {}

    def take(self, epoch: int, event: Event, *, message_hash: str = "-", prev: int | None = None) -> None:
        """Replay one event; ``epoch`` 0 and ``prev`` None mean that it is not in the book yet."""
        if event.seq != self.seq + 1:
            self.findings.add(f"partition {self.p}: seq {self.seq + 1} is missing, seq {event.seq} follows {self.seq}")
        self.seq = event.seq
        if isinstance(event, JournalledGift):
            self._gift(epoch, event, message_hash, prev)
        else:
            self._movement(epoch, event)

    def _gift(self, epoch: int, gift: JournalledGift, message_hash: str, prev: int | None) -> None:
        e, where = gift.entry, f"partition {self.p} seq {gift.seq}"
        if e.coins != e.price_coins * e.count:
            self.findings.add(f"{where}: {e.count} at {e.price_coins} are not {e.coins} coins")
        balance, frozen = self.wallets.get(e.sender_id, (0, 0))
        self.findings.compare(f"{where}: the sender's balance", found=gift.balance, expected=balance - e.coins)
        self.wallets[e.sender_id] = (balance - e.coins, frozen)
        earned = self.stripes.get(e.receiver_id, 0) + e.coins
        self.findings.compare(f"{where}: the receiver's stripe", found=gift.earned, expected=earned)
        self.stripes[e.receiver_id] = earned
        self.spent += e.coins
        if prev is not None and prev != self.last_in_room.get(e.room_id, 0):
            self.findings.add(f"{where}: the room's previous seq is not {prev}")
        self.last_in_room[e.room_id] = gift.seq
        self.head = link(self.head, chain_core_of_gift(self.p, epoch, gift, message_hash))

    def _movement(self, epoch: int, move: JournalledMovement) -> None:
        e, where = move.entry, f"partition {self.p} seq {move.seq}"
        balance, frozen = self.wallets.get(e.user_id, (0, 0))
        delta = movement_delta(e.kind, e.coins, move.outcome)
        self.findings.compare(f"{where}: the balance", found=move.balance, expected=balance + delta)
        self.wallets[e.user_id] = (balance + delta, frozen_after(e.kind, balance + delta, frozen))
        self.issued += delta
        self.findings.compare(f"{where}: the inbox number", found=move.number, expected=self.inbox + 1)
        self.inbox = move.number
        self.head = link(self.head, chain_core_of_movement(self.p, epoch, move))


async def replay_book(
    sql: Sql,
    findings: Findings,
    *,
    at_seq: Callable[[PartitionReplay], None],
    on_gift: Callable[[int, JournalledGift], None],
) -> tuple[list[PartitionReplay], int]:
    """Replay every partition and compare what the book keeps beside its rows; call inside one transaction.

    Returns the replays (for going on with an unflushed tail) and the number of rows.
    """
    replays, rows = [], 0
    for p, mark, inbox_done, chain, issued, spent in await sql.rows(
        "SELECT p, mark, inbox_done, chain, coins_issued, coins_spent FROM partition ORDER BY p"
    ):
        replay = PartitionReplay(p, findings)
        at_seq(replay)
        async for epoch, event, message_hash, prev in _rows(sql, p, findings):
            replay.take(epoch, event, message_hash=message_hash, prev=prev)
            rows += 1
            at_seq(replay)
            if isinstance(event, JournalledGift):
                on_gift(p, event)
        if replay.seq != mark:
            findings.add(f"partition {p}: the mark is {mark}, the last row {replay.seq}")
        if replay.head != chain:
            findings.add(
                f"partition {p}: the chain's head is {chain.hex()[:16]}…, the rows say {replay.head.hex()[:16]}…"
            )
        findings.compare(f"partition {p}: inbox_done", found=inbox_done, expected=replay.inbox)
        findings.compare(f"partition {p}: coins issued", found=issued, expected=replay.issued)
        findings.compare(f"partition {p}: coins spent", found=spent, expected=replay.spent)
        findings.compare(
            f"partition {p}: coins held",
            found=sum(coins for coins, _ in replay.wallets.values()),
            expected=issued - spent,
        )
        await _compare_kept(sql, replay)
        replays.append(replay)
    return replays, rows


_Line = tuple[int, Event, str, int | None]
"""Epoch, event, hash of its message, previous seq of its room."""


async def _rows(sql: Sql, p: int, findings: Findings) -> AsyncIterator[_Line]:
    """Merge gifts and movements by seq; neither fits into memory."""
    gifts, moves = sql.stream(_GIFTS, p), sql.stream(_MOVES, p)
    gift, move = await anext(gifts, None), await anext(moves, None)
    while gift is not None or move is not None:
        if move is None or (gift is not None and gift[0] < move[0]):
            assert gift is not None
            yield _gift_line(gift, findings)
            gift = await anext(gifts, None)
        else:
            yield _movement_line(move)
            move = await anext(moves, None)


_GIFTS = """
SELECT seq, ts_ms, balance, earned, gift_event_id, digest, sender_id, receiver_id, room_id, gift_id, catalogue_version,
       rate_version, price_coins, count, coins, points, anonymous, message, salt, text_hash, epoch, prev
FROM gift WHERE p = $1 ORDER BY seq
"""
_MOVES = """
SELECT seq, ts_ms, user_id, kind, coins, number, outcome, balance, epoch FROM movement
WHERE p = $1 AND seq IS NOT NULL ORDER BY seq
"""


def _gift_line(row: Row, findings: Findings) -> _Line:
    seq, ts_ms, balance, earned, gift_id, digest, sender, receiver, room, gift, version, rate = row[:12]
    price, count, coins, points, anonymous, message, salt, message_hash, epoch, prev = row[12:]
    if message is not None and text_hash(message, salt) != message_hash:
        findings.add(f"seq {seq}: the message is not the one that was sent")
    if points != coins:
        findings.add(f"seq {seq}: {coins} coins made {points} points", drift=points - coins)
    entry = GiftEntry(
        *(gift_id, digest, sender, "", receiver, "", room, gift, "", 0, False, version, rate),
        *(price, count, coins, bool(anonymous), message),
    )
    return epoch, JournalledGift(seq, ts_ms, entry, balance, earned), message_hash, prev


def _movement_line(row: Row) -> _Line:
    seq, ts_ms, user_id, kind, coins, number, outcome, balance, epoch = row
    entry = MovementEntry(user_id, kind, coins)
    return epoch, JournalledMovement(seq, ts_ms, entry, number, outcome, balance), "-", None


async def _compare_kept(sql: Sql, replay: PartitionReplay) -> None:
    findings, p = replay.findings, replay.p
    kept = {
        user: (coins, frozen)
        for user, coins, frozen in await sql.rows("SELECT user_id, coins, frozen FROM wallet WHERE p = $1", p)
    }
    for user in kept.keys() | replay.wallets.keys():
        expected, found = replay.wallets.get(user, (0, 0)), kept.get(user, (0, 0))
        findings.compare(f"wallet {user} in the book", found=found[0], expected=expected[0])
        if found[1] != expected[1]:
            findings.add(f"wallet {user} in the book: frozen is {found[1]}, the rows say {expected[1]}")
    stripes: dict[str, int] = dict(await sql.rows("SELECT creator_id, points FROM stripe WHERE p = $1", p))
    for creator in stripes.keys() | replay.stripes.keys():
        findings.compare(
            f"stripe {creator} of partition {p} in the book",
            found=stripes.get(creator, 0),
            expected=replay.stripes.get(creator, 0),
        )
    marks: dict[str, int] = dict(await sql.rows("SELECT room_id, seq FROM room_mark WHERE p = $1", p))
    if marks != replay.last_in_room:
        findings.add(f"partition {p}: the rooms' marks in the book are not those of the rows")


def go_on(replay: PartitionReplay, tail: Sequence[Event], at_seq: Callable[[PartitionReplay], None]) -> int:
    """Replay what the journal holds behind the book; returns how many events that were."""
    count = 0
    for event in tail:
        if event.seq > replay.seq:
            replay.take(0, event)
            count += 1
            at_seq(replay)
    return count
