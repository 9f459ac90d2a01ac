"""The bots that judge (``python -m loadtests steady``), a process of their own, who gift until they are told to finish.

They must gift as long as faults come: what happens after their last gift would be judged by nobody.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

LINE_BYTES_MAX = 1_048_576
JOIN_S_MAX = 60.0
END_S_MAX = 120.0
SENDER_RATE_MAX = 5
"""Gifts a second of one sender: half of what the server allows, so that nobody is limited by it."""


class Bots:
    """The running bots; ``report`` is their last line once they have finished."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.report: dict[str, Any] = {}
        self._process = process
        self._gifting = asyncio.Event()

    async def read(self) -> None:
        """Read what they say, until they have said it all."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if said["type"] == "report":
                self.report = said
            elif said.get("sent"):
                self._gifting.set()

    async def gifting(self) -> None:
        """Return when they have begun to gift."""
        async with asyncio.timeout(JOIN_S_MAX):
            await self._gifting.wait()

    async def finish(self) -> int:
        """Let them send no more; returns their exit code when they have judged."""
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):  # they could not run, and the exit code says so
            self._process.stdin.write(b"finish\n")
            await self._process.stdin.drain()
        async with asyncio.timeout(END_S_MAX):
            return await self._process.wait()


@asynccontextmanager
async def gifting_bots(url: str, data: Path, *, rate: float, seconds_max: float, seed: int) -> AsyncIterator[Bots]:
    """Let bots gift ``rate`` gifts a second in two rooms of their own, for ``seconds_max`` if nobody ends it sooner."""
    senders = max(12, round(rate / SENDER_RATE_MAX))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests", "steady", "--url", url, "--data", str(data), "--progress"),
        *("--rooms", "2", "--viewers", str(senders * 2), "--senders", str(senders), "--seed", str(seed)),
        *("--rate", str(rate), "--seconds", str(seconds_max)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    bots = Bots(process)
    try:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(bots.read())
            await bots.gifting()
            yield bots
            await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
