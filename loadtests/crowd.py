"""Viewers in processes of their own: started, told when to count, and added up."""

import asyncio
import json
import os
import struct
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from loadtests.watching import Counted, Plan

LINE_MAX = 1 << 28
STOP_S = 10.0


def text_frame(text: str) -> bytes:
    """Return a client's frame. Its mask is zero: nobody needs to be fooled on loopback."""
    payload = text.encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return b"\x81" + size + bytes(4) + payload


class Crowd:
    """Processes of viewers who have joined."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    async def begin(self) -> None:
        """Count from zero; everybody does when this returns."""
        for process in self._processes:
            _tell(process, b"begin\n")
        for process in self._processes:
            await _line(process)

    async def ask(self, word: str) -> list[Any]:
        """Tell every process the same word and return what each has answered."""
        for process in self._processes:
            _tell(process, word.encode() + b"\n")
        return [json.loads(await _line(process)) for process in self._processes]

    async def end(self) -> list[Counted]:
        """Return what each process has counted since."""
        return await self.ask("end")


@asynccontextmanager
async def crowd(plan: Plan, *, processes: int) -> AsyncIterator[Crowd]:
    """Let the viewers of a plan join, spread over so many processes; they leave with the block."""
    plans = [Plan(**{**plan, "greetings": greetings}) for greetings in _spread(plan["greetings"], processes)]
    async with spread("loadtests.watching", [json.dumps(own) for own in plans]) as joined:
        yield joined


@asynccontextmanager
async def spread(module: str, plans: Sequence[str]) -> AsyncIterator[Crowd]:
    """Run a module in a process for each plan, a line of JSON, until each has said that it is ready."""
    started: list[asyncio.subprocess.Process] = []
    try:
        for plan in plans:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", module),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_MAX,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            started.append(process)
            _tell(process, plan.encode() + b"\n")
        for process in started:
            await _line(process)
        yield Crowd(started)
    finally:
        for process in started:
            assert process.stdin is not None
            process.stdin.close()
        for process in started:
            async with asyncio.timeout(STOP_S):
                await process.wait()


def _spread(greetings: list[list[str]], processes: int) -> Iterator[list[list[str]]]:
    for first in range(min(processes, len(greetings))):
        yield greetings[first::processes]


def _tell(process: asyncio.subprocess.Process, line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"viewers' process {process.pid} ended with {await process.wait()}")
    return line
