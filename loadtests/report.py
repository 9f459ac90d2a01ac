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

    ``failures`` fail the run; ``notes`` are what a reader should know and fail nothing.
    ``figures``: those of the scenario alone; ``marks``: what was done to the server, and at which second of the load.
    ``shown``: gifts that somebody saw; ``seen``: sightings by others than the sender, of all viewers together.
    ``deliveries``: events that came to viewers while gifts were sent, one event to one viewer each; what the edges, and
    all processes of the server, spent on one of them in µs of CPU, and resident kB of the edges a connection, are None
    without the server's data directory. ``server_over_time`` is that of each process. ``version`` and ``commit`` are
    the server's (``of_server``), else those of the bots.
    ``drift`` and ``audited`` (what the audit went through) are None without an audit. ``parameters`` were asked for.
    """

    scenario: str
    parameters: dict[str, object]
    version: str
    commit: str
    of_server: bool
    started_at: str
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
    deliveries: int
    deliveries_per_s: float
    cpu_us_per_delivery: float | None
    cpu_us_per_delivery_total: float | None
    kb_per_connection: float | None
    machine: dict[str, object]
    failures: list[str]
    notes: list[str]
    over_time: OverTime
    server_over_time: OverTime
    figures: dict[str, float | None]
    marks: dict[str, float]


_ABSENT = {"drift": "not audited"}
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
        "deliveries",
        "deliveries_per_s",
        "cpu_us_per_delivery",
        "cpu_us_per_delivery_total",
        "kb_per_connection",
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
        figures.add_row(
            name.replace("_", " "), (_ABSENT.get(name, "not measured")) if value is None else str(value), style=style
        )
    for name, figure in report["figures"].items():
        figures.add_row(name.replace("_", " "), "not measured" if figure is None else str(figure))
    console.print(figures)
    latency = Table(title="latency from the planned time, ms")
    for column in ("", "p50", "p99", "p99.9", "max"):
        latency.add_column(column, justify="right")
    for name, row in report["latency_ms"].items():
        latency.add_row(name.replace("_", " "), *("–" if value is None else f"{value:.1f}" for value in row.values()))
    console.print(latency)
    whose = "" if report["of_server"] else " (the bots')"
    console.print(f"livegift {report['version']}, commit {report['commit']}{whose}, at {report['started_at']}")
    console.print("machine:", ", ".join(f"{key} {value}" for key, value in report["machine"].items()))
    if report["bot_limited"]:
        console.print("[yellow]The bots were the bottleneck: these latencies are theirs, not the server's.[/]")
    for note in report["notes"]:
        console.print(f"[yellow]note:[/] {note}")
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
