"""send -> accepted and send -> settled at a rate, in ms from the planned time (open loop); no sockets, no viewers.

Ledger and gifting of one edge run in this process, beside what makes the load; ``livegift flusher`` runs in its own.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

from livegift.domain.refusal import Refusal
from livegift.errors import Fault
from livegift.flusher.audit import audit
from livegift.gifting import Receipt, SendGift
from loadtests.histogram import Histogram
from tests.bench.deployment import Book, deployed, flusher_process, people, rooms
from tests.bench.processes import cpu_s
from tests.world import SECRET, Heard, World, send, until

WARM_S = 2.0
TICK_S = 0.001
SETTLED_S_MAX = 30.0


class Stopwatch(Heard):
    """Hears what comes of gifts and notes how long after their planned times."""

    def __init__(self) -> None:
        super().__init__()
        self.sent_late = Histogram()
        self.accepted = Histogram()
        self.settled_in = Histogram()
        self.failed_as: list[str] = []
        self._planned: dict[str, float] = {}

    async def send(self, world: World, one: SendGift, planned: float) -> None:
        """Send a gift that was planned for that time (monotonic, s)."""
        self._planned[one.gift_event_id] = planned
        self.sent_late.record((time.monotonic() - planned) * 1_000)
        try:
            answer = await world.edge.gifting.send_gift(one, self)
        except Fault as fault:
            self.failed_as.append(fault.code)
            return
        if isinstance(answer, Receipt):
            self.accepted.record((time.monotonic() - planned) * 1_000)
        else:
            self.failed_as.append(answer.code)

    def settled(self, gifts: list[tuple[str, str]]) -> None:
        now = time.monotonic()
        for gift_event_id, _ in gifts:
            self.settled_in.record((now - self._planned.pop(gift_event_id)) * 1_000)

    def failed(self, gift_event_id: str, refusal: Refusal) -> None:
        self.failed_as.append(refusal.code)


async def run(
    folder: Path, book: Book, *, rate: float, seconds: float, senders: int, room_count: int
) -> dict[str, Any]:
    """Let ``senders`` people gift ``rate`` times a second into so many rooms, after two seconds of warming up."""
    async with deployed(folder, book) as (world, valkey), world.edge.running(), flusher_process(world) as flusher_pid:
        users = await people(world, senders, coins=10**9)
        places = await rooms(world, room_count)
        sends = [(user, places[number % room_count]) for number, user in enumerate(users)]
        await _gift(world, Stopwatch(), sends, rate=rate, seconds=WARM_S)
        watch, flusher_s, valkey_s = Stopwatch(), cpu_s(flusher_pid), cpu_s(valkey.pid)
        await _gift(world, watch, sends, rate=rate, seconds=seconds)
        flusher_s, valkey_s = cpu_s(flusher_pid) - flusher_s, cpu_s(valkey.pid) - valkey_s
        report = await audit(world.config, SECRET, live=True)
    return {
        "store": book.setting.partition(":")[0],
        "rate": rate,
        "gifts": int(rate * seconds),
        "accepted": watch.accepted.count,
        "settled": watch.settled_in.count,
        "failed": watch.failed_as,
        "sent_late_ms": watch.sent_late.summary(),
        "accepted_ms": watch.accepted.summary(),
        "settled_ms": watch.settled_in.summary(),
        "flusher_cpu_share": round(flusher_s / seconds, 2),
        "valkey_cpu_share": round(valkey_s / seconds, 2),
        "audit_findings": report["findings"],
    }


async def _gift(world: World, watch: Stopwatch, sends: list[Any], *, rate: float, seconds: float) -> None:
    # Not the loop's clock: uvloop's is a whole millisecond, and stands still within a turn.
    total, sent, start = int(rate * seconds), 0, time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        while sent < total:
            due = min(int((time.monotonic() - start) * rate) + 1, total)
            for number in range(sent, due):
                user, room = sends[number % len(sends)]
                tasks.create_task(watch.send(world, send(user, room), start + number / rate))
            sent = due
            await asyncio.sleep(TICK_S)
    await until(lambda: watch.settled_in.count == watch.accepted.count, timeout_s=SETTLED_S_MAX)
