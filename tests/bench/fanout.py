"""CPU µs a delivery of the hub, of the least that C needs (limit.c), and of a loop that awaits send_text (naive.py).

The three take turns, for a machine is never the same twice; each round gives two ratios, and their medians count.
All have the same viewers, the same rhythm and events of the same size. The hub's figure is all of the edge's CPU, with
auth, rooms, conflation and metrics; ``of_fanout`` is less what the same gifts cost the edge without viewers;
``in_hub`` is what its passes cost, encoding and writing, and what an event costs before is told beside it.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from loadtests.crowd import crowd
from loadtests.fanout import Fanout, count_up
from loadtests.watching import Plan
from tests.bench.processes import serving
from tests.fault.server import free_ports

SOURCE = Path(__file__).with_name("limit.c")
PROCESSES = 2
KINDS = ("", "_of_fanout", "_in_hub")


async def run(folder: Path, *, viewers: int, rate: float, burst: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Measure ``rounds`` times in turn."""
    limit = folder / "limit"
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "the limit needs a C compiler (Debian: apt-get install gcc libc6-dev)"
    subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-o", limit, SOURCE], check=True)  # noqa: ASYNC221 - nothing runs yet
    ours: list[dict[str, Any]] = []
    others: dict[str, list[dict[str, Any]]] = {"limit": [], "naive": []}
    data = folder / "data"
    async with serving(data) as server:
        for _ in range(rounds):
            load = Fanout(url=server.url, data=data, viewers=viewers, rate=rate, burst=burst, seconds=seconds)
            ours.append(dict(await load.run()))
            event_bytes = round(ours[-1]["bytes_per_event"])
            words = [str(word) for word in (event_bytes, rate, burst, seconds)]
            programs = {"limit": [str(limit)], "naive": [sys.executable, "-m", "tests.bench.naive"]}
            for name, program in programs.items():
                others[name].append(await _measure(program, words, viewers=viewers, seconds=seconds))
    return {
        "viewers": viewers,
        "rate": rate,
        "burst": burst,
        "rounds": rounds,
        "cpu_us_per_delivery": {
            **{_name(kind): [one[_key(kind)] for one in ours] for kind in KINDS},
            **{name: [one["cpu_us_per_delivery"] for one in found] for name, found in others.items()},
        },
        "times_the_limit": {
            **{_name(kind): _ratio([one[_key(kind)] for one in ours], others["limit"]) for kind in KINDS},
            "naive": _ratio([one["cpu_us_per_delivery"] for one in others["naive"]], others["limit"]),
        },
        "cpu_us_per_event_before_hub": [one["cpu_us_per_event_before_hub"] for one in ours],
        "cpu_us_per_gift": [one["cpu_us_per_gift"] for one in ours],
        "lost_or_doubled": sum(one["lost"] + one["doubled"] for one in ours),
        "short_sends": sum(one["short_sends"] for found in others.values() for one in found),
        "bytes_per_event": ours[-1]["bytes_per_event"],
        "events_per_read": [one["events_per_read"] for one in ours],
        "kb_per_connection": [one["kb_per_connection"] for one in ours],
        "seen_ms": [one["latency_ms"]["seen"] for one in ours],
        "bot_limited": sum(one["bot_limited"] for one in (*ours, *others["limit"], *others["naive"])),
    }


def _name(kind: str) -> str:
    return "livegift" + kind


def _key(kind: str) -> str:
    return "cpu_us_per_delivery" + kind


def _ratio(figures: list[float], limits: list[dict[str, Any]]) -> float:
    pairs = zip(figures, limits, strict=True)
    return round(median(figure / limit["cpu_us_per_delivery"] for figure, limit in pairs), 2)


async def _measure(program: list[str], words: list[str], *, viewers: int, seconds: float) -> dict[str, Any]:
    """Run a program that makes its own load, once its viewers have joined."""
    (port,) = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        *program,
        str(port),
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        plan = Plan(host="127.0.0.1", port=port, path="/v1/ws", answers=["\r\n\r\n"], greetings=[[]] * viewers)
        async with crowd(plan, processes=PROCESSES) as people:
            await people.begin()
            process.stdin.write(b"go\n")
            async with asyncio.timeout(20 * seconds + 20):
                said = json.loads(await process.stdout.readline())
            await asyncio.sleep(0.5)
            seen = count_up(await people.end(), seconds=seconds)
    finally:
        process.stdin.close()
        async with asyncio.timeout(20):
            await process.wait()
    assert seen["deliveries"] == said["deliveries"], f"{seen['deliveries']} seen of {said['deliveries']} sent"
    return {
        "cpu_us_per_delivery": round(said["cpu_us"] / said["deliveries"], 2),
        "short_sends": said["short_sends"],
        "bot_limited": seen["bot_limited"],
    }
