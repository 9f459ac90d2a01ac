"""What a run says at its end: a line a fault, and sums that must be zero."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.fault.faults import KILLS, OTHERS, Fault
from tests.fault.field import Field
from tests.fault.judge import CALM, Judge

RECOVERY_MS_MAX = 3_000
"""How long after a kill -9 the next gift may be seen by everybody."""
BOTS = ("sent", "accepted", "settled", "seen", "lost", "doubled", "drift", "out_of_order", "combos_open", "reconnects")


@dataclass
class Struck:
    """One fault that has been, and how it went; ``drift`` is None where no audit followed it."""

    fault: Fault
    kills: int
    recovery_ms: float
    stall_ms: float
    drift: int | None = None


def report(
    struck: Sequence[Struck], judge: Judge, field: Field, bots: dict[str, Any], bots_exit_code: int
) -> dict[str, Any]:
    """Put together what judge, bots and audits found."""
    figures = judge.figures()
    kinds = [fault for fault in (*KILLS, *OTHERS) if any(one.fault is fault for one in struck)]
    faults = [
        _line(fault.name, [one for one in struck if one.fault is fault], figures.get(fault.name, Counter()))
        for fault in kinds
    ]
    calm = figures.get(CALM, Counter())
    return {
        "faults": faults,
        "lost": sum(one["lost"] for one in faults) + calm["lost"] + bots["lost"],
        "doubled": sum(one["doubled"] for one in faults) + calm["doubled"] + judge.wallet_surplus + bots["doubled"],
        "drift": sum(one["drift"] for one in faults) + (bots["drift"] or 0),
        "kills": sum(one.kills for one in struck),
        "kills_over_3_s": sum(one.fault.is_kill and one.recovery_ms > RECOVERY_MS_MAX for one in struck),
        "sent_twice_at_once": sum(own["twice"] for own in figures.values()),
        "sent_twice_through_two_edges": sum(own["apart"] for own in figures.values()),
        "replies_lost": field.replies_lost,
        "unsynced_bytes_cut": field.bytes_cut,
        "failures": [*judge.failures, *bots["failures"]],
        "bots": {key: bots[key] for key in BOTS},
        "bots_exit_code": bots_exit_code,
    }


def is_clean(found: dict[str, Any]) -> bool:
    """Whether the run passes."""
    return not (found["lost"] or found["doubled"] or found["drift"] or found["failures"] or found["bots_exit_code"])


def _line(name: str, struck: list[Struck], figures: Counter[str]) -> dict[str, Any]:
    recoveries = sorted(one.recovery_ms for one in struck)
    return {
        "name": name,
        "times": len(struck),
        **{key: figures[key] for key in ("accepted", "settled", "lost", "doubled")},
        "drift": sum(one.drift or 0 for one in struck),
        "stall_ms_max": round(max(one.stall_ms for one in struck)),
        "recovery_ms_p50": round(recoveries[len(recoveries) // 2]),
        "recovery_ms_max": round(recoveries[-1]),
    }
