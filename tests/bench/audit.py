"""How long ``livegift audit`` takes over a book of so many gifts, and how much memory.

The book is filled through the flusher's own transaction in large batches; no journal, no engine. Then a flusher
starts on it as after an outage of Valkey, makes the rooms' state from the rows, and the audit's code is timed.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from uuid_utils import uuid7

from livegift.clock import now_ms
from livegift.domain.identity import partition_of
from livegift.domain.people import RoomRow, User
from livegift.domain.proof import verify
from livegift.flusher.notary import READ_MS, Notary
from livegift.signing import is_signed
from livegift.store import checkpoints
from livegift.store.events import Event, JournalledGift, JournalledMovement, PartitionBatch
from livegift.store.open import open_database
from livegift.store.sql import one_row
from livegift.wire.journal import GiftEntry, MovementEntry
from tests.bench.deployment import AT_ONCE, SETTINGS, Book, deployed, flusher_process, rooms
from tests.world import SECRET, World, until

ROOMS = 20
COINS = 10**7
BATCH_EVENTS = 5_000
ROOMS_MADE_S_MAX = 600.0


class Partition:
    """A partition's events as the engine would have journalled them: running balances, gapless seqs."""

    def __init__(self, p: int) -> None:
        self.p = p
        self.mark = 0
        self.seq = 0
        self.inbox = 0
        self._balances: dict[str, int] = {}
        self._points: dict[str, int] = {}

    def grant(self, user: User) -> Event:
        """The user's first coins."""
        self.seq += 1
        self.inbox += 1
        self._balances[user.id] = COINS
        entry = MovementEntry(user.id, "promo", COINS)
        return JournalledMovement(self.seq, now_ms(), entry, self.inbox, "applied", COINS)

    def gift(self, user: User, room: RoomRow) -> Event:
        """A rose."""
        self.seq += 1
        balance = self._balances[user.id] = self._balances[user.id] - 1
        points = self._points[room.creator_id] = self._points.get(room.creator_id, 0) + 1
        entry = GiftEntry(
            *(uuid7().hex, "d" * 32, user.id, user.name, room.creator_id, room.creator_name, room.id, "rose", "Rose"),
            *(1, True, 1, 1, 1, 1, 1, False, None),
        )
        return JournalledGift(self.seq, now_ms(), entry, balance, points)


async def run(folder: Path, book: Book, *, gifts: int, senders: int) -> dict[str, Any]:
    """Fill the book with ``gifts`` gifts of so many people in 20 rooms, and audit it."""
    async with deployed(folder, book) as (world, _), world.edge.running():
        started = time.monotonic()
        await _fill(world, gifts=gifts, senders=senders)
        filled_s = time.monotonic() - started
        started = time.monotonic()
        async with flusher_process(world):
            await until(lambda: _rooms_stand(world), timeout_s=ROOMS_MADE_S_MAX)
        rooms_s = time.monotonic() - started
        found = await _audited(world)
        signed = await _signed(world)
    return {
        "store": book.setting.partition(":")[0],
        "rows": found["rows"],
        "filled_rows_per_s": round(found["rows"] / filled_s),
        "rooms_made_anew_s": round(rooms_s, 1),
        "audit_s": found["seconds"],
        "audit_rows_per_s": round(found["rows"] / found["seconds"]),
        "audit_rss_mb_max": round(found["rss_kb_max"] / 1e3),
        "audit_findings": found["findings"],
        **signed,
    }


