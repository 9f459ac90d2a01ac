"""The slow scenario: among honest viewers some read a tenth of what comes, and some read nothing, while gifts are sent.

Three things must hold. At the end, when they read again, everybody's totals are right: a viewer that fell behind is
sent a snapshot in place of what it missed. The honest ones must not wait for the slow: runs without and with slow ones
take turns, in pairs of one seed, and the median of the pairs' ratios of p99 is the figure. And what the server keeps
for who does not read is bounded. Who was not left behind has shown nothing of it, so ``slow_snapshots`` and
``stuck_snapshots`` say how many were.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from loadtests.load import Load
from loadtests.report import Report
from loadtests.steady import Steady

SUMS = (
    *("sent", "accepted", "settled", "shown", "seen", "planned", "refused", "late", "reconnects", "deliveries"),
    *("lost", "doubled", "out_of_order", "combos_open"),
)
GROWTH_MB, GROWTH_STALLED_KB = 64.0, 64.0
"""What the server's memory may grow by: so much, and so much for each viewer that stalls."""
RATIO_MAX, SLOWER_MS_MAX = 1.25, 5.0
"""The honest viewers' p99 may be worse by a quarter, or by 5 ms, whichever is more."""


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
        for pair in range(self.pairs):
            is_last = pair == self.pairs - 1
            # Who goes first alternates: what the machine does meanwhile shall favour neither.
            for are_slow_there in (pair % 2 == 1, pair % 2 == 0):
                steady = self._steady(self.seed + pair, are_slow_there=are_slow_there, is_audited=is_last)
                report = await steady.run()
                (beside if are_slow_there else without).append(report)
                if are_slow_there:
                    self._note(steady)
        report = joined(without, beside)
        add_slow(report, self.snapshots, self.grew_mb, stalled=self.slow + self.stuck)
        names = ("viewers", "slow", "stuck", "senders", "rate", "seconds", "pairs", "seed", "processes")
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report

    def _steady(self, seed: int, *, are_slow_there: bool, is_audited: bool) -> Steady:
        steady = Steady(
            url=self.url,
            rooms=1,
            viewers=self.viewers,
            senders=self.senders,
            rate=self.rate,
            seconds=self.seconds,
            seed=seed,
            processes=max(1, self.processes),
            data=self.data,
            is_audited=is_audited,
            progress=self.progress,
            began=self.began,
        )
        if are_slow_there:
            steady.others = {"slow": self.slow, "stuck": self.stuck}
            steady.meanwhile = lambda: self._hold_back(steady)
        return steady

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
    bound_mb = round(GROWTH_MB + stalled * GROWTH_STALLED_KB / 1_024, 1)
    most_mb = max(grew_mb, default=None)
    report["figures"] |= {f"{kind}_snapshots": count for kind, count in snapshots.items()}
    report["figures"] |= {"server_grew_mb": most_mb, "server_grew_mb_max": bound_mb}
    if most_mb is not None and most_mb > bound_mb:
        report["failures"].append(f"the edges' memory grew by {most_mb:.1f} MB, the bound is {bound_mb:.1f}")
    ratio, slower = report["figures"]["p99_ratio"], report["figures"]["p99_slower_ms"]
    if ratio is not None and slower is not None and ratio > RATIO_MAX and slower > SLOWER_MS_MAX:
        report["notes"].append(f"slow viewers make the others' p99 {ratio:.2f} times as long, by {slower:.1f} ms")


def joined(without: Sequence[Report], beside: Sequence[Report]) -> Report:
    """Return the runs of all pairs as one report: sums of counts, medians of latencies, the last run's curves.

    ``p99_ratio`` is the median, over the pairs, of the honest viewers' p99 with slow ones by that without, and
    ``p99_slower_ms`` that of the differences.
    """
    runs = [*without, *beside]
    p99s = [[run["latency_ms"]["seen"]["p99"] for run in pair] for pair in zip(without, beside, strict=True)]
    ratios = [two / one for one, two in p99s if one and two is not None]
    slower = [two - one for one, two in p99s if one is not None and two is not None]
    drifts = [run["drift"] for run in runs if run["drift"] is not None]
    latency = {
        f"{name}_{kind}": _medians([run["latency_ms"][name] for run in those])
        for name in ("accepted", "seen")
        for kind, those in (("without_slow", without), ("with_slow", beside))
    }
    sums = {name: sum(run[name] for run in runs) for name in SUMS}  # type: ignore[literal-required]
    more = {
        "scenario": "slow",
        "drift": max(drifts, key=abs) if drifts else None,
        "bot_limited": any(run["bot_limited"] for run in runs),
        "latency_ms": latency,
        "failures": [failure for run in runs for failure in run["failures"]],
        "figures": {
            "p99_ratio": round(median(ratios), 3) if ratios else None,
            "p99_slower_ms": round(median(slower), 3) if slower else None,
        },
    }
    return {**beside[-1], **sums, **more}  # type: ignore[typeddict-item]


def _medians(summaries: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    known = {name: [value for one in summaries if (value := one[name]) is not None] for name in summaries[0]}
    return {name: round(median(values), 3) if values else None for name, values in known.items()}
