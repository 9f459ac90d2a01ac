"""The book is away while gifts keep coming, up to the journal's bound and beyond; then it comes back.

Says how many gifts were accepted and how many `busy`, what the backlog weighs in Valkey, how fast it drains, and
whether every accepted gift was settled and none of the others charged.
"""

import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from livegift.domain.people import RoomRow, User
from livegift.errors import Fault
from livegift.flusher.audit import audit
from livegift.gifting import Receipt
from tests.bench.deployment import Book, deployed, flusher_process, people, rooms
from tests.bench.processes import rss_kb
from tests.world import SECRET, Heard, World, send

SENDERS = 400
ROOMS = 4
COINS = 10**6
IN_FLIGHT = 256
SILENT_S = 3.0
"""How long the flusher meets the silence before the journal is filled: longer than one of its calls may take."""
POLL_S = 0.05
DRAINED_S_MAX = 900.0


async def run(folder: Path, book: Book, *, gifts: int, partitions: int) -> dict[str, Any]:
    """Send ``gifts`` gifts at full speed while the book is away, then wait until nothing waits."""
    async with (
        deployed(folder, book, partitions=partitions) as (world, _),
        world.edge.running(),
        flusher_process(world),
    ):
        users, places = await people(world, SENDERS, coins=COINS), await rooms(world, ROOMS)
        heard, answers = Heard(), Counter[str]()
        pairs = [(user, places[number % ROOMS]) for number, user in enumerate(users)]
        await _fill(world, pairs, heard, Counter(), count=SENDERS)  # every wallet and stripe is hot
        await heard.wait_settled(SENDERS)
        before = await _memory(world)
        with book.away(world):
            await asyncio.sleep(SILENT_S)
            filled_s = await _fill(world, pairs, heard, answers, count=gifts)
            waiting, bytes_used = await _waiting(world), await _memory(world) - before
            edge_kb = rss_kb(os.getpid())
        drained = await _drain(world, heard, SENDERS + answers["accepted"])
        balances = [await world.edge.gifting.balance(user.id) for user in users]
        report = await audit(world.config, SECRET, live=True)
        alarms = _alarms(world)
    paid = SENDERS * COINS - sum(balances)
    return {
        "store": book.setting.partition(":")[0],
        "journal_events_max": world.config.journal_events_max,
        "partitions": partitions,
        "answers": dict(answers),
        "alarms": alarms,
        "filled_per_s": round(answers["accepted"] / filled_s),
        "waiting": waiting,
        "backlog_mb_in_valkey": round(bytes_used / 1e6, 1),
        "edge_rss_mb": round(edge_kb / 1e3),
        **drained,
        "settled": len(heard.settled_ids) - SENDERS,
        "coins_paid_beyond_settled": paid - len(heard.settled_ids),
        "audit_rows": report["rows"],
        "audit_findings": report["findings"],
    }


async def _fill(
    world: World, pairs: list[tuple[User, RoomRow]], heard: Heard, answers: Counter[str], *, count: int
) -> float:
    """Send so many gifts with ``IN_FLIGHT`` at once; count the answers and return the seconds."""
    numbers = iter(range(count))
    started = time.monotonic()

    async def caller() -> None:
        for number in numbers:
            user, room = pairs[number % len(pairs)]
            try:
                answer = await world.edge.gifting.send_gift(send(user, room), heard)
            except Fault as fault:
                answers[f"{fault.code} (temporary)"] += 1
                continue
            answers["accepted" if isinstance(answer, Receipt) else answer.code] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(IN_FLIGHT):
            tasks.create_task(caller())
    return time.monotonic() - started


async def _drain(world: World, heard: Heard, count: int) -> dict[str, Any]:
    """Wait until the journals are empty and so many gifts have settled; tell how long that took."""
    started, waited = time.monotonic(), await _waiting(world)
    first: float | None = None
    while waiting := await _waiting(world):
        now = time.monotonic() - started
        if first is None and waiting < waited:
            first = now
        assert now < DRAINED_S_MAX, f"{waiting} events still wait"
        await asyncio.sleep(POLL_S)
    seconds = time.monotonic() - started
    await heard.wait_settled(count, timeout_s=60)
    first = first or 0.0
    return {
        "first_flush_after_s": round(first, 1),
        "drained_after_s": round(seconds, 1),
        "drained_events_per_s": round(waited / (seconds - first)),
        "all_told_after_s": round(time.monotonic() - started, 1),
    }


def _alarms(world: World) -> list[str]:
    """Return what the flusher has logged of its journals, in order."""
    lines = [json.loads(line) for line in (world.config.data / "flusher.log").read_text().splitlines()]
    return [f"{line['level']} {line['event']}" for line in lines if line["event"].startswith("journal_")]


async def _waiting(world: World) -> int:
    async with world.client.pipeline(transaction=False) as pipe:
        for p in range(world.config.partitions):
            pipe.hmget(world.keys.meta(p), ["seq", "mark"])
        found = await pipe.execute()
    return sum(int(seq) - int(mark) for seq, mark in found)


async def _memory(world: World) -> int:
    return int((await world.client.info("memory"))["used_memory"])
