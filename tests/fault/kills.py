"""kill -9 of Valkey, flusher and edges in turn while bots gift; the bots and the audit judge, not the server.

A probe of its own sends a gift ten times a second and watches a room: ``stall_ms`` of a kill is the time from the
kill to the first gift seen that was made after it.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import livegift_client
from livegift_client import GiftEvent

ROLES = ("valkey", "flusher", "edge")
PROBE_INTERVAL_S = 0.1
STALL_S_MAX = 15.0
SENDER_RATE_MAX = 5
"""Gifts a second of one sender: half of what the server allows, so that nobody is limited by it."""
READY_S = 30.0


@dataclass
class Strike:
    """One kill, and how long no gift made after it was seen."""

    role: str
    stall_ms: float


@dataclass
class Probe:
    """A person of its own who gifts and watches."""

    seen: asyncio.Event = field(default_factory=asyncio.Event)
    last_seen_ms: int = 0

    async def run(self, url: str) -> None:
        """Gift and watch until cancelled."""
        creator = await livegift_client.demo_login(url, "Probe creator", "creator")
        room = await livegift_client.create_room(url, creator.token, "probe")
        person = await livegift_client.demo_login(url, "Probe")
        async with (
            livegift_client.connect(url, person.token) as client,
            client.subscribe(room.id) as items,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(self._gift(client, room.id))
            async for item in items:
                if isinstance(item, GiftEvent):
                    self.last_seen_ms = max(self.last_seen_ms, item.ts_ms)
                    self.seen.set()
                    self.seen = asyncio.Event()

    async def _gift(self, client: livegift_client.Client, room_id: str) -> None:
        # Posted, not awaited: during an outage the next ones are made all the same, each with a fresh id.
        while True:
            gift_id = client.new_gift_id()
            client.post(livegift_client.Send(id=0, room=room_id, gift="rose", price_coins=1, gift_event_id=gift_id))
            await asyncio.sleep(PROBE_INTERVAL_S)

    async def stall_ms(self, since_ms: int) -> float:
        """Return how long after ``since_ms`` (wall clock) a gift made after it is first seen."""
        async with asyncio.timeout(STALL_S_MAX):
            while self.last_seen_ms <= since_ms:
                await self.seen.wait()
        return time.time() * 1_000 - since_ms


async def status(data: Path) -> dict[str, Any]:
    """Return what ``livegift status`` says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livegift.cli", "status", "--json", "--data", str(data)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    return dict(json.loads(out)) if out.strip() else {"ready": False, "processes": []}


@asynccontextmanager
async def serving(data: Path, *, workers: int) -> AsyncIterator[str]:
    """Run a demo server without bots on free ports; yields its URL, and ends it whatever happens."""
    words = ["serve", "--demo", "--data", str(data), "--port", "0", "--admin-port", "0", "--workers", str(workers)]
    with (data.parent / "serve.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "livegift.cli", *words, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(READY_S):
            while not (state := await status(data))["ready"]:
                assert process.returncode is None, (data.parent / "serve.log").read_text()
                await asyncio.sleep(0.1)
        yield state["url"]
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()


async def strike(data: Path, role: str, probe: Probe) -> Strike:
    """Kill one process of that role and wait until a gift made after it is seen."""
    pids = [process["pid"] for process in (await status(data))["processes"] if process["role"] == role]
    assert pids, f"no {role} is running"
    since_ms = int(time.time() * 1_000)
    os.kill(pids[0], signal.SIGKILL)
    return Strike(role, await probe.stall_ms(since_ms))


async def run(
    data: Path, *, seconds: float, every_s: float, rate: float, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run bots for ``seconds`` and kill one process ``every_s``; returns the report."""
    strikes: list[Strike] = []
    senders = max(20, round(rate / SENDER_RATE_MAX))
    async with serving(data, workers=2) as url:
        bots = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loadtests", "steady", "--url", url, "--data", str(data), "--json"),
            *("--rooms", "2", "--viewers", str(senders * 2), "--senders", str(senders)),
            *("--rate", str(rate), "--seconds", str(seconds)),
            stdout=asyncio.subprocess.PIPE,
        )
        probe = Probe()
        try:
            async with asyncio.TaskGroup() as tasks:
                judged = tasks.create_task(bots.communicate())
                watching = tasks.create_task(probe.run(url))
                async with asyncio.timeout(STALL_S_MAX):
                    await probe.seen.wait()
                until = time.monotonic() + seconds - every_s
                while time.monotonic() < until:
                    await asyncio.sleep(every_s)
                    strikes.append(await strike(data, ROLES[len(strikes) % len(ROLES)], probe))
                    progress(f"killed {strikes[-1].role}: the next gift was seen after {strikes[-1].stall_ms:.0f} ms")
                out, _ = await judged
                watching.cancel()
        finally:
            if bots.returncode is None:
                bots.kill()
                await bots.wait()
    return report(strikes, json.loads(out), bots.returncode or 0)


def report(strikes: list[Strike], judged: dict[str, Any], exit_code: int) -> dict[str, Any]:
    """Put the bots' judgement beside the strikes."""
    faults = []
    for role in ROLES:
        stalls = sorted(one.stall_ms for one in strikes if one.role == role)
        if stalls:
            faults.append(
                {
                    "name": f"kill -9 {role}",
                    "times": len(stalls),
                    "recovery_ms_p50": round(stalls[len(stalls) // 2]),
                    "stall_ms_max": round(stalls[-1]),
                }
            )
    keys = ("sent", "accepted", "settled", "lost", "doubled", "drift", "out_of_order", "combos_open", "failures")
    return {"faults": faults, **{key: judged[key] for key in keys}, "bots_exit_code": exit_code}
