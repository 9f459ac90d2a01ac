"""The soak scenario: a long run whose rate goes up and down, and a judgement on what grows.

A leak is a slope. Every process of the server is looked at while the run lasts; over the last two thirds of it, when
everything has warmed up, the median of the slopes between any two looks (Theil–Sen, which a burst can't tilt) says what
memory and descriptors do. Growth counts as a leak if it goes on at that pace and has come to more than noise: so a
short run is never failed for warming up, and a long one is for as little as a few kB a second.

Valkey is shown and not judged: it remembers ids of gifts for 15 minutes, so it must grow for as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadtests.load import Load
from loadtests.report import Report
from loadtests.steady import Steady
from loadtests.timeline import OverTime

WARM_SHARE = 1 / 3
SWING = 0.5
POINTS_MAX = 120
JUDGED = ("edge", "flusher", "supervisor")
RSS_MB_MIN = 16.0
"""Growth over the judged part of the run below which a slope in memory is taken for warming up."""
DESCRIPTORS_MIN = 20.0


@dataclass(slots=True, kw_only=True)
class Soak(Load):
    """One run in ``rooms``. A process that grows by more than ``growth_mb_per_hour`` fails it."""

    rooms: int
    growth_mb_per_hour: float

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        steady = Steady(
            url=self.url,
            rooms=self.rooms,
            viewers=self.viewers,
            senders=self.senders,
            rate=self.rate,
            seconds=self.seconds,
            seed=self.seed,
            processes=self.processes,
            swing=SWING,
            data=self.data,
            progress=self.progress,
            began=self.began,
        )
        report = await steady.run()
        add_soak(report, growth_mb_per_hour=self.growth_mb_per_hour)
        names = ("rooms", "viewers", "senders", "rate", "seconds", "growth_mb_per_hour", "seed", "processes")
        report["scenario"] = "soak"
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report


def add_soak(report: Report, *, growth_mb_per_hour: float) -> None:
    """Add to a steady run's report how every process' memory and descriptors go, and fail it for what leaks."""
    curves = report["server_over_time"]
    report["figures"] = {}
    for name in curves:
        process, _, what = name.rpartition(" ")
        if what not in ("rss_mb", "descriptors"):
            continue
        per_hour, came_to = growth(curves, name)
        report["figures"][f"{process}_{what}_per_hour".replace(" ", "_")] = round(per_hour, 1)
        if process.split()[0] not in JUDGED:
            continue
        if what == "rss_mb" and per_hour > growth_mb_per_hour and came_to > RSS_MB_MIN:
            report["failures"].append(f"{process}: memory grows by {per_hour:.1f} MB an hour")
        if what == "descriptors" and came_to > DESCRIPTORS_MIN:
            report["failures"].append(f"{process}: open descriptors grow by {per_hour:.0f} an hour")


def growth(curves: OverTime, name: str) -> tuple[float, float]:
    """Return the slope of a curve's warm part an hour, and what it comes to over that part."""
    times, values = curves["at_s"], curves[name]
    first = next((at for at, time_s in enumerate(times) if time_s >= times[-1] * WARM_SHARE), 0)
    step = max(1, (len(times) - first) // POINTS_MAX)
    slope = median_slope(times[first::step], values[first::step])
    return slope * 3_600, slope * (times[-1] - times[first]) if times else 0.0


def median_slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Return the median slope between any two points; 0 for fewer than two."""
    slopes = [
        (values[later] - values[at]) / (times[later] - times[at])
        for at in range(len(times))
        for later in range(at + 1, len(times))
    ]
    return median(slopes) if slopes else 0.0
