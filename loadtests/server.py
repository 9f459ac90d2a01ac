"""The server under load, as far as it runs on this machine: what its processes use, once a second, and what that means.

Without its data directory nothing is known. If one of its processes ends meanwhile, sums over processes mean nothing
any more: then no figure is given, rather than a wrong one.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from loadtests.timeline import OverTime
from loadtests.usage import Processes, Sample, Usage

SAMPLES_MAX = 600
EDGE = "edge"
T = TypeVar("T")


class Server:
    """Used as one task, ``watch``, for as long as the load runs."""

    def __init__(self, processes: Processes | None) -> None:
        self.samples: list[tuple[float, dict[str, Sample]]] = []
        """Seconds from the start of the load, and every process then."""
        self._processes = processes
        self._step_s = 1.0

    @classmethod
    async def of(cls, data: Path | None) -> "Server":
        """Ask the server by its data directory. Raises ``OSError`` or ``httpx2.HTTPError`` if it doesn't run."""
        return cls(await Processes.of(data) if data is not None else None)

    def usage(self) -> Usage | None:
        """Return what its processes have used up to now; None if that can't be known."""
        return self._ask(lambda processes: processes.usage())

    async def watch(self, until: asyncio.Event) -> None:
        """Look once a second, less often in a long run; ends within a step after ``until`` is set."""
        loop = asyncio.get_running_loop()
        start_s = due_s = loop.time()
        self.note(0.0)
        while not until.is_set():
            due_s += self._step_s
            await asyncio.sleep(due_s - loop.time())
            self.note(loop.time() - start_s)

    def note(self, at_s: float) -> None:
        """Look now, which is ``at_s`` after the start."""
        each = self._ask(lambda processes: processes.each())
        if each is not None:
            self.samples.append((at_s, each))
        if len(self.samples) > SAMPLES_MAX:
            del self.samples[1::2]
            self._step_s *= 2

    def _ask(self, question: Callable[[Processes], T]) -> T | None:
        if self._processes is None:
            return None
        try:
            return question(self._processes)
        except (FileNotFoundError, ProcessLookupError):
            self._processes = None
            self.samples.clear()
            return None

    def grew_mb(self) -> float | None:
        """Return by how much the edges' memory was above what it was at the start, at the most."""
        edges = [
            sum(one.rss_kb for name, one in each.items() if name.startswith(EDGE)) / 1_024 for _, each in self.samples
        ]
        return round(max(edges) - edges[0], 1) if edges else None

    def curves(self) -> OverTime:
        """Return ``at_s`` and, for each process, resident MB, share of a core in percent, and open descriptors."""
        curves: OverTime = {"at_s": []}
        for (then_s, before), (now_s, after) in zip(self.samples, self.samples[1:], strict=False):
            curves["at_s"].append(round(now_s, 2))
            for name, one in after.items():
                share = (one.cpu_s - before[name].cpu_s) / max(1e-3, now_s - then_s)
                figures = {"rss_mb": round(one.rss_kb / 1_024, 2), "cpu_percent": round(share * 100, 1)}
                if one.descriptors is not None:
                    figures["descriptors"] = one.descriptors
                for what, value in figures.items():
                    curves.setdefault(f"{name} {what}", []).append(value)
        return curves


def edge_us(before: Usage, after: Usage) -> float:
    """Return the edges' CPU between two moments, in µs."""
    return (after.cpu_s[EDGE] - before.cpu_s[EDGE]) * 1e6


def total_us(before: Usage, after: Usage) -> float:
    """Return the CPU of all processes of the server between two moments, in µs."""
    return sum(after.cpu_s[role] - before.cpu_s[role] for role in after.cpu_s) * 1e6
