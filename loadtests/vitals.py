"""Were the bots themselves the bottleneck? Lag of their own loop, and share of a core that they used."""

import asyncio
import os
import platform
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
        self.cpu_share = 0.0

    async def watch(self, until: asyncio.Event) -> None:
        """Sample the loop's lag; ends soon after ``until`` is set."""
        loop = asyncio.get_running_loop()
        self._cpu_s, self._wall_s = time.process_time(), time.monotonic()
        while not until.is_set():
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self.lag.record((loop.time() - due) * 1_000)
        self.cpu_share = (time.process_time() - self._cpu_s) / max(time.monotonic() - self._wall_s, 1e-3)

    @property
    def is_limited(self) -> bool:
        """Whether figures of this run say more about the bots than about the server."""
        return self.cpu_share > CPU_SHARE_MAX or (self.lag.percentile(0.99) or 0) > LAG_P99_MAX_MS

    def machine(self) -> dict[str, object]:
        """Return what the run ran on, and how the bots fared."""
        return {
            "cores": os.cpu_count(),
            "arch": platform.machine(),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
            "bots_cpu_share": round(self.cpu_share, 3),
            "bots_lag_p99_ms": self.lag.percentile(0.99),
        }
