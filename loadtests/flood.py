"""The flood scenario: senders push all they can into one room, and what reaches a viewer stays within bounds.

It is a steady run in one room, judged as one: every total is exact. Viewers who don't gift are metered while it gifts:
events share frames, so frames a second must stay near the server's ticks however fast gifts come.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.people import Bot
from loadtests.report import Report
from loadtests.steady import Progress, Steady


@dataclass(slots=True, kw_only=True)
class Flood:
    """One run: ``senders`` push ``rate`` gifts a second together, ``viewers`` beside them watch.

    A viewer that gets more than ``frames_max`` frames or ``bytes_max`` bytes a second is a failure.
    """

    url: str
    viewers: int
    senders: int
    rate: float
    seconds: float
    frames_max: float
    bytes_max: float
    seed: int
    data: Path | None = None
    progress: Progress = lambda what, done, total: None
    meters: list["Meter"] = field(default_factory=list, init=False)

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        steady = Steady(
            url=self.url,
            rooms=1,
            viewers=self.viewers + self.senders,
            senders=self.senders,
            rate=self.rate,
            seconds=self.seconds,
            seed=self.seed,
            data=self.data,
            progress=self.progress,
        )
        steady.meanwhile = lambda: self._measure(steady)
        report = await steady.run()
        add_flood(report, self.meters, frames_max=self.frames_max, bytes_max=self.bytes_max)
        names = ("viewers", "senders", "rate", "seconds", "frames_max", "bytes_max", "seed")
        report["scenario"] = "flood"
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report

    async def _measure(self, steady: Steady) -> None:
        loop = asyncio.get_running_loop()
        self.meters = [Meter(bot, loop.time()) for bot in steady.bots[self.senders :]]
        await steady.gifted.wait()
        for meter in self.meters:
            meter.stop(loop.time())


class Meter:
    """What one viewer reads a second, from now on."""

    def __init__(self, bot: Bot, now_s: float) -> None:
        self.frames_per_s = self.bytes_per_s = 0.0
        self._bot, self._start_s = bot, now_s
        self._frames, self._bytes = bot.frames, bot.bytes

    def stop(self, now_s: float) -> None:
        """Take the figures."""
        took_s = max(1e-3, now_s - self._start_s)
        self.frames_per_s = (self._bot.frames - self._frames) / took_s
        self.bytes_per_s = (self._bot.bytes - self._bytes) / took_s


def add_flood(report: Report, meters: Sequence[Meter], *, frames_max: float, bytes_max: float) -> None:
    """Add to a steady run's report what the busiest viewer read a second, and hold it against the bounds."""
    frames = max((meter.frames_per_s for meter in meters), default=0.0)
    size = max((meter.bytes_per_s for meter in meters), default=0.0)
    report["figures"] = {"viewer_frames_per_s": round(frames, 1), "viewer_bytes_per_s": round(size)}
    if frames > frames_max:
        report["failures"].append(f"a viewer got {frames:.1f} frames a second, the bound is {frames_max:g}")
    if size > bytes_max:
        report["failures"].append(f"a viewer got {size:.0f} bytes a second, the bound is {bytes_max:g}")
