"""A server to measure, and CPU and memory of processes, read from /proc."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fault.server import Server

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_kb(pid: int) -> int:
    """Return a process' resident memory in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[Server]:
    """Serve with one edge on free ports while the block lasts."""
    server = Server(data, {}, workers=1)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
