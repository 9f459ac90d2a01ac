"""CPU µs a gift in edge, flusher and Valkey while people gift at a rate into a few rooms that nobody watches.

What is measured is the road of a gift: command in, accepted and settled out, journal, book, room. Fan-out is what
viewers cost, and is measured apart.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import livegift_client

from tests.bench.processes import cpu_s, serving

ROLES = ("edge", "flusher", "valkey")
TICK_S = 0.01
LOGINS_AT_ONCE = 8


@asynccontextmanager
async def people(url: str, count: int) -> AsyncIterator[list[livegift_client.Client]]:
    """Log people in and connect them."""
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def log_in(number: int) -> livegift_client.Login:
        async with gate:
            return await livegift_client.demo_login(url, f"Sender {number}")

    logins = await asyncio.gather(*(log_in(number) for number in range(count)))
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(livegift_client.connect(url, login.token)) for login in logins]


async def run(folder: Path, *, rate: float, senders: int, rooms: int, seconds: float) -> dict[str, Any]:
    """Serve with one edge and let ``senders`` people gift ``rate`` times a second into ``rooms`` rooms."""
    data = folder / "data"
    async with serving(data) as server:
        url = server.url
        creator = await livegift_client.demo_login(url, "Creator", "creator")
        made = [await livegift_client.create_room(url, creator.token, f"room {n}") for n in range(rooms)]
        pids = {p["role"]: p["pid"] for p in (await server.status())["processes"]}
        async with people(url, senders) as clients:
            receipts: list[livegift_client.Receipt] = []
            before = await _gift(clients, made, receipts, rate=rate, seconds=2, pids=pids)
            warm = len(receipts)
            after = await _gift(clients, made, receipts, rate=rate, seconds=seconds, pids=pids)
            async with asyncio.timeout(30):
                for receipt in receipts:
                    await receipt.settled()
        audit = await _audit(data)
    gifts = len(receipts) - warm
    return {
        "rate": rate,
        "gifts": gifts,
        "settled": len(receipts),
        "gifts_per_s": round(gifts / (after["at_s"] - before["at_s"])),
        **{f"{role}_us_per_gift": round((after[role] - before[role]) / gifts * 1e6, 1) for role in ROLES},
        "audit_exit_code": audit,
    }


async def _gift(
    clients: list[livegift_client.Client],
    rooms: list[livegift_client.Room],
    receipts: list[livegift_client.Receipt],
    *,
    rate: float,
    seconds: float,
    pids: dict[str, int],
) -> dict[str, float]:
    """Post gifts as planned (open loop) and return the clocks at the end."""
    start = time.monotonic()
    sent = 0
    while sent < rate * seconds:
        due = min(int((time.monotonic() - start) * rate), int(rate * seconds))
        for number in range(sent, due):
            client = clients[number % len(clients)]
            send = livegift_client.Send(
                id=0,
                room=rooms[number % len(rooms)].id,
                gift_event_id=client.new_gift_id(),
                gift="rose",
                price_coins=1,
            )
            receipts.append(client.post(send))
        sent = due
        await asyncio.sleep(TICK_S)
    return {role: cpu_s(pids[role]) for role in ROLES} | {"at_s": time.monotonic()}


async def _audit(data: Path) -> int:
    words = ("-m", "livegift.cli", "audit", "--json", "--data", str(data))
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.DEVNULL)
    return await process.wait()
