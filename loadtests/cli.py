"""The command line of the load tests. Exit codes: 0 clean, 1 something was lost, doubled or wrong, 2 it can't run."""

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import stamina
import uvloop
from cyclopts import App, Parameter
from livegift_client import HttpFailed, LivegiftError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from loadtests.compare import CannotCompare, compare, print_lines, read_report
from loadtests.demo import run_demo_bots
from loadtests.fanout import Fanout
from loadtests.flood import Flood
from loadtests.page import write_page
from loadtests.report import Report, is_clean, print_figures, print_json, print_table
from loadtests.slow import Slow
from loadtests.steady import Steady
from loadtests.steered import Steering, say_report
from loadtests.stopping import stop_with_parent
from loadtests.storm import Storm, Strike

app = App(
    name="loadtests",
    help="Bots that load a livegift server and judge what they see. The server must run as a demo.",
    help_epilogue="Exit codes: 0 clean, 1 something was lost, doubled or wrong, 2 can't run.",
    version_flags=(),
    result_action="return_value",
)
T = TypeVar("T")
Url = Annotated[str, Parameter(help="The server's base URL, like http://127.0.0.1:8000.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
Data = Annotated[Path | None, Parameter(help="The server's data directory, for the audit at the end.")]
Seconds = Annotated[float, Parameter(name=["--seconds", "--duration"], help="Length of the load.")]
Seed = Annotated[int, Parameter(help="Gives the whole schedule.")]
Html = Annotated[Path | None, Parameter(help="Write the report with its charts to this file.")]


@app.command
def steady(
    *,
    url: Url,
    data: Data = None,
    rooms: Annotated[int, Parameter(help="Rooms, made for this run.")] = 4,
    viewers: Annotated[int, Parameter(help="People in all rooms together.")] = 300,
    senders: Annotated[int, Parameter(help="Of the viewers, how many gift.")] = 50,
    rate: Annotated[float, Parameter(help="Gifts a second in all rooms together.")] = 200.0,
    seconds: Seconds = 20.0,
    seed: Seed = 1,
    as_json: Json = False,
    html: Html = None,
    progress: Annotated[
        bool,
        Parameter(negative="", help="Print JSON lines while it runs; heed `mark NAME` and `finish` on stdin."),
    ] = False,
) -> int:
    """Send gifts at a constant rate into rooms full of viewers; check every gift at every viewer, then the books."""
    if rooms < 1 or senders < 1 or viewers < max(senders, rooms) or rate <= 0 or seconds <= 0:
        return _cannot_run(
            "rooms and senders must be at least 1, viewers no fewer than either, rate and seconds above 0"
        )
    if why := _why_not(data, html):
        return _cannot_run(why)
    run = Steady(
        url=url, rooms=rooms, viewers=viewers, senders=senders, rate=rate, seconds=seconds, seed=seed, data=data
    )
    if not progress:
        return _judge(run, as_json=as_json, html=html)
    try:
        report = _steered(run)
    except* LivegiftError as group:
        return_code = _cannot_run(_first(group))
    else:
        return_code = 1 if report is None else _end(report, html)
    return return_code


@app.command
def storm(
    *,
    url: Url,
    data: Data = None,
    rooms: Annotated[int, Parameter(help="Rooms, made for this run.")] = 1,
    viewers: Annotated[int, Parameter(help="Viewers who all lose their connection at once.")] = 300,
    senders: Annotated[int, Parameter(help="Senders beside them.")] = 20,
    rate: Annotated[float, Parameter(help="Gifts a second in all rooms together.")] = 50.0,
    seconds: Annotated[float, Parameter(name=["--seconds", "--duration"], help="Calm before and after.")] = 10.0,
    strike: Annotated[
        Strike, Parameter(help="drop: the viewers' network; kill: the edges, with SIGKILL; drain: restart the edges.")
    ] = "drop",
    processes: Annotated[int, Parameter(help="Processes that the viewers live in.")] = 2,
    seed: Seed = 1,
    as_json: Json = False,
    html: Html = None,
) -> int:
    """Let all viewers lose their connections; say how and when they came back, and what it cost those who gifted."""
    if min(viewers, senders, rooms, processes) < 1 or viewers < rooms or rate <= 0 or seconds <= 0:
        return _cannot_run("viewers, senders, rooms and processes must be at least 1, rate and seconds above 0")
    if strike != "drop" and data is None:
        return _cannot_run(f"--strike {strike} needs --data, which says which server's edges")
    if why := _why_not(data, html):
        return _cannot_run(why)
    run = Storm(
        url=url,
        rooms=rooms,
        viewers=viewers,
        senders=senders,
        rate=rate,
        seconds=seconds,
        seed=seed,
        strike=strike,
        processes=processes,
        data=data,
    )
    return _judge(run, as_json=as_json, html=html)


@app.command
def slow(
    *,
    url: Url,
    data: Data = None,
    viewers: Annotated[int, Parameter(help="Honest viewers, in one room.")] = 100,
    slow: Annotated[int, Parameter(help="Viewers beside them who read a tenth of what comes.")] = 10,
    stuck: Annotated[int, Parameter(help="Viewers beside them who read nothing until the end.")] = 10,
    senders: Annotated[int, Parameter(help="Of the honest viewers, how many gift.")] = 40,
    rate: Annotated[float, Parameter(help="Gifts a second.")] = 200.0,
    seconds: Annotated[float, Parameter(help="Length of each run; kernels hold megabytes before anybody lags.")] = 60.0,
    pairs: Annotated[int, Parameter(help="Pairs of runs, without and with the slow ones.")] = 3,
    seed: Seed = 1,
    as_json: Json = False,
    html: Html = None,
) -> int:
    """Let some viewers read slowly or not at all; say if their totals are right at the end, and what others notice."""
    if min(senders, pairs, slow + stuck) < 1 or min(slow, stuck, viewers - senders) < 0 or rate <= 0 or seconds <= 0:
        return _cannot_run("senders, pairs, and slow and stuck together must be at least 1, senders among the viewers")
    if why := _why_not(data, html):
        return _cannot_run(why)
    run = Slow(
        url=url,
        viewers=viewers,
        slow=slow,
        stuck=stuck,
        senders=senders,
        rate=rate,
        seconds=seconds,
        pairs=pairs,
        seed=seed,
        data=data,
    )
    return _judge(run, as_json=as_json, html=html)


@app.command
def flood(
    *,
    url: Url,
    data: Data = None,
    viewers: Annotated[int, Parameter(help="Viewers of the one room, beside the senders.")] = 50,
    senders: Annotated[int, Parameter(help="Who push; the server takes about 10 gifts a second of each.")] = 100,
    rate: Annotated[float, Parameter(help="Gifts a second of all senders together.")] = 500.0,
    seconds: Seconds = 10.0,
    frames_max: Annotated[float, Parameter(help="Frames a second that a viewer may get.")] = 60.0,
    bytes_max: Annotated[float, Parameter(help="Bytes a second that a viewer may get.")] = 1e6,
    seed: Seed = 1,
    as_json: Json = False,
    html: Html = None,
) -> int:
    """Push gifts into one room; say what a viewer gets of it a second, and if every total is exact."""
    if min(viewers, senders) < 1 or min(rate, seconds, frames_max, bytes_max) <= 0:
        return _cannot_run("viewers and senders must be at least 1, rate, seconds and bounds above 0")
    if why := _why_not(data, html):
        return _cannot_run(why)
    run = Flood(
        url=url,
        viewers=viewers,
        senders=senders,
        rate=rate,
        seconds=seconds,
        frames_max=frames_max,
        bytes_max=bytes_max,
        seed=seed,
        data=data,
    )
    return _judge(run, as_json=as_json, html=html)


@app.command
def fanout(
    *,
    url: Url,
    data: Annotated[
        Path | None, Parameter(help="The server's data directory, on this machine: its CPU and memory are measured.")
    ] = None,
    viewers: Annotated[int, Parameter(help="Viewers in one room.")] = 1_000,
    rate: Annotated[float, Parameter(help="How often gifts are sent, a second.")] = 20.0,
    burst: Annotated[int, Parameter(help="Gifts sent at once.")] = 1,
    seconds: Seconds = 10.0,
    processes: Annotated[int, Parameter(help="Processes that the viewers live in.")] = 2,
    as_json: Json = False,
    html: Html = None,
) -> int:
    """Fill one room with viewers, send gifts, and say what the delivery of one event to one viewer costs."""
    if min(viewers, burst, processes) < 1 or rate <= 0 or seconds <= 0:
        return _cannot_run("viewers, burst and processes must be at least 1, rate and seconds above 0")
    if why := _why_not(None, html):
        return _cannot_run(why)
    run = Fanout(url=url, data=data, viewers=viewers, rate=rate, burst=burst, seconds=seconds, processes=processes)
    try:
        report = _run(run.run())
    except* LivegiftError as group:
        return_code = _cannot_run(_first(group))
    else:
        (print_json if as_json else print_figures)(report)
        return_code = _end(report, html)
    return return_code


@app.command(name="compare")
def compare_reports(
    earlier: Annotated[Path, Parameter(help="What --json printed, in a file.")],
    later: Annotated[Path, Parameter(help="The same of a later run.")],
    *,
    worse: Annotated[float, Parameter(help="Percent beyond which a figure counts as worse.")] = 10.0,
    strict: Annotated[bool, Parameter(negative="", help="Exit with 1 if a figure is worse.")] = False,
) -> int:
    """Show how the figures of two runs with the same parameters differ."""
    try:
        lines = compare(read_report(earlier), read_report(later), worse_percent=worse)
    except CannotCompare as error:
        return _cannot_run(str(error))
    print_lines(lines, worse_percent=worse)
    return 1 if strict and any(line.is_worse for line in lines) else 0


@app.command
def demo(
    *,
    url: Url,
    rooms: Annotated[str, Parameter(help="Ids of rooms, separated by commas.")] = "r1,r2",
    people: Annotated[int, Parameter(help="Bots in all rooms together.")] = 16,
    rate: Annotated[float, Parameter(help="Gifts a second in each room.")] = 2.0,
    seed: Annotated[int, Parameter(help="Gives who sends what.")] = 1,
    parent_fd: Annotated[int | None, Parameter(help="A pipe whose end of file says that the parent is gone.")] = None,
) -> int:
    """Bring rooms to life with gentle bots, until Ctrl-C, SIGTERM, the end of stdin, or the parent's end."""

    async def run() -> None:
        stop = asyncio.Event()
        with stop_with_parent(stop, parent_fd=parent_fd):
            await run_demo_bots(url, people, [room for room in rooms.split(",") if room], rate, seed, stop)

    _run(run())
    return 0


def _steered(run: Steady) -> Report | None:
    steering = Steering()
    run.progress = steering.at_work
    report = _run(steering.run(run))
    if report is not None:
        say_report(report)
    return report


def _judge(run: Steady | Storm | Slow | Flood, *, as_json: bool, html: Path | None) -> int:
    try:
        report = _with_bars(run)
    except* LivegiftError as group:
        return_code = _cannot_run(_first(group))
    else:
        (print_json if as_json else print_table)(report)
        return_code = _end(report, html)
    return return_code


def _with_bars(run: Steady | Storm | Slow | Flood) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty(), transient=True) as bars:
        bar = bars.add_task("joining", total=None)
        run.progress = lambda what, done, total: bars.update(bar, description=what, completed=done, total=total)
        return _run(run.run())


def _run(program: Coroutine[Any, Any, T]) -> T:
    stamina.instrumentation.set_on_retry_hooks([])  # a server that restarts is what we came for, no news
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(program)


def _why_not(data: Path | None, html: Path | None) -> str | None:
    if data is not None and not data.is_dir():
        return f"{data} is no directory; --data names that of the running server"
    if html is not None and not html.absolute().parent.is_dir():
        return f"{html.parent} is no directory; --html names a file to be written"
    return None


def _end(report: Mapping[str, Any], html: Path | None) -> int:
    if html is not None:
        write_page(report, html)
    return 0 if is_clean(report) else 1


def _first(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    hint = " (does the server run as a demo?)" if isinstance(error, HttpFailed) else ""
    return f"{error}{hint}"


def _cannot_run(why: str) -> int:
    print(f"loadtests: {why}", file=sys.stderr)
    return 2
