"""What many seeds have shown, for people and for machines."""

from dataclasses import dataclass, field
from typing import Any

from tests.simulation.faults import KINDS, Strikes
from tests.simulation.world import Result

VIOLATIONS_SHOWN = 5
PAIRS_SHOWN = 40


@dataclass
class Report:
    """The sum of all results."""

    store: str
    seeds: int = 0
    asked: int = 0
    settled: int = 0
    settled_min: int = 10**9
    faults_min: int = 10**9
    calls: int = 0
    virtual_s: float = 0.0
    seconds: float = 0.0
    strikes: Strikes = field(default_factory=Strikes)
    violations: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    traces: dict[int, str] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many seeds have found a violation."""
        return len(self.violations)

    def add(self, result: Result) -> None:
        """Take a seed in."""
        self.seeds += 1
        self.asked += result.asked
        self.settled += result.settled
        self.calls += result.calls
        self.virtual_s += result.virtual_s
        self.strikes.add(result.strikes)
        self.traces[result.seed] = result.trace
        if result.violations:
            self.violations[result.seed] = [(one.check, one.detail) for one in result.violations]
        else:
            self.settled_min = min(self.settled_min, result.settled)
            self.faults_min = min(self.faults_min, sum(result.strikes.kinds.values()))

    def replay(self, seed: int) -> str:
        """Return the one command that lives a seed again."""
        return f"python -m tests.simulation --seed {seed} --store {self.store}"

    def as_json(self) -> dict[str, Any]:
        """Return everything, with all pairs of I/O calls."""
        pairs = sorted(self.strikes.pairs.items(), key=lambda pair: (-pair[1], pair[0]))
        return {
            "store": self.store,
            "seeds": self.seeds,
            "failed": self.failed,
            "gifts_asked": self.asked,
            "gifts_settled": self.settled,
            "gifts_settled_min": self.settled_min,
            "faults_min": self.faults_min,
            "io_calls": self.calls,
            "virtual_s": round(self.virtual_s, 1),
            "seconds": round(self.seconds, 1),
            "strikes": {kind: self.strikes.kinds[kind] for kind in KINDS},
            "pairs": [{"kind": k, "before": b, "call": c, "strikes": n} for (k, b, c), n in pairs],
            "traces": dict(sorted(self.traces.items())),
            "violations": [
                {"seed": seed, "replay": self.replay(seed), "check": check, "detail": detail}
                for seed, found in sorted(self.violations.items())
                for check, detail in found
            ],
        }

    def as_text(self) -> str:
        """Return the report for people."""
        lines = [
            f"{self.seeds} seeds ({self.store}), {self.failed} failed, {self.seconds:.0f} s",
            f"{self.asked} gifts asked for, {self.settled} settled (at least {self.settled_min} a seed), "
            f"{self.calls} I/O calls, {self.virtual_s:.0f} s of the worlds' time",
            f"{sum(self.strikes.kinds.values())} strikes, at least {self.faults_min} a seed:",
        ]
        lines += [f"  {self.strikes.kinds[kind]:8}  {kind}: {what}" for kind, what in KINDS.items()]
        pairs = [pair for pair in self.strikes.pairs.items() if pair[0][0].startswith("crash")]
        pairs.sort(key=lambda pair: (-pair[1], pair[0]))
        lines.append(f"{len(pairs)} pairs of I/O calls with a crash between, or in the second; the commonest:")
        lines += [f"  {n:8}  {kind}: {before} -> {call}" for (kind, before, call), n in pairs[:PAIRS_SHOWN]]
        for seed, found in sorted(self.violations.items()):
            lines.append(f"seed {seed} failed; replay: {self.replay(seed)}")
            lines += [f"    {check}: {detail[:500]}" for check, detail in found[:VIOLATIONS_SHOWN]]
        return "\n".join(lines)
