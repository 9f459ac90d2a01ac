"""The zipf scenario: a thousand rooms, of which a few have most viewers and most gifts, as on any platform.

Viewers and gifts choose their rooms by Zipf's law: the n-th most popular has a share of 1 / n. What matters is whether
the hot rooms make the cold ones wait, so latencies are reported apart: the first hundredth of the rooms is *hot*, the
rear half is *cold*. Every room has one viewer at least, who follows it by the SDK and judges it.
"""

from dataclasses import dataclass

from loadtests.histogram import Histogram
from loadtests.load import Load
from loadtests.report import Report
from loadtests.schedule import zipf
from loadtests.steady import Steady
from loadtests.tally import Gift


@dataclass(slots=True, kw_only=True)
class Zipf(Load):
    """One run in so many ``rooms``. ``exponent``: how much faster than 1 / n popularity falls."""

    rooms: int
    exponent: float = 1.0

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        apart = groups(self.rooms)
        steady = Steady(
            url=self.url,
            rooms=self.rooms,
            viewers=self.viewers,
            senders=self.senders,
            rate=self.rate,
            seconds=self.seconds,
            seed=self.seed,
            processes=max(1, self.processes),
            popularity=zipf(self.rooms, exponent=self.exponent),
            apart=apart,
            data=self.data,
            progress=self.progress,
            began=self.began,
        )
        report = await steady.run()
        add_zipf(report, steady.tally.gifts, steady.room_ids, apart)
        names = ("rooms", "exponent", "viewers", "senders", "rate", "seconds", "seed", "processes")
        report["scenario"] = "zipf"
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report


def groups(rooms: int) -> dict[str, range]:
    """Return which rooms, by number, are hot and which are cold."""
    hot = max(1, rooms // 100)
    return {"hot": range(hot), "cold": range(max(hot, rooms // 2), rooms)}


def add_zipf(report: Report, gifts: list[Gift], room_ids: list[str], apart: dict[str, range]) -> None:
    """Add to a steady run's report how gifts fared in hot and in cold rooms."""
    for name, numbers in apart.items():
        ids = {room_ids[number] for number in numbers}
        own = [gift for gift in gifts if gift.room in ids]
        accepted = Histogram()
        for gift in own:
            if gift.accepted_ms is not None:
                accepted.record(gift.accepted_ms - gift.planned_ms)
        report["latency_ms"][f"accepted_{name}"] = accepted.summary()
        report["figures"] |= {f"{name}_rooms": len(ids), f"gifts_to_{name}_rooms": len(own)}
