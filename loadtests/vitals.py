"""Were the bots themselves the bottleneck? Lag of their own loop, and share of a core that they used.

A process of bots is *limited* if one in a hundred of its timers came more than 20 ms late, or if it used more than nine
tenths of a core: then what it measured is as much about itself as about the server. That is the one definition.
"""

import asyncio
import time

from loadtests.histogram import Histogram

TICK_S = 0.02
LAG_P99_MAX_MS = 20.0
CPU_SHARE_MAX = 0.9


class Vitals:
    """Used as one task, ``watch``, for as long as the load runs."""

    def __init__(self) -> None:
        self.lag = Histogram()
        self._cpu_s = time.process_time()
        self._wall_s = time.monotonic()
        self._ended: float | None = None

    async def watch(self, until: asyncio.Event) -> None:
        """Sample the loop's lag; ends soon after ``until`` is set."""
        loop = asyncio.get_running_loop()
        self._cpu_s, self._wall_s = time.process_time(), time.monotonic()
        while not until.is_set():
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self.lag.record((loop.time() - due) * 1_000)
        self._ended = self.cpu_share

    @property
    def cpu_share(self) -> float:
        """Share of a core that this process has used while it was watched, until now or the end."""
        if self._ended is not None:
            return self._ended
        return (time.process_time() - self._cpu_s) / max(time.monotonic() - self._wall_s, 1e-3)

    @property
    def is_limited(self) -> bool:
        """Whether figures of this run say more about the bots than about the server."""
        return self.cpu_share > CPU_SHARE_MAX or (self.lag.percentile(0.99) or 0) > LAG_P99_MAX_MS

    def fared(self) -> dict[str, object]:
        """Return how this process of bots fared."""
        return {"bots_cpu_share": round(self.cpu_share, 3), "bots_lag_p99_ms": self.lag.percentile(0.99)}