async def _fill(world: World, *, gifts: int, senders: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def person(number: int) -> User:
        async with gate:
            user = await world.edge.book.create_user(f"Sender {number}", "viewer", now_ms())
            await world.edge.book.grant(user.id, COINS, now_ms=now_ms())
            return user

    places = await rooms(world, ROOMS)
    partitions = [Partition(p) for p in range(world.config.partitions)]
    inbox: dict[str, int] = {}
    made = await asyncio.gather(*(person(number) for number in range(senders)))
    rows = await world.edge.book._reads.read(lambda sql: sql.rows("SELECT user_id, number FROM movement"))
    inbox.update(rows)
    people = sorted(made, key=lambda user: inbox[user.id])
    events: dict[int, list[Event]] = {one.p: [] for one in partitions}
    for user in people:
        one = partitions[partition_of(user.id, len(partitions))]
        events[one.p].append(one.grant(user))
    await _flush(world, partitions, events)
    for numbers in _batches(iter(range(gifts)), BATCH_EVENTS * len(partitions)):
        events = {one.p: [] for one in partitions}
        for number in numbers:
            user = people[number % senders]
            one = partitions[partition_of(user.id, len(partitions))]
            events[one.p].append(one.gift(user, places[(number // senders + number) % ROOMS]))
        await _flush(world, partitions, events)


def _batches(numbers: Iterator[int], size: int) -> Iterator[list[int]]:
    while batch := list(islice(numbers, size)):
        yield batch


async def _flush(world: World, partitions: list[Partition], events: dict[int, list[Event]]) -> None:
    epochs = {row.partition: row.epoch for row in await world.parts.book.partitions()}
    batches = [PartitionBatch(one.p, epochs[one.p], one.mark, events[one.p]) for one in partitions if events[one.p]]
    await world.parts.book.flush(batches, announced={}, behind=[], now_ms=now_ms())
    for one in partitions:
        one.mark = one.seq


async def _rooms_stand(world: World) -> bool:
    for room_id, room in (await world.parts.book.live_rooms(closed_since_ms=now_ms())).items():
        state = await world.client.hgetall(world.room_keys.all(room_id)[0])
        if state.get(b"feeding") == b"1" or any(int(state.get(b"m:%d" % p, 0)) < seq for p, seq in room.marks.items()):
            return False
    return True


async def _signed(world: World) -> dict[str, Any]:
    """Sign all of it in one checkpoint, audit that, and write and verify the proofs of one creator's gifts."""
    notary = Notary(world.config, SECRET)
    database = open_database(world.config, timeout_ms=READ_MS)
    (creator,) = await database.read(lambda sql: one_row(sql, "SELECT creator_id FROM stripe LIMIT 1"))
    started = time.monotonic()
    assert await notary.make() is not None
    made = time.monotonic()
    key = notary.signer.public
    told = await checkpoints.proofs_of(database, SECRET, creator, since_ms=0, until_ms=2**53, key=key)
    proved = time.monotonic()
    wrong = verify(told, partial(is_signed, key)).wrong
    verified = time.monotonic()
    await notary.close()
    await database.close()
    found = await _audited(world)
    return {
        "checkpoint_s": round(made - started, 1),
        "proofs": len(told["gifts"]),
        "proofs_s": round(proved - made, 1),
        "proofs_mb": round(len(json.dumps(told)) / 1e6, 1),
        "verify_s": round(verified - proved, 1),
        "audit_with_checkpoint_s": found["seconds"],
        "wrong": wrong + found["findings"],
    }


async def _audited(world: World) -> dict[str, Any]:
    """Audit in a process of its own, whose memory is then the audit's."""
    settings = {name: getattr(world.config, name) for name in SETTINGS}
    order = json.dumps({"data": str(world.config.data), **settings})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.audit", order, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(out)
    return found


def _audit_here(order: str) -> None:
    from livegift.config import Config
    from livegift.flusher.audit import audit

    settings = json.loads(order)
    config = Config(**{**settings, "data": Path(settings["data"])})
    started = time.monotonic()
    report = asyncio.run(audit(config, SECRET, live=False))
    seconds = round(time.monotonic() - started, 1)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**report, "seconds": seconds, "rss_kb_max": usage.ru_maxrss}))


if __name__ == "__main__":
    _audit_here(sys.argv[1])
