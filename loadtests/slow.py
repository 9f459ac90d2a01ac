"""The slow scenario: among honest viewers some read a tenth of what comes, and some read nothing, while gifts are sent.

Three things must hold. At the end, when they read again, everybody's totals are right: a viewer that fell behind is
sent a snapshot in place of what it missed. The honest ones must not wait for the slow: runs without and with slow ones
take turns, in pairs of one seed, and the median of the pairs' ratios of p99 is the figure. And what the server keeps
for who does not read is bounded. Who was not left behind has shown nothing of it, so ``slow_snapshots`` and
``stuck_snapshots`` say how many were.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtests.load import Load
from loadtests.pairs import RATIO_MAX, SLOWER_MS_MAX, add_growth, in_turn, joined, one_room
from loadtests.report import Report
from loadtests.steady import Steady


@dataclass(slots=True, kw_only=True)
class Slow(Load):
    """``pairs`` of runs in one room: ``viewers`` honest ones, of whom ``senders`` gift, without and with slow ones."""

    slow: int
    stuck: int
    pairs: int
    snapshots: dict[str, int] = field(default_factory=lambda: {"slow": 0, "stuck": 0}, init=False)
    grew_mb: list[float] = field(default_factory=list, init=False)

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        without: list[Report] = []
        beside: list[Report] = []
        for pair, are_slow_there in in_turn(self.pairs):
            steady = one_room(
                self, self.seed + pair, processes=max(1, self.processes), is_audited=pair == self.pairs - 1
            )
            if are_slow_there:
                self._add_slow_ones(steady)
            report = await steady.run()
            (beside if are_slow_there else without).append(report)
            if are_slow_there:
                self._note(steady)
        report = joined(without, beside)
        add_slow(report, self.snapshots, self.grew_mb, stalled=self.slow + self.stuck)
        names = ("viewers", "slow", "stuck", "senders", "rate", "seconds", "pairs", "seed", "processes")
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report

    def _add_slow_ones(self, steady: Steady) -> None:
        steady.others = {"slow": self.slow, "stuck": self.stuck}
        steady.meanwhile = lambda: self._hold_back(steady)

    async def _hold_back(self, steady: Steady) -> None:
        await steady.followers.say("hold")
        await steady.gifted.wait()
        await steady.followers.say("free")

    def _note(self, steady: Steady) -> None:
        for one in steady.followers.told:
            for kind in self.snapshots:
                self.snapshots[kind] += one["snapshots"].get(kind, 0)
        if (grew_mb := steady.server.grew_mb()) is not None:
            self.grew_mb.append(grew_mb)


def add_slow(report: Report, snapshots: dict[str, int], grew_mb: Sequence[float], *, stalled: int) -> None:
    """Add how many were left behind, and hold the server's memory and the honest viewers' p99 against their bounds."""
    report["figures"] |= {f"{kind}_snapshots": count for kind, count in snapshots.items()}
    add_growth(report, grew_mb, stalled=stalled)
    ratio, slower = report["figures"]["p99_ratio"], report["figures"]["p99_slower_ms"]
    if ratio is not None and slower is not None and ratio > RATIO_MAX and slower > SLOWER_MS_MAX:
        report["notes"].append(f"slow viewers make the others' p99 {ratio:.2f} times as long, by {slower:.1f} ms")
