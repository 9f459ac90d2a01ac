"""What a run looks like while it lasts: the same figures for a program (``steered``) and for people (a line a second).

On a terminal the line stays in its place. Where stderr is none nothing is shown, unless it was asked for: a log wants
lines only if somebody reads them.
"""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TextIO, TypedDict, TypeVar

from loadtests.charts import number, time_ms
from loadtests.steady import Steady

LINE_S = 1.0
T = TypeVar("T")


class Figures(TypedDict):
    """How far a run has come. ``at_ms`` counts from the start of the load; ``away`` viewers are not in their room.

    ``deliveries``: events that came to viewers; ``seen_p99_ms`` is that of all the run so far.
    """

    type: str
    doing: str
    at_ms: float | None
    sent: int
    accepted: int
    settled: int
    shown: int
    waiting: int
    away: int
    deliveries: int
    seen_p99_ms: float | None


def figures(steady: Steady, doing: str) -> Figures:
    """Return how far a run has come."""
    tally = steady.tally
    now_ms = asyncio.get_running_loop().time() * 1_000
    return {
        "type": "progress",
        "doing": doing,
        "at_ms": None if steady.start_ms is None else now_ms - steady.start_ms,
        "sent": len(tally.gifts),
        "accepted": tally.accepted,
        "settled": tally.settled,
        "shown": steady.seen.shown,
        "waiting": len(tally.gifts) - tally.settled - tally.refused,
        "away": sum(not bot.is_live and not bot.over.is_set() for bot in steady.bots) + steady.followers.away,
        "deliveries": steady.deliveries,
        "seen_p99_ms": steady.seen.latency.percentile(0.99),
    }


class Live:
    """Shows a scenario, whose ``progress`` is ``at_work`` and whose ``began`` is ``began``."""

    def __init__(self, stream: TextIO | None = None, *, is_asked: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._is_in_place = self._stream.isatty()
        self._is_shown = self._is_in_place or is_asked
        self._steady: Steady | None = None
        self._doing, self._done, self._total = "joining", 0, 0
        self._deliveries = 0

    def began(self, run: Steady) -> None:
        """Show this run from now on."""
        self._steady, self._deliveries = run, 0
        self.at_work("joining", 0, 0)

    def at_work(self, what: str, done: int, total: int) -> None:
        """As the scenario's ``progress``."""
        self._doing, self._done, self._total = what, done, total

    async def beside(self, program: Coroutine[Any, Any, T]) -> T:
        """Run a program and show it meanwhile."""
        if not self._is_shown:
            return await program
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(self._show())
            try:
                return await program
            finally:
                showing.cancel()
                if self._is_in_place:
                    self._stream.write("\r\x1b[K")
                    self._stream.flush()

    async def _show(self) -> None:
        while True:
            await asyncio.sleep(LINE_S)
            line = self.line()
            self._stream.write(f"\r\x1b[K{line}" if self._is_in_place else f"{line}\n")
            self._stream.flush()

    def line(self) -> str:
        """Return the line as it is now; deliveries a second are those since the last one."""
        doing = f"{self._doing} {self._done:,} of {self._total:,}" if self._total > 1 else self._doing
        if self._steady is None or self._steady.start_ms is None:
            return doing
        now = figures(self._steady, doing)
        came, self._deliveries = now["deliveries"] - self._deliveries, now["deliveries"]
        p99_ms = now["seen_p99_ms"]
        words = [
            f"{number(round((now['at_ms'] or 0) / 1_000))} s",
            doing,
            f"settled {now['settled']:,}",
            f"waiting {now['waiting']:,}",
            f"deliveries {now['deliveries']:,} ({came / LINE_S:,.0f}/s)",
            *([f"seen p99 {time_ms(p99_ms)}"] if p99_ms is not None else []),
            *([f"away {now['away']:,}"] if now["away"] else []),
        ]
        return " · ".join(words)
