"""From a finished run to its report: what was measured while it gifted, and every figure by its name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtests.audit import Audited
from loadtests.following import Told
from loadtests.histogram import Histogram
from loadtests.provenance import Provenance, machine
from loadtests.report import Report
from loadtests.seen import Verdict
from loadtests.server import EDGE, edge_us, total_us
from loadtests.usage import Usage

if TYPE_CHECKING:
    from loadtests.steady import Steady

SENT_SHARE_MIN = 0.99
FAILURES_MAX = 20


@dataclass(slots=True)
class Measured:
    """What deliveries cost and how fast they came; None where the server's processes aren't known."""

    kb_per_connection: float | None = None
    cpu_us_per_delivery: float | None = None
    cpu_us_per_delivery_total: float | None = None
    deliveries: int = 0
    deliveries_per_s: float = 0.0
    told: list[Told] = field(default_factory=list)
    """Each process of followers at the moment the last gift was sent: later they only wait."""
    apart: dict[str, Histogram] = field(default_factory=dict)
    """How long until gifts were seen, by group of rooms."""

    def note_joined(self, before: Usage | None, after: Usage | None, *, connections: int) -> None:
        """Everybody is in their room."""
        if before is not None and after is not None:
            self.kb_per_connection = round((after.rss_kb[EDGE] - before.rss_kb[EDGE]) / connections, 2)

    def note_gifted(
        self, before: Usage | None, after: Usage | None, *, deliveries: int, took_s: float, told: Sequence[Told]
    ) -> None:
        """The last gift is sent, ``took_s`` after the first."""
        self.told = list(told)
        self.deliveries, self.deliveries_per_s = deliveries, round(deliveries / max(1e-3, took_s), 1)
        if before is not None and after is not None and deliveries:
            self.cpu_us_per_delivery = round(edge_us(before, after) / deliveries, 2)
            self.cpu_us_per_delivery_total = round(total_us(before, after) / deliveries, 2)


def outcome(run: "Steady", verdict: Verdict, audited: Audited | None, origin: Provenance, *, reconnects: int) -> Report:
    """Return the report of a run that has ended."""
    tally, measured = run.tally, run.measured
    sent = len(tally.gifts)
    if sent < SENT_SHARE_MIN * run.planned:
        run.failures.append(f"only {sent} of {run.planned} planned gifts were sent")
    if not tally.settled:
        run.failures.append("nothing settled")
    latency = {
        "accepted": tally.accepted_latency.summary(),
        "settled": tally.settled_latency.summary(),
        "seen": run.seen.latency.summary(),
    }
    names = ("rooms", "viewers", "senders", "rate", "seconds", "seed", "processes")
    return Report(
        scenario="steady",
        parameters={name: getattr(run, name) for name in names},
        **origin,
        sent=sent,
        accepted=tally.accepted,
        settled=tally.settled,
        shown=run.seen.shown,
        seen=run.seen.sightings + run.followers.sightings,
        lost=verdict.lost,
        doubled=verdict.doubled,
        out_of_order=verdict.out_of_order,
        combos_open=verdict.combos_open,
        drift=audited.drift if audited else None,
        audited={"rows": audited.rows, "wallets": audited.wallets} if audited else None,
        latency_ms=latency | {f"seen_{name}": histogram.summary() for name, histogram in measured.apart.items()},
        bot_limited=run.vitals.is_limited or any(one["is_limited"] for one in measured.told),
        planned=run.planned,
        refused=tally.refused,
        late=tally.late,
        reconnects=reconnects,
        seed=run.seed,
        deliveries=measured.deliveries,
        deliveries_per_s=measured.deliveries_per_s,
        cpu_us_per_delivery=measured.cpu_us_per_delivery,
        cpu_us_per_delivery_total=measured.cpu_us_per_delivery_total,
        kb_per_connection=measured.kb_per_connection,
        machine=_machine(run),
        failures=run.failures[:FAILURES_MAX],
        notes=[],
        over_time=run.timeline.rates(),
        server_over_time=run.server.curves(),
        figures={},
        marks={mark.name: round(mark.at_ms / 1_000, 2) for mark in run.marks},
    )


def _machine(run: "Steady") -> dict[str, object]:
    """Return what it ran on, and how each process of bots fared."""
    told = run.measured.told
    shares = [round(one["cpu_share"], 3) for one in told]
    lags = [one["lag_p99_ms"] for one in told]
    beside: dict[str, object] = {"followers_cpu_share": shares, "followers_lag_p99_ms": lags} if told else {}
    return machine() | run.vitals.fared() | beside | {"refusals": dict(run.tally.refusals)}
