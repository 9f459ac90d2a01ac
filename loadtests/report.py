"""What a run says at its end: one JSON object for programs, one table for people."""

import json
from collections.abc import Mapping
from typing import Any, TypedDict

from rich.console import Console
from rich.table import Table

from loadtests.timeline import OverTime

Latency = dict[str, float | None]


class Report(TypedDict):
    """Figures of one run; latencies are milliseconds from the planned time.

    ``figures``: those of the scenario alone; ``marks``: what was done to the server, and at which second of the load.
    ``shown``: gifts that somebody saw; ``seen``: sightings by others than the sender, of all viewers together.
    ``drift`` and ``audited`` (what the audit went through) are None without an audit. ``parameters`` were asked for.
    """

    scenario: str
    parameters: dict[str, object]
    sent: int
    accepted: int
    settled: int
    shown: int
    seen: int
    lost: int
    doubled: int
    out_of_order: int
    combos_open: int
    drift: int | None
    audited: dict[str, int] | None
    latency_ms: dict[str, Latency]
    bot_limited: bool
    planned: int
    refused: int
    late: int
    reconnects: int
    seed: int
    machine: dict[str, object]
    failures: list[str]
    over_time: OverTime
    figures: dict[str, float | None]
    marks: dict[str, float]


MUST_BE_ZERO = ("lost", "doubled", "out_of_order", "combos_open", "drift")


def is_clean(report: Mapping[str, Any]) -> bool:
    """Whether the run passes."""
    return not report.get("failures") and not any(report.get(name) for name in MUST_BE_ZERO)


def print_json(report: Mapping[str, Any]) -> None:
    """Print the report as one line on stdout."""
    print(json.dumps(report, ensure_ascii=False))


def print_table(report: Report) -> None:
    """Print the report for people."""
    console = Console()
    figures = Table(title=f"{report['scenario']}, seed {report['seed']}", show_header=False)
    for name in (
        "planned",
        "sent",
        "accepted",
        "settled",
        "shown",
        "seen",
        "refused",
        "late",
        "reconnects",
        *MUST_BE_ZERO,
    ):
        value = report[name]  # type: ignore[literal-required]
        style = "bold red" if name in MUST_BE_ZERO and value else ""
        figures.add_row(name.replace("_", " "), "not audited" if value is None else str(value), style=style)
    for name, figure in report["figures"].items():
        figures.add_row(name.replace("_", " "), "not measured" if figure is None else str(figure))
    console.print(figures)
    latency = Table(title="latency from the planned time, ms")
    for column in ("", "p50", "p99", "p99.9", "max"):
        latency.add_column(column, justify="right")
    for name, row in report["latency_ms"].items():
        latency.add_row(name.replace("_", " "), *("–" if value is None else f"{value:.1f}" for value in row.values()))
    console.print(latency)
    console.print("machine:", ", ".join(f"{key} {value}" for key, value in report["machine"].items()))
    if report["bot_limited"]:
        console.print("[yellow]The bots were the bottleneck: these latencies are theirs, not the server's.[/]")
    for failure in report["failures"]:
        console.print(f"[bold red]failed:[/] {failure}")
    console.print("[green]lost 0 · doubled 0[/]" if is_clean(report) else "[bold red]This run fails.[/]")


def print_figures(report: Mapping[str, object]) -> None:
    """Print a report without a verdict, a line a figure."""
    table = Table(title=str(report["scenario"]), show_header=False)
    for name, value in report.items():
        if name == "over_time":
            continue
        table.add_row(name.replace("_", " "), "not measured" if value is None else str(value))
    Console().print(table)
