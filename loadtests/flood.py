"""The flood scenario: senders push all they can into one room, and what reaches a viewer stays within bounds.

It is a steady run in one room, judged as one: every total is exact. Senders gift as a platform's server would, without
watching, all but one; the viewers are followers in processes of their own, and the busiest of them is metered while it
gifts: events share frames, so frames a second must stay near the server's ticks however fast gifts come.
"""

from dataclasses import dataclass

from loadtests.following import Told
from loadtests.load import Load
from loadtests.report import Report
from loadtests.steady import Steady


@dataclass(slots=True, kw_only=True)
class Flood(Load):
    """One run: ``senders`` push ``rate`` gifts a second together, ``viewers`` beside them watch.

    A viewer that gets more than ``frames_max`` frames or ``bytes_max`` bytes a second is a failure.
    """

    frames_max: float
    bytes_max: float

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        steady = Steady(
            url=self.url,
            rooms=1,
            viewers=self.viewers + self.senders,
            senders=self.senders,
            senders_watch=False,
            rate=self.rate,
            seconds=self.seconds,
            seed=self.seed,
            processes=max(1, self.processes),
            data=self.data,
            progress=self.progress,
            began=self.began,
        )
        report = await steady.run()
        add_flood(report, steady.measured.told, frames_max=self.frames_max, bytes_max=self.bytes_max)
        names = ("viewers", "senders", "rate", "seconds", "frames_max", "bytes_max", "seed", "processes")
        report["scenario"] = "flood"
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report


def add_flood(report: Report, told: list[Told], *, frames_max: float, bytes_max: float) -> None:
    """Add to a steady run's report what the busiest viewer read a second, and hold it against the bounds."""
    frames = max((one["frames_per_s"] for one in told), default=0.0)
    size = max((one["bytes_per_s"] for one in told), default=0.0)
    report["figures"] = {
        "viewer_frames_per_s": round(frames, 1),
        "viewer_bytes_per_s": round(size),
        "viewers_given_snapshots": sum(sum(one["snapshots"].values()) for one in told),
    }
    if frames > frames_max:
        report["failures"].append(f"a viewer got {frames:.1f} frames a second, the bound is {frames_max:g}")
    if size > bytes_max:
        report["failures"].append(f"a viewer got {size:.0f} bytes a second, the bound is {bytes_max:g}")
