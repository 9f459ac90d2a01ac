"""What all commands do with a scenario: run it, show it, judge it, print it, and say why it can't run."""

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import stamina
import uvloop
from livegift_client import HttpFailed, LivegiftError

from loadtests.flood import Flood
from loadtests.hostile import Hostile
from loadtests.live import Live
from loadtests.page import write_page
from loadtests.report import Report, is_clean, print_json, print_table
from loadtests.slow import Slow
from loadtests.soak import Soak
from loadtests.steady import Steady
from loadtests.steered import Steering, say_report
from loadtests.storm import Storm
from loadtests.zipf import Zipf

Scenario = Steady | Storm | Slow | Hostile | Flood | Zipf | Soak
T = TypeVar("T")


def judge(run: Scenario, *, as_json: bool, html: Path | None, live: bool = False) -> int:
    """Run a scenario, print its report, and return the exit code."""
    shown = Live(is_asked=live)
    run.progress = shown.at_work
    if not isinstance(run, Storm):
        run.began = shown.began
    try:
        report = run_program(shown.beside(run.run()))
    except* LivegiftError as group:
        return_code = cannot_run(first(group))
    else:
        (print_json if as_json else print_table)(report)
        return_code = end(report, html)
    return return_code


def judge_steered(run: Steady, *, html: Path | None) -> int:
    """Run as another program says, which reads what it prints; return the exit code."""
    steering = Steering()
    run.progress = steering.at_work
    try:
        report: Report | None = run_program(steering.run(run))
    except* LivegiftError as group:
        return_code = cannot_run(first(group))
    else:
        if report is not None:
            say_report(report)
        return_code = 1 if report is None else end(report, html)
    return return_code


def run_program(program: Coroutine[Any, Any, T]) -> T:
    """Run to the end."""
    stamina.instrumentation.set_on_retry_hooks([])  # a server that restarts is what we came for, no news
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(program)


def why_not(data: Path | None, html: Path | None) -> str | None:
    """Return why these paths won't do."""
    if data is not None and not data.is_dir():
        return f"{data} is no directory; --data names that of the running server"
    if html is not None and not html.absolute().parent.is_dir():
        return f"{html.parent} is no directory; --html names a file to be written"
    return None


def end(report: Mapping[str, Any], html: Path | None) -> int:
    """Write the page if one is wanted, and return the exit code."""
    if html is not None:
        write_page(report, html)
    return 0 if is_clean(report) else 1


def first(error: BaseException) -> str:
    """Return the first reason in a group, in a sentence."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    hint = " (does the server run as a demo?)" if isinstance(error, HttpFailed) else ""
    return f"{error}{hint}"


def cannot_run(why: str) -> int:
    """Say why, and return the exit code for that."""
    print(f"loadtests: {why}", file=sys.stderr)
    return 2
