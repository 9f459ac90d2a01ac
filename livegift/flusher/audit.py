"""The audit: recompute the book from its rows and hold the engine against it, beside a running server.

The cut is consistent without stopping anybody. Hot wallets and stripes are read in small atomic pieces, each with
its partition's seq: the piece is true *at that seq*. Then the journal is read, then a snapshot of the book, which is
at least as far as the journal's beginning. Replaying rows and then the journal passes every seq of every piece, and
there the piece must agree. A room carries its own marks: it must agree with the rows up to them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from livegift.clock import monotonic_ms
from livegift.config import Config
from livegift.domain.identity import pseudonym
from livegift.engine import Client, connect, faults
from livegift.errors import CannotRun, Unavailable
from livegift.ledger.journal import entry_epoch_seq, parse_fields
from livegift.ledger.keys import LedgerKeys
from livegift.rooms.keys import RoomKeys
from livegift.signing import Signer, is_signed
from livegift.store import audit_log, checkpoints
from livegift.store.events import Event, JournalledGift
from livegift.store.open import open_database
from livegift.store.recompute import Findings, PartitionReplay, RoomSums, go_on, replay_book
from livegift.store.sql import Sql, one_row

PIECE_KEYS_MAX = 250
TRIES_MAX = 5
POLL_S = 0.1
LAG_S = 5.0
"""How long a room of a running server may lack what the book holds."""

Report = dict[str, object]


@dataclass(slots=True)
class Piece:
    """Wallets and stripes of a partition, read atomically at (epoch, seq)."""

    epoch: int
    seq: int
    wallets: list[tuple[str, int, int]] = field(default_factory=list)
    stripes: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class RoomState:
    """A room as the engine has it, at one offset."""

    marks: dict[int, int]
    coins: int
    gifts: int
    senders: int
    top: dict[str, int]
    anonymous: int
    sums: RoomSums = field(default_factory=RoomSums)


class EpochEnded(Exception):
    """A recovery came between two reads: read again."""


class Audit:
    """One audit of one deployment."""

    def __init__(self, config: Config, client: Client, *, secret: bytes, live: bool) -> None:
        self._config = config
        self._client = client
        self._secret = secret
        self._live = live
        self._database = open_database(config, timeout_ms=max(config.sql_timeout_ms, 3_600_000), connections_max=2)

    async def run(self) -> Report:
        """Return the report.

        Raises ``Unavailable`` if recoveries never left it a consistent cut, ``CannotRun`` if one is still to come.
        """
        try:
            for _ in range(TRIES_MAX):
                try:
                    return await self._run()
                except EpochEnded:
                    await asyncio.sleep(0.2)
            if not self._live:
                raise CannotRun(
                    "The engine lags behind the book's epochs: start the server, it recovers them by itself."
                )
            raise Unavailable(f"the partitions were recovered {TRIES_MAX} times during the audit")
        finally:
            await self._database.close()

    async def _run(self) -> Report:
        findings = Findings()
        incarnation, partitions = await self._database.read(
            lambda sql: one_row(sql, "SELECT incarnation, partitions FROM book")
        )
        keys, room_keys = (
            LedgerKeys(self._config.redis_prefix, incarnation),
            RoomKeys(self._config.redis_prefix, incarnation),
        )
        pieces = {p: await self._pieces(keys, p) for p in range(partitions)}
        rooms = await self._rooms_with_state(room_keys)
        tails = {p: await self._tail(keys, p) for p in range(partitions)}
        checks = {p: _Checks(p, sorted(found, key=lambda piece: piece.seq), findings) for p, found in pieces.items()}

        def at_seq(replay: PartitionReplay) -> None:
            if replay.p in checks:  # else of before a repartition: only the book knows it
                checks[replay.p].at(replay)

        def on_gift(p: int, gift: JournalledGift) -> None:
            self._fold(rooms, p, gift)

        async def read(sql: Sql) -> tuple[list[PartitionReplay], int, dict[int, int], dict[str, dict[int, int]]]:
            if await one_row(sql, "SELECT incarnation, partitions FROM book") != (incarnation, partitions):
                raise EpochEnded
            epochs: dict[int, int] = dict(await sql.rows("SELECT p, epoch FROM partition"))
            marks: dict[str, dict[int, int]] = {}
            for room_id, p, seq in await sql.rows("SELECT room_id, p, seq FROM room_mark"):
                marks.setdefault(room_id, {})[p] = seq
            replays, rows = await replay_book(sql, findings, at_seq=at_seq, on_gift=on_gift)
            return replays, rows, epochs, marks

        replays, rows, epochs, room_marks = await self._database.read(read)
        unflushed = 0
        for replay in replays[:partitions]:
            unflushed += self._go_on(replay, epochs[replay.p], pieces[replay.p], tails[replay.p], at_seq)
        for check in checks.values():
            check.finish(has_rows=rows > 0)
        signed = await self._look_at_papers(findings)
        compared = self._compare_rooms(rooms, findings)
        await self._compare_lag(room_keys, {room: room_marks.get(room, {}) for room in rooms}, findings)
        return {
            "drift": findings.drift,
            "wallets": len(set[str]().union(*(replay.wallets for replay in replays))),
            "stripes": sum(len(replay.stripes) for replay in replays),
            "rows": rows,
            "rooms": compared,
            "chains": len(replays),
            "checkpoints": signed,
            "unflushed": unflushed,
            "findings": findings.lines
            + ([f"and {findings.count - len(findings.lines)} more"] if findings.count > len(findings.lines) else []),
        }

    async def _look_at_papers(self, findings: Findings) -> int:
        """Hold the audit log against its chain and the checkpoints against the rows; returns how many these are."""
        path = self._config.signing_path
        key = Signer(path).public if path.exists() else ""
        broken = await self._database.read(audit_log.broken_at)
        if broken is not None:
            findings.add(f"audit log: line {broken} is missing or has been changed")
        count, wrong = await self._database.read(
            lambda sql: checkpoints.wrong_ones(sql, self._secret, partial(is_signed, key))
        )
        for line in wrong:
            findings.add(line)
        return count

    def _go_on(
        self,
        replay: PartitionReplay,
        epoch: int,
        pieces: list[Piece],
        tail: tuple[int, list[Event]],
        at_seq: Callable[[PartitionReplay], None],
    ) -> int:
        tail_epoch, events = tail
        if any(piece.epoch != epoch for piece in pieces) or (events and tail_epoch != epoch):
            raise EpochEnded
        return go_on(replay, events, at_seq)

    # --- reading the engine ---

    async def _pieces(self, keys: LedgerKeys, p: int) -> list[Piece]:
        async with faults():
            generation = await self._client.hget(keys.meta(p), "generation")
        if generation is None:
            return []
        start = f"{keys.partition(p)}{int(generation)}:"
        async with faults():
            names = [key.decode() async for key in self._client.scan_iter(match=f"{start}[we]:*", count=1_000)]
        pieces = []
        for first in range(0, max(len(names), 1), PIECE_KEYS_MAX):
            piece = await self._piece(keys, p, start, names[first : first + PIECE_KEYS_MAX])
            pieces.append(piece)
        return pieces

    async def _piece(self, keys: LedgerKeys, p: int, start: str, names: list[str]) -> Piece:
        async with faults(), self._client.pipeline(transaction=True) as pipe:
            pipe.hmget(keys.meta(p), ["epoch", "seq"])
            for name in names:
                if name.startswith(start + "w:"):
                    pipe.hmget(name, ["coins", "frozen"])
                else:
                    pipe.get(name)
            (epoch, seq), *values = await pipe.execute()
        if epoch is None:
            raise EpochEnded
        piece = Piece(int(epoch), int(seq))
        for name, value in zip(names, values, strict=True):
            owner = name[len(start) + 2 :]
            if isinstance(value, list):
                if value[0] is not None:  # else evicted since the scan
                    piece.wallets.append((owner, int(value[0]), int(value[1])))
            elif value is not None:
                piece.stripes.append((owner, int(value)))
        return piece

    async def _tail(self, keys: LedgerKeys, p: int) -> tuple[int, list[Event]]:
        async with faults():
            entries: Any = await self._client.xrange(keys.journal(p))
        epoch, events = 0, []
        for entry_id, fields in entries:
            epoch = entry_epoch_seq(entry_id)[0]
            events += parse_fields(fields)
        return epoch, events

    async def _live_room_ids(self) -> list[str]:
        # A room closed long ago has been dropped from the engine; what remains of it are its rows.
        rows = await self._database.read(
            lambda sql: sql.rows(
                """SELECT id FROM room WHERE closed_at_ms IS NULL
                   OR closed_at_ms > (SELECT coalesce(max(clock_ms), 0) FROM partition) - $1""",
                self._config.room_closed_fold_ms // 2,
            )
        )
        return [row[0] for row in rows]

    async def _rooms_with_state(self, keys: RoomKeys) -> dict[str, RoomState | None]:
        """Return the live rooms; a running server gets its time to make the state of new ones."""
        deadline = monotonic_ms() + int(LAG_S * 1_000)
        while True:
            rooms = await self._rooms(keys, await self._live_room_ids())
            if not self._live or None not in rooms.values() or monotonic_ms() > deadline:
                return rooms
            await asyncio.sleep(POLL_S)

    async def _rooms(self, keys: RoomKeys, room_ids: list[str]) -> dict[str, RoomState | None]:
        rooms: dict[str, RoomState | None] = {}
        for room_id in room_ids:
            state_key, top_key, _, anonymous_key, *_ = keys.all(room_id)
            async with faults(), self._client.pipeline(transaction=True) as pipe:
                pipe.hgetall(state_key)
                pipe.zrange(top_key, 0, -1, withscores=True)
                pipe.scard(anonymous_key)
                state, top, anonymous = await pipe.execute()
            if not state:
                rooms[room_id] = None
                continue
            rooms[room_id] = RoomState(
                marks={int(name[2:]): int(value) for name, value in state.items() if name.startswith(b"m:")},
                coins=int(state[b"coins"]),
                gifts=int(state[b"gifts"]),
                senders=int(state[b"senders"]),
                top={sender.decode(): int(coins) for sender, coins in top},
                anonymous=anonymous,
            )
        return rooms

    # --- rooms against rows ---

    def _fold(self, rooms: dict[str, RoomState | None], p: int, gift: JournalledGift) -> None:
        e = gift.entry
        room = rooms.get(e.room_id)
        if room is None or gift.seq > room.marks.get(p, 0):
            return
        room.sums.coins += e.coins
        room.sums.gifts += e.count
        if e.anonymous:
            room.sums.anonymous.add(pseudonym(self._secret, room_id=e.room_id, user_id=e.sender_id))
        else:
            room.sums.named[e.sender_id] = room.sums.named.get(e.sender_id, 0) + e.coins

    @staticmethod
    def _compare_rooms(rooms: dict[str, RoomState | None], findings: Findings) -> int:
        compared = 0
        for room_id, room in rooms.items():
            if room is None:
                continue
            compared += 1
            sums = room.sums
            findings.compare(f"room {room_id}: coins", found=room.coins, expected=sums.coins)
            findings.compare(f"room {room_id}: gifts", found=room.gifts, expected=sums.gifts)
            findings.compare(
                f"room {room_id}: senders", found=room.senders, expected=len(sums.named) + len(sums.anonymous)
            )
            if room.anonymous != len(sums.anonymous):
                findings.add(f"room {room_id}: {room.anonymous} anonymous senders, the rows say {len(sums.anonymous)}")
            for sender in room.top.keys() | sums.named.keys():
                findings.compare(
                    f"room {room_id}: sum of sender {sender}",
                    found=room.top.get(sender, 0),
                    expected=sums.named.get(sender, 0),
                )
        return compared

    async def _compare_lag(self, keys: RoomKeys, marks: dict[str, dict[int, int]], findings: Findings) -> None:
        """Tell of rooms that lack what the book held at the snapshot, after giving a running server its time."""
        lacking = [room_id for room_id, own in marks.items() if own]
        for attempt in range(int(LAG_S / POLL_S) if self._live else 1):
            if attempt:
                await asyncio.sleep(POLL_S)
            states = await self._rooms(keys, lacking)
            lacking = [
                room_id
                for room_id, state in states.items()
                if state is None or any(state.marks.get(p, 0) < seq for p, seq in marks[room_id].items())
            ]
            if not lacking:
                return
        for room_id in lacking:
            # Without a server a room may lag: its last gifts are announced at the next start. It may not be gone.
            state = states[room_id]
            if self._live or state is None:
                findings.add(f"room {room_id} {'has no state' if state is None else 'lacks gifts'} though the book has")


class _Checks:
    """A partition's pieces, each compared when the replay stands at its seq."""

    def __init__(self, p: int, pieces: list[Piece], findings: Findings) -> None:
        self._p = p
        self._pieces = pieces
        self._findings = findings
        self._next = 0

    def at(self, replay: PartitionReplay) -> None:
        while self._next < len(self._pieces) and self._pieces[self._next].seq <= replay.seq:
            self._compare(replay, self._pieces[self._next])
            self._next += 1

    def _compare(self, replay: PartitionReplay, piece: Piece) -> None:
        for user_id, coins, frozen in piece.wallets:
            expected = replay.wallets.get(user_id, (0, 0))
            self._findings.compare(f"wallet {user_id} in the engine", found=coins, expected=expected[0])
            if frozen != expected[1]:
                self._findings.add(f"wallet {user_id} in the engine: frozen is {frozen}, the rows say {expected[1]}")
        for creator_id, points in piece.stripes:
            self._findings.compare(
                f"stripe {creator_id} of partition {self._p} in the engine",
                found=points,
                expected=replay.stripes.get(creator_id, 0),
            )

    def finish(self, *, has_rows: bool) -> None:
        left = len(self._pieces) - self._next
        if left:
            seq = self._pieces[-1].seq
            self._findings.add(f"partition {self._p}: the engine stands at seq {seq}, neither book nor journal has it")
        if not self._pieces and has_rows:
            self._findings.add(f"partition {self._p}: the engine holds nothing to compare with the book")


async def audit(config: Config, secret: bytes, *, live: bool) -> Report:
    """Audit the deployment; ``live`` says that a server is running. Raises ``CannotRun`` without a book."""
    assert config.redis_url is not None
    if config.store == "sqlite" and not config.book_path.exists():
        raise CannotRun(f"there is no book at {config.book_path}")
    client = connect(config.redis_url, timeout_ms=config.redis_timeout_ms)
    try:
        return await Audit(config, client, secret=secret, live=live).run()
    finally:
        await client.aclose()
