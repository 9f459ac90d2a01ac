"""The command line of the load tests. Exit codes: 0 clean, 1 something was lost, doubled or wrong, 2 it can't run."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from livegift_client import LivegiftError

from loadtests.command import cannot_run, end, first, judge, judge_steered, run_program, why_not
from loadtests.compare import CannotCompare, compare, print_lines, read_report, warnings
from loadtests.demo import run_demo_bots
from loadtests.fanout import Fanout
from loadtests.flood import Flood
from loadtests.hostile import Hostile
from loadtests.report import print_figures, print_json
from loadtests.slow import Slow
from loadtests.soak import Soak
from loadtests.steady import Steady
from loadtests.stopping import stop_with_parent
from loadtests.storm import Storm, Strike
from loadtests.zipf import Zipf

app = App(
    name="loadtests",
    help="Bots that load a livegift server and judge what they see. The server must run as a demo.",
    help_epilogue="Exit codes: 0 clean, 1 something was lost, doubled or wrong, 2 can't run.",
    version_flags=(),
    result_action="return_value",
)
Url = Annotated[str, Parameter(help="The server's base URL, like http://127.0.0.1:8000.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print one JSON object.")]
Data = Annotated[Path | None, Parameter(help="The server's data directory, for the audit at the end.")]
Seconds = Annotated[float, Parameter(name=["--seconds", "--duration"], help="Length of the load.")]
Seed = Annotated[int, Parameter(help="Gives the whole schedule.")]
Live = Annotated[bool, Parameter(negative="", help="Show figures once a second, though stderr is no terminal.")]
Processes = Annotated[int, Parameter(help="Processes that the viewers live in.")]
Html = Annotated[Path | None, Parameter(help="Write the report with its charts to this file.")]
ROOMY = "rooms and senders must be at least 1, viewers no fewer than either, rate and seconds above 0"


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
    processes: Annotated[
        int, Parameter(help="Processes that viewers who don't gift live in; 0: here, following by the SDK.")
    ] = 0,
    as_json: Json = False,
    html: Html = None,
    live: Live = False,
    progress: Annotated[
        bool,
        Parameter(negative="", help="Print JSON lines while it runs; heed `mark NAME` and `finish` on stdin."),
    ] = False,
) -> int:
    """Send gifts at a constant rate into rooms full of viewers; check every gift at every viewer, then the books."""
    if rooms < 1 or senders < 1 or viewers < max(senders, rooms) or rate <= 0 or seconds <= 0 or processes < 0:
        return cannot_run(ROOMY)
    if why := why_not(data, html):
        return cannot_run(why)
    run = Steady(
        url=url,
        rooms=rooms,
        viewers=viewers,
        senders=senders,
        rate=rate,
        seconds=seconds,
        seed=seed,
        processes=processes,
        data=data,
    )
    return judge_steered(run, html=html) if progress else judge(run, as_json=as_json, html=html, live=live)


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
    live: Live = False,
) -> int:
    """Let all viewers lose their connections; say how and when they came back, and what it cost those who gifted."""
    if min(viewers, senders, rooms, processes) < 1 or viewers < rooms or rate <= 0 or seconds <= 0:
        return cannot_run("viewers, senders, rooms and processes must be at least 1, rate and seconds above 0")
    if strike != "drop" and data is None:
        return cannot_run(f"--strike {strike} needs --data, which says which server's edges")
    if why := why_not(data, html):
        return cannot_run(why)
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
    return judge(run, as_json=as_json, html=html, live=live)


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
    seconds: Annotated[float, Parameter(help="Length of each run.")] = 30.0,
    pairs: Annotated[int, Parameter(help="Pairs of runs, without and with the slow ones.")] = 3,
    seed: Seed = 1,
    processes: Processes = 2,
    as_json: Json = False,
    html: Html = None,
    live: Live = False,
) -> int:
    """Let some viewers read slowly or not at all; say if their totals are right at the end, and what others notice."""
    if min(senders, pairs, slow + stuck, processes) < 1 or min(slow, stuck, viewers - senders) < 0:
        return cannot_run("senders, pairs, processes, slow and stuck together must be at least 1, viewers as senders")
    if min(rate, seconds) <= 0:
        return cannot_run("rate and seconds must be above 0")
    if why := why_not(data, html):
        return cannot_run(why)
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
        processes=processes,
        data=data,
    )
    return judge(run, as_json=as_json, html=html, live=live)


@app.command
def hostile(
    *,
    url: Url,
    data: Data = None,
    viewers: Annotated[int, Parameter(help="Honest viewers, in one room.")] = 100,
    senders: Annotated[int, Parameter(help="Of them, how many gift.")] = 40,
    rate: Annotated[float, Parameter(help="Gifts a second.")] = 100.0,
    seconds: Annotated[float, Parameter(help="Length of each run.")] = 20.0,
    silent: Annotated[int, Parameter(help="Peers that connect and say nothing.")] = 100,
    slow: Annotated[int, Parameter(help="Peers whose request comes a line a second.")] = 100,
    flooding: Annotated[int, Parameter(help="Peers that send pings and nonsense without end.")] = 20,
    garbage: Annotated[int, Parameter(help="Peers that send what is no request.")] = 50,
    pairs: Annotated[int, Parameter(help="Pairs of runs, without and with them.")] = 3,
    seed: Seed = 1,
    processes: Processes = 0,
    as_json: Json = False,
    html: Html = None,
    live: Live = False,
) -> int:
    """Besiege the server with hostile peers; say what honest senders notice and what the server keeps for them."""
    if min(senders, pairs) < 1 or min(silent, slow, flooding, garbage, processes, viewers - senders) < 0:
        return cannot_run("senders and pairs must be at least 1, viewers at least as many as senders, nothing below 0")
    if min(rate, seconds) <= 0:
        return cannot_run("rate and seconds must be above 0")
    if why := why_not(data, html):
        return cannot_run(why)
    run = Hostile(
        url=url,
        viewers=viewers,
        senders=senders,
        rate=rate,
        seconds=seconds,
        silent=silent,
        slow=slow,
        flooding=flooding,
        garbage=garbage,
        pairs=pairs,
        seed=seed,
        processes=processes,
        data=data,
    )
    return judge(run, as_json=as_json, html=html, live=live)


@app.command
def flood(
    *,
    url: Url,
    data: Data = None,
    viewers: Annotated[int, Parameter(help="Viewers of the one room, beside the senders.")] = 50,
    senders: Annotated[int, Parameter(help="Who push; the server takes about 10 gifts a second of each.")] = 100,
    rate: Annotated[float, Parameter(help="Gifts a second of all senders together.")] = 500.0,
    seconds: Seconds = 10.0,
    frames_max: Annotated[float, Parameter(help="Frames a second that a viewer may get.")] = 30.0,
    bytes_max: Annotated[float, Parameter(help="Bytes a second that a viewer may get.")] = 1e6,
    seed: Seed = 1,
    processes: Processes = 2,
    as_json: Json = False,
    html: Html = None,
    live: Live = False,
) -> int:
    """Push gifts into one room; say what a viewer gets of it a second, and if every total is exact."""
    if min(viewers, senders, processes) < 1 or min(rate, seconds, frames_max, bytes_max) <= 0:
        return cannot_run("viewers, senders and processes must be at least 1, rate, seconds and bounds above 0")
    if why := why_not(data, html):
        return cannot_run(why)
    run = Flood(
        url=url,
        viewers=viewers,
        senders=senders,
        rate=rate,
        seconds=seconds,
        frames_max=frames_max,
        bytes_max=bytes_max,
        seed=seed,
        processes=processes,
        data=data,
    )
    return judge(run, as_json=as_json, html=html, live=live)


@app.command
def zipf(
    *,
    url: Url,
    data: Data = None,
    rooms: Annotated[int, Parameter(help="Rooms, made for this run.")] = 1_000,
    exponent: Annotated[float, Parameter(help="The n-th most popular room has a share of 1 / n ** exponent.")] = 1.0,
    viewers: Annotated[int, Parameter(help="People in all rooms together, one at least in each.")] = 3_000,
    senders: Annotated[int, Parameter(help="Of the viewers, how many gift.")] = 200,
    rate: Annotated[float, Parameter(help="Gifts a second in all rooms together.")] = 200.0,
    seconds: Seconds = 20.0,
    seed: Seed = 1,
    processes: Processes = 2,
    as_json: Json = False,
    html: Html = None,
    live: Live = False,
) -> int:
    """Fill very many rooms, of which a few are hot; say how long gifts take in those and in the cold ones."""
    if min(rooms - 1, senders, processes) < 1 or viewers < max(senders, rooms) or min(rate, seconds) <= 0:
        return cannot_run("rooms must be at least 2, senders and processes 1; viewers no fewer than rooms and senders")
    if why := why_not(data, html):
        return cannot_run(why)
    run = Zipf(
        url=url,
        rooms=rooms,
        exponent=exponent,
        viewers=viewers,
        senders=senders,
        rate=rate,
        seconds=seconds,
        seed=seed,
        processes=processes,
        data=data,
    )
    return judge(run, as_json=as_json, html=html, live=live)


@app.command
def soak(
    *,
    url: Url,
    data: Data = None,
    rooms: Annotated[int, Parameter(help="Rooms, made for this run.")] = 4,
    viewers: Annotated[int, Parameter(help="People in all rooms together.")] = 300,
    senders: Annotated[int, Parameter(help="Of the viewers, how many gift.")] = 50,
    rate: Annotated[float, Parameter(help="Gifts a second in all rooms together; it swings by a half.")] = 50.0,
    seconds: Seconds = 3_600.0,
    growth_mb_per_hour: Annotated[float, Parameter(help="What a process' memory may grow by.")] = 32.0,
    seed: Seed = 1,
    processes: Processes = 1,
    as_json: Json = False,
    html: Html = None,
    live: Live = False,
) -> int:
    """Gift for a long time, now more and now less; say if anything of the server grows that should not."""
    if rooms < 1 or senders < 1 or viewers < max(senders, rooms) or min(rate, seconds) <= 0 or processes < 0:
        return cannot_run(ROOMY)
    if data is None:
        return cannot_run("soak needs --data, which says which server's processes to look at")
    if why := why_not(data, html):
        return cannot_run(why)
    run = Soak(
        url=url,
        rooms=rooms,
        viewers=viewers,
        senders=senders,
        rate=rate,
        seconds=seconds,
        growth_mb_per_hour=growth_mb_per_hour,
        seed=seed,
        processes=processes,
        data=data,
    )
    return judge(run, as_json=as_json, html=html, live=live)


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
        return cannot_run("viewers, burst and processes must be at least 1, rate and seconds above 0")
    if why := why_not(None, html):
        return cannot_run(why)
    run = Fanout(url=url, data=data, viewers=viewers, rate=rate, burst=burst, seconds=seconds, processes=processes)
    try:
        report = run_program(run.run())
    except* LivegiftError as group:
        return_code = cannot_run(first(group))
    else:
        (print_json if as_json else print_figures)(report)
        return_code = end(report, html)
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
        one, other = read_report(earlier), read_report(later)
        lines = compare(one, other, worse_percent=worse)
    except CannotCompare as error:
        return cannot_run(str(error))
    for warning in warnings(one, other):
        print(f"note: {warning}")
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

    run_program(run())
    return 0
