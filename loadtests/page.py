"""A report as one HTML file that needs nothing else: no network, no script. Any scenario's report can be shown.

The verdict stands first and large, then what was asked for, the curves, the latencies, and every figure that is left.
"""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from loadtests.charts import latencies, number, of_kind, rates
from loadtests.report import MUST_BE_ZERO, is_clean
from loadtests.timeline import OverTime

STYLE = Path(__file__).with_name("page.css")
CURVES = {
    "Gifts a second": {"sent": "sent", "settled": "settled"},
    "Sightings a second, of all viewers together": {"seen": "seen"},
    "Viewers who came into their room a second": {"joined": "joined"},
}
CPU = "cpu_percent"
PROCESSES = {
    "rss_mb": "Memory of the server’s processes, MB above its lowest",
    CPU: "CPU of the server’s processes, percent of a core",
    "descriptors": "Open descriptors of the server’s processes, above their lowest",
}
ALWAYS_SAID = ("lost", "doubled", "out_of_order", "drift")
"""What else must be zero is only said when it isn't."""
UNITS = {"cpu": "CPU", "kb": "kB", "mb": "MB", "rss": "memory", "p99": "p99"}
APART = (
    *("scenario", "parameters", "over_time", "server_over_time", "marks", "latency_ms", "machine"),
    *("failures", "notes", "bot_limited", "version", "commit", "of_server", "started_at"),
)
"""What has a place of its own, or none, and doesn't stand among the figures."""


def write_page(report: Mapping[str, Any], path: Path) -> None:
    """Write the report. Raises ``OSError``."""
    path.write_text(page(report), encoding="utf-8")


def page(report: Mapping[str, Any]) -> str:
    """Return the whole document."""
    title = f"livegift load test: {report['scenario']}"
    curves = (rates(head, report["over_time"], names, report.get("marks", {})) for head, names in CURVES.items())
    parts = [
        _verdict(report),
        latencies(report["latency_ms"]),
        *curves,
        *_processes(report.get("server_over_time", {})),
        _counts("What was counted", dict(_figures(report))),
        _counts("The machine, and how the bots fared", report["machine"]),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>\n{STYLE.read_text()}</style></head><body><main>"
        f'<header><span class="brand">livegift</span><span class="tag">load test</span>'
        f'<span class="tag">{escape(report["scenario"])}</span></header>'
        f"{''.join(parts)}</main></body></html>\n"
    )


def _verdict(report: Mapping[str, Any]) -> str:
    zeros = '<span class="separator"> · </span><wbr>'.join(
        _zero(name, report[name]) for name in MUST_BE_ZERO if name in report and (name in ALWAYS_SAID or report[name])
    )
    troubles = "".join(f'<p class="problem">{escape(sentence)}</p>' for sentence in report.get("failures", ()))
    troubles += "".join(f'<p class="warning">{escape(sentence)}</p>' for sentence in report.get("notes", ()))
    if report["bot_limited"]:
        troubles += '<p class="warning">The bots were the bottleneck: these latencies are theirs, not the server’s.</p>'
    asked = "".join(f"<li>{_label(name)} <b>{_shown(value)}</b></li>" for name, value in report["parameters"].items())
    return (
        f'<section class="card verdict{"" if is_clean(report) else " is-bad"}"><h1>{zeros}</h1>{troubles}'
        f'<ul class="asked" aria-label="Parameters">{asked}</ul>{_origin(report)}</section>'
    )


def _origin(report: Mapping[str, Any]) -> str:
    if "commit" not in report:
        return ""
    whose = "" if report["of_server"] else " (of the bots)"
    when = escape(report["started_at"].replace("T", " ").replace("+00:00", " UTC"))
    return (
        f'<p class="origin">livegift {escape(report["version"])}{whose}, commit <b>{escape(report["commit"])}</b>,'
        f" begun {when}</p>"
    )


def _processes(curves: OverTime) -> Iterator[str]:
    for what, title in PROCESSES.items():
        found = of_kind(curves, what, is_from_lowest=what != CPU)
        yield rates(title, found, {name: name for name in found if name != "at_s"}, {})


def _zero(name: str, value: int | None) -> str:
    style, shown = ("unknown", "not audited") if value is None else ("is-bad" if value else "", number(value))
    return f'<span class="zero {style}">{name.replace("_", " ")} <b>{shown}</b></span>'


def _figures(report: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in report.items():
        if name in APART or name in MUST_BE_ZERO or name in report["parameters"]:
            continue
        if isinstance(value, Mapping):
            of_what = "" if name == "figures" else f"{name} "
            yield from ((f"{of_what}{inner}", figure) for inner, figure in value.items())
        else:
            yield name, value


def _counts(title: str, figures: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<div class="{"" if isinstance(value, int | float) else "is-text"}"><dt>{_label(name)}</dt>'
        f"<dd>{_shown(value)}</dd></div>"
        for name, value in figures.items()
        if value not in (None, {}, [])
    )
    return f'<section class="card"><h2>{escape(title)}</h2><dl class="counts">{rows}</dl></section>'


def _label(name: str) -> str:
    return " ".join(UNITS.get(word, word) for word in escape(name.replace("cpu_us", "CPU_µs")).split("_"))


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list):
        return " · ".join(_shown(one) for one in value)
    if isinstance(value, Mapping):
        return " · ".join(f"{escape(str(name))} {_shown(one)}" for name, one in value.items())
    return escape(str(value))
