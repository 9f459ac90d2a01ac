"""The slow scenario: among honest viewers some read a tenth of what comes, and some read nothing, while gifts are sent.

Two things must hold. At the end, when they read again, everybody's totals are right: a viewer that fell behind is sent
a snapshot in place of what it missed. And the honest ones must not wait for the slow: runs without and with slow ones
take turns, in pairs of one seed, and the median of the pairs' ratios of p99 is the figure. Their kernels keep
little for slow ones, but a short run may still fit: ``slow_snapshots`` and ``stuck_snapshots`` say how many of them the
server really left behind.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from loadtests.report import Report
from loadtests.steady import Progress, Steady

READ_SHARE = 0.1
"""Share of an honest viewer's bytes that a slow one reads."""
STEP_S = 0.05
NARROW_BYTES, WIDE_BYTES = 16_384, 1 << 20
"""What the kernel keeps for a slow viewer, and for one that reads again: with little, loopback's large segments make it
wait for the kernel's timers."""
SUMS = (
    *("sent", "accepted", "settled", "shown", "seen", "planned", "refused", "late", "reconnects"),
    *("lost", "doubled", "out_of_order", "combos_open"),
)


@dataclass(slots=True, kw_only=True)
class Slow:
    """``pairs`` of runs in one room: ``viewers`` honest ones, of whom ``senders`` gift, without and with slow ones."""

    url: str
    viewers: int
    slow: int
    stuck: int
    senders: int
    rate: float
    seconds: float
    pairs: int
    seed: int
    data: Path | None = None
    progress: Progress = lambda what, done, total: None
    snapshots: dict[str, int] = field(default_factory=lambda: {"slow": 0, "stuck": 0}, init=False)

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
                for number, viewer in enumerate(steady.seen.rooms[steady.bots[0].room].viewers[self.viewers :]):
                    self.snapshots["slow" if number < self.slow else "stuck"] += viewer.snapshots > 0
        report = joined(without, beside)
        report["figures"] |= {f"{kind}_snapshots": count for kind, count in self.snapshots.items()}
        names = ("viewers", "slow", "stuck", "senders", "rate", "seconds", "pairs", "seed")
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report

    def _steady(self, seed: int, *, are_slow_there: bool, is_audited: bool) -> Steady:
        others = self.slow + self.stuck if are_slow_there else 0
        steady = Steady(
            url=self.url,
            rooms=1,
            viewers=self.viewers + others,
            senders=self.senders,
            rate=self.rate,
            seconds=self.seconds,
            seed=seed,
            data=self.data if is_audited else None,
            progress=self.progress,
        )
        steady.seen.untimed = set(range(self.viewers, self.viewers + others))
        if are_slow_there:
            steady.meanwhile = lambda: self._hold_back(steady)
        return steady

    async def _hold_back(self, steady: Steady) -> None:
        honest, others = steady.bots[0], steady.bots[self.viewers :]
        slow = others[: self.slow]
        ahead = {bot: bot.bytes - READ_SHARE * honest.bytes for bot in slow}
        for bot in others:
            bot.keep_in_kernel(NARROW_BYTES)
            bot.hold(True)
        try:
            while not steady.gifted.is_set():
                for bot in slow:
                    bot.hold(bot.bytes - READ_SHARE * honest.bytes > ahead[bot])
                await asyncio.sleep(STEP_S)
        finally:
            for bot in others:
                bot.keep_in_kernel(WIDE_BYTES)
                bot.hold(False)


def joined(without: Sequence[Report], beside: Sequence[Report]) -> Report:
    """Return the runs of all pairs as one report: sums of counts, medians of latencies, the last run's curves.

    ``p99_ratio`` is the median, over the pairs, of the honest viewers' p99 with slow ones by that without.
    """
    runs = [*without, *beside]
    p99s = [[run["latency_ms"]["seen"]["p99"] for run in pair] for pair in zip(without, beside, strict=True)]
    ratios = [two / one for one, two in p99s if one and two is not None]
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
        "figures": {"p99_ratio": round(median(ratios), 3) if ratios else None},
    }
    return {**beside[-1], **sums, **more}  # type: ignore[typeddict-item]


def _medians(summaries: Sequence[dict[str, float | None]]) -> dict[str, float | None]:
    known = {name: [value for one in summaries if (value := one[name]) is not None] for name in summaries[0]}
    return {name: round(median(values), 3) if values else None for name, values in known.items()}
