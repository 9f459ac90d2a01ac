"""Two reports of one scenario, figure by figure: what changed, and what of it is worse. Pure but for reading the files.

A figure that has a better side is listed in ``LOWER_IS_BETTER`` or ``HIGHER_IS_BETTER`` by its last names; of others
(the machine's, the seed) only the ratio is shown. Reports that were not asked for the same are not compared.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ASKED = ("parameters", "over_time", "server_over_time", "marks")
"""What was asked for, and curves: no figures."""
LOWER_IS_BETTER = (
    *("latency_ms", "lost", "doubled", "out_of_order", "combos_open", "drift", "refused", "late", "reconnects"),
    *("cpu_us_per_delivery", "cpu_us_per_delivery_of_fanout", "cpu_us_per_delivery_total", "cpu_us_per_gift"),
    *("cpu_us_per_delivery_in_hub", "cpu_us_per_event_before_hub"),
    *("kb_per_connection", "bytes_per_event", "viewers_closed"),
    *("snapshots", "all_back_ms", "p99_ratio", "p99_slower_ms", "server_grew_mb"),
    *("viewer_frames_per_s", "viewer_bytes_per_s"),
)
HIGHER_IS_BETTER = (
    *("sent", "accepted", "settled", "shown", "seen", "deliveries", "deliveries_per_s", "events_per_read"),
    *("back", "recovered"),
)


MADE_ON = ("cores", "arch", "system", "python")
"""What of the machine must be the same for its figures to be."""
PER_HOUR = "_per_hour"
"""How names of figures end that a soak finds growing."""


class CannotCompare(Exception):
    """These two say nothing about one another; the message says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Line:
    """A figure that both reports hold. ``ratio`` is the later by the earlier, None where the earlier is 0."""

    name: str
    earlier: float
    later: float
    is_worse: bool

    @property
    def ratio(self) -> float | None:
        """How many times the earlier one it is."""
        return self.later / self.earlier if self.earlier else None


def read_report(path: Path) -> dict[str, Any]:
    """Read what ``--json`` printed. Raises ``CannotCompare``."""
    try:
        report = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CannotCompare(f"{path} can't be read: {error}") from error
    if not isinstance(report, dict) or not {"scenario", "parameters"} <= report.keys():
        raise CannotCompare(f"{path} is no report: it names no scenario and parameters")
    return report


def compare(earlier: Mapping[str, Any], later: Mapping[str, Any], *, worse_percent: float) -> list[Line]:
    """Return every figure that both hold. Raises ``CannotCompare`` if they were not asked for the same."""
    if earlier["scenario"] != later["scenario"]:
        raise CannotCompare(f"the scenarios differ: {earlier['scenario']} and {later['scenario']}")
    ours, theirs = earlier["parameters"], later["parameters"]
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    if names:
        found = (f"{name} {ours.get(name)} and {theirs.get(name)}" for name in names)
        raise CannotCompare(f"the parameters differ: {', '.join(found)}")
    after = dict(_figures(later))
    return [
        Line(name, value, after[name], is_worse(name, value, after[name], percent=worse_percent))
        for name, value in _figures(earlier)
        if name in after
    ]


def warnings(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> list[str]:
    """Return, in sentences, why a difference may be due to something else than what one wants to know."""
    ours, theirs = earlier.get("machine", {}), later.get("machine", {})
    found = [(name, ours.get(name), theirs.get(name)) for name in MADE_ON]
    told = [(f"the machine's {name}", one, other) for name, one, other in found if one != other]
    told += [(name, earlier.get(name), later.get(name)) for name in ("version", "commit") if name in earlier]
    differing = [f"{name} differs: {one} and {other}" for name, one, other in told if one != other]
    limited = [which for which, report in (("earlier", earlier), ("later", later)) if report.get("bot_limited")]
    return differing + [f"the bots were the bottleneck of the {which} run" for which in limited]


def is_worse(name: str, earlier: float, later: float, *, percent: float) -> bool:
    """Whether the later figure is on the wrong side of the earlier one by more than so many percent of it."""
    words = name.split(".")
    is_low = _is_any(words, LOWER_IS_BETTER) or name.endswith(PER_HOUR)
    side = 1 if is_low else -1 if _is_any(words, HIGHER_IS_BETTER) else 0
    return side * (abs(later) - abs(earlier)) > abs(earlier) * percent / 100  # a drift of -5 is as bad as one of 5


def print_lines(lines: list[Line], *, worse_percent: float) -> None:
    """Print the table, and a sentence about it."""
    console = Console()
    table = Table("figure", *("earlier", "later", "ratio", ""))
    for column in table.columns[1:4]:
        column.justify = "right"
    for line in lines:
        ratio = "–" if line.ratio is None else f"{line.ratio:.2f} ×"
        mark, style = ("worse", "bold red") if line.is_worse else ("", "")
        table.add_row(line.name.replace("_", " "), _short(line.earlier), _short(line.later), ratio, mark, style=style)
    console.print(table)
    worse = sum(line.is_worse for line in lines)
    console.print(f"{worse} of {len(lines)} figures are worse by more than {worse_percent:g} %.", highlight=False)


def _figures(report: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in report.items():
        if not prefix and name in ASKED:
            continue
        if isinstance(value, Mapping):
            yield from _figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + name, value


def _is_any(words: list[str], names: tuple[str, ...]) -> bool:
    return words[0] in names or words[-1] in names


def _short(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
