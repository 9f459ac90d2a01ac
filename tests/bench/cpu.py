"""CPU µs a gift in edge, flusher and Valkey while bots gift at a rate, over the middle of the run."""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.bench.processes import cpu_s
from tests.fault.kills import serving, status

WAIT_S = 120
ROLES = ("edge", "flusher", "valkey")


async def run(folder: Path, *, rate: float, senders: int, rooms: int, seconds: float) -> dict[str, Any]:
    """Serve with one edge, let ``senders`` bots gift ``rate`` times a second into ``rooms`` rooms."""
    data = folder / "data"
    async with serving(data, workers=1) as url:
        bots = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loadtests", "steady", "--url", url, "--data", str(data), "--json"),
            *("--rooms", str(rooms), "--viewers", str(senders), "--senders", str(senders)),
            *("--rate", str(rate), "--seconds", str(seconds)),
            stdout=asyncio.subprocess.PIPE,
        )
        judging = asyncio.create_task(bots.communicate())
        pids = {p["role"]: p["pid"] for p in (await status(data))["processes"]}
        marks = await _middle(data, pids, rate, seconds)
        out, _ = await judging
    judged = json.loads(out)
    (cpu0, flushed0), (cpu1, flushed1) = marks
    gifts = max(1, flushed1 - flushed0)
    return {
        "rate": rate,
        "gifts_measured": gifts,
        **{f"{role}_us_per_gift": round((cpu1[role] - cpu0[role]) / gifts * 1e6, 1) for role in ROLES},
        "viewers_per_room": senders // rooms,
        **{key: judged[key] for key in ("sent", "settled", "lost", "doubled", "drift", "bot_limited", "latency_ms")},
    }


async def _middle(data: Path, pids: dict[str, int], rate: float, seconds: float) -> list[tuple[dict[str, float], int]]:
    """Return CPU and settled events at two moments between which the load ran at its rate."""

    async def look() -> tuple[dict[str, float], int]:
        events = await _flushed(data)
        return {role: cpu_s(pids[role]) for role in ROLES}, events

    # Logins are events too, but slower than the load.
    before = await _flushed(data)
    for _ in range(WAIT_S):
        await asyncio.sleep(1)
        before, now = await _flushed(data), before
        if before - now > rate * 0.7:
            break
    else:
        raise TimeoutError(f"the load never came near {rate} gifts a second")
    await asyncio.sleep(seconds * 0.2)
    first = await look()
    await asyncio.sleep(seconds * 0.5)
    return [first, await look()]


async def _flushed(data: Path) -> int:
    """Return the events in the book, read from the book itself."""
    with closing(sqlite3.connect(f"file:{data / 'book.sqlite3'}?mode=ro", uri=True)) as book:
        return int(book.execute("SELECT coalesce(sum(mark), 0) FROM partition").fetchone()[0])
