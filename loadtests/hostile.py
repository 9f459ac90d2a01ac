"""The hostile scenario: thousands of peers that are silent, slow, flooding or talk garbage, while honest people gift.

Runs without and with them take turns, in pairs of one seed: the median of the pairs' ratios of the honest senders' p99
is the figure. The server's memory may grow by 64 MiB and 64 KiB for each peer, and nothing may be lost.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from urllib.parse import urlsplit

from loadtests.load import Load
from loadtests.pairs import RATIO_MAX, SLOWER_MS_MAX, add_growth, in_turn, joined, one_room
from loadtests.report import Report
from loadtests.usage import Processes

COMING_S = 120
LOOK_S = 1.0


@dataclass(slots=True, kw_only=True)
class Hostile(Load):
    """``pairs`` of runs in one room: ``viewers`` honest ones, of whom ``senders`` gift, without and within a siege."""

    silent: int
    slow: int
    flooding: int
    garbage: int
    pairs: int
    told: Counter[str] = field(default_factory=Counter, init=False)
    grew_mb: list[float] = field(default_factory=list, init=False)

    @property
    def peers(self) -> int:
        """How many hostile peers there are at once."""
        return self.silent + self.slow + self.flooding + self.garbage

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        calm: list[Report] = []
        besieged: list[Report] = []
        for pair, is_besieged in in_turn(self.pairs):
            is_last = pair == self.pairs - 1
            steady = one_room(self, self.seed + pair, processes=self.processes, is_audited=is_last)
            if not is_besieged:
                calm.append(await steady.run())
                continue
            async with self._siege(self.seed + pair):
                besieged.append(await steady.run())
        report = joined(calm, besieged)
        self._judge(report, calm, besieged)
        names = ("viewers", "senders", "rate", "seconds", "silent", "slow", "flooding", "garbage", "pairs", "seed")
        report["scenario"] = "hostile"
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report

    def _judge(self, report: Report, calm: list[Report], besieged: list[Report]) -> None:
        p99s = [
            (one["latency_ms"]["accepted"]["p99"], two["latency_ms"]["accepted"]["p99"])
            for one, two in zip(calm, besieged, strict=True)
        ]
        ratios = [two / one for one, two in p99s if one and two is not None]
        slower = [two - one for one, two in p99s if one is not None and two is not None]
        ratio = round(median(ratios), 3) if ratios else None
        slower_ms = round(median(slower), 3) if slower else None
        report["figures"] = {"accepted_p99_ratio": ratio, "accepted_p99_slower_ms": slower_ms}
        report["figures"] |= {name: float(count) for name, count in sorted(self.told.items())}
        add_growth(report, self.grew_mb, stalled=self.peers)
        if ratio is not None and slower_ms is not None and ratio > RATIO_MAX and slower_ms > SLOWER_MS_MAX:
            report["notes"].append(f"the siege makes senders' p99 {ratio:.2f} times as long, by {slower_ms:.1f} ms")

    @asynccontextmanager
    async def _siege(self, seed: int) -> AsyncIterator[None]:
        """Let the hostile peers be there while the block lasts, and watch the edges' memory."""
        parts = urlsplit(self.url)
        counts = (self.silent, self.slow, self.flooding, self.garbage)
        processes = await Processes.of(self.data) if self.data is not None else None
        before = processes.usage().rss_kb["edge"] if processes else 0
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loadtests.siege", parts.hostname or "127.0.0.1", str(parts.port or 80)),
            *(str(number) for number in (*counts, seed)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        watching = asyncio.create_task(self._watch(processes, before)) if processes else None
        try:
            async with asyncio.timeout(COMING_S):
                await process.stdout.readline()
            yield
        finally:
            process.stdin.close()
            self.told.update(json.loads(await process.stdout.readline() or "{}"))
            await process.wait()
            if watching is not None:
                watching.cancel()

    async def _watch(self, processes: Processes, before: int) -> None:
        while True:
            self.grew_mb.append((processes.usage().rss_kb["edge"] - before) / 1_024)
            await asyncio.sleep(LOOK_S)
