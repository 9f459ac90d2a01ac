"""The storm scenario: all viewers lose their sockets at once and come back, while honest senders go on gifting.

It is a steady run into which a storm breaks, and is judged as one. Viewers come back as anybody's would: with the SDK's
jitter, and with ``since``, so that the server may send them what they missed instead of a snapshot. Senders keep their
connections, so what the storm costs others can be read from how long their gifts took meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.histogram import Histogram
from loadtests.people import Bot
from loadtests.report import Report
from loadtests.steady import Progress, Steady
from loadtests.tally import Gift

STRIKES_AT = 0.4
"""Share of the run that has passed when the storm breaks: calm before, and time to come back."""
MARK = "storm"


@dataclass(slots=True, kw_only=True)
class Storm:
    """One run: ``viewers`` who all fall at once, and ``senders`` beside them who don't."""

    url: str
    rooms: int
    viewers: int
    senders: int
    rate: float
    seconds: float
    seed: int
    data: Path | None = None
    progress: Progress = lambda what, done, total: None
    struck_ms: float = field(default=0.0, init=False)

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        steady = Steady(
            url=self.url,
            rooms=self.rooms,
            viewers=self.viewers + self.senders,
            senders=self.senders,
            rate=self.rate,
            seconds=self.seconds,
            seed=self.seed,
            data=self.data,
            progress=self.progress,
        )
        steady.meanwhile = lambda: self._strike(steady)
        report = await steady.run()
        add_storm(report, steady.bots[self.senders :], steady.tally.gifts, struck_ms=self.struck_ms)
        report["scenario"] = "storm"
        report["parameters"] |= {"viewers": self.viewers}
        return report

    async def _strike(self, steady: Steady) -> None:
        await asyncio.sleep(self.seconds * STRIKES_AT)
        steady.mark(MARK)
        self.struck_ms = asyncio.get_running_loop().time() * 1_000
        for bot in steady.bots[self.senders :]:
            bot.drop()


def add_storm(report: Report, fallen: Sequence[Bot], gifts: Sequence[Gift], *, struck_ms: float) -> None:
    """Add to a steady run's report how those who fell came back, and how honest senders fared until all were.

    ``all_back_ms`` is None if somebody never came, which is a failure.
    """
    returns = [bot.first_join_after(struck_ms) for bot in fallen]
    back, recovered = Histogram(), 0
    for join in returns:
        if join is not None:
            back.record(join.at_ms - struck_ms)
            recovered += join.is_recovered
    away = returns.count(None)
    calm_ms = max((join.at_ms for join in returns if join is not None), default=struck_ms) if not away else float("inf")
    in_storm, in_calm = Histogram(), Histogram()
    for gift in gifts:
        if gift.accepted_ms is not None:
            is_in_storm = struck_ms <= gift.planned_ms <= calm_ms
            (in_storm if is_in_storm else in_calm).record(gift.accepted_ms - gift.planned_ms)
    report["figures"] = {
        "fallen": len(fallen),
        "back": back.count,
        "recovered": recovered,
        "snapshots": back.count - recovered,
        "all_back_ms": None if away else round(calm_ms - struck_ms, 1),
        "gifts_in_storm": in_storm.count,
    }
    report["latency_ms"] |= {
        "back_after_storm": back.summary(),
        "accepted_in_storm": in_storm.summary(),
        "accepted_in_calm": in_calm.summary(),
    }
    if away:
        report["failures"].append(f"{away} of {len(fallen)} viewers never came back from the storm")
