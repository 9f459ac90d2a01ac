"""Runs without and with something, in turn: the figure is the median over pairs of one seed, whatever else goes on."""

from collections.abc import Iterator, Sequence
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


def in_turn(pairs: int) -> Iterator[tuple[int, bool]]:
    """Yield, for each run, its pair and whether it is the one with; the first of a pair is each of them in turn.

    So what the machine does meanwhile favours neither.
    """
    for pair in range(pairs):
        yield pair, pair % 2 == 1
        yield pair, pair % 2 == 0


def one_room(load: Load, seed: int, *, processes: int, is_audited: bool) -> Steady:
    """Return a run of that load in one room."""
    return Steady(
        url=load.url,
        rooms=1,
        viewers=load.viewers,
        senders=load.senders,
        rate=load.rate,
        seconds=load.seconds,
        seed=seed,
        processes=processes,
        data=load.data,
        is_audited=is_audited,
        progress=load.progress,
        began=load.began,
    )


def add_growth(report: Report, grew_mb: Sequence[float], *, stalled: int) -> None:
    """Hold what the edges' memory grew by against what it may for so many that stall."""
    bound_mb = round(GROWTH_MB + stalled * GROWTH_STALLED_KB / 1_024, 1)
    most_mb = round(max(grew_mb), 1) if grew_mb else None
    report["figures"] |= {"server_grew_mb": most_mb, "server_grew_mb_max": bound_mb}
    if most_mb is not None and most_mb > bound_mb:
        report["failures"].append(f"the edges' memory grew by {most_mb:.1f} MB, the bound is {bound_mb:.1f}")


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
