"""Gifts a second through the micro-batcher alone, and the engine's CPU a gift: no edge, no flusher, no sockets."""

import asyncio
import time
from pathlib import Path
from typing import Any

from uuid_utils import uuid7

from livegift.clock import monotonic_ms, now_ms
from livegift.domain.identity import gift_id_ms
from livegift.ledger.charge import Charge
from livegift.ledger.embedded import EmbeddedServer
from livegift.wire.journal import GiftEntry, pack
from tests.bench.processes import cpu_s
from tests.world import World

SENDERS = 2_000
DEADLINE_MS = 60_000


async def run(folder: Path, *, gifts: int, in_flight: int) -> dict[str, Any]:
    """Charge ``gifts`` gifts of 2,000 senders with so many in flight."""
    valkey = EmbeddedServer(folder)
    await valkey.start()
    try:
        world = await World.made(
            valkey.url, folder / "book", journal_events_max=10_000_000, send_queue_max=1_000_000, hot_wallets_max=10**6
        )
        async with world.edge.running():
            async with world.flushing():
                room = await world.room()
                users = [await world.person("Sender") for _ in range(SENDERS)]
                entries = [await world.edge.book.grant(user.id, 10**9, now_ms=now_ms()) for user in users]
                await world.edge.gifting.inbox_has_news()
                for entry in entries:
                    await world.edge.gifting.wait_granted(entry, timeout_ms=30_000)
            return await _measure(world, valkey.pid, room.creator_id, [user.id for user in users], gifts, in_flight)
    finally:
        await valkey.stop()


async def _measure(
    world: World, valkey_pid: int, creator: str, users: list[str], gifts: int, in_flight: int
) -> dict[str, Any]:
    entry = pack(
        GiftEntry(*("0" * 32, "d" * 32, users[0], "Sender", creator, "Creator", "room", "rose", "Rose"),
                  *(1, True, 1, 1, 1, 1, 1, False, None))
    )  # fmt: skip
    loop = asyncio.get_running_loop()

    def charge(number: int) -> Charge:
        gift_id = uuid7().hex
        return Charge(
            users[number % SENDERS], creator, gift_id, gift_id_ms(gift_id), "d" * 32, 1, "", entry,
            monotonic_ms() + DEADLINE_MS, loop.create_future(),
        )  # fmt: skip

    async def caller(first: int, count: int) -> None:
        for number in range(first, first + count):
            one = charge(number)
            world.edge.ledger.submit(one)
            assert (await one.answer).tag == "accepted"

    each = gifts // in_flight
    before_s, cpu_before, own_before = time.monotonic(), cpu_s(valkey_pid), time.process_time()
    calls_before = sum(batcher.calls for batcher in world.edge.ledger.batchers)
    async with asyncio.TaskGroup() as tasks:
        for number in range(in_flight):
            tasks.create_task(caller(number * each, each))
    seconds = time.monotonic() - before_s
    calls = sum(batcher.calls for batcher in world.edge.ledger.batchers) - calls_before
    done = each * in_flight
    return {
        "gifts": done,
        "gifts_per_s": round(done / seconds),
        "gifts_per_call": round(done / calls, 1),
        "valkey_us_per_gift": round((cpu_s(valkey_pid) - cpu_before) / done * 1e6, 1),
        "client_us_per_gift": round((time.process_time() - own_before) / done * 1e6, 1),
    }
