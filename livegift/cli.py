"""The command line: reads the settings once, runs one thing, and answers with an exit code.

0: done. 1: something was checked and is not right. 2: it can't run; one sentence on stderr says why.
Flags win over ``LIVEGIFT_*`` variables, those over ``livegift.toml`` in the current directory; a name that is no
setting is an error everywhere, because a typo that is ignored is found out when it costs something.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import orjson
from cyclopts import App, CycloptsError, Parameter
from cyclopts.config import Env, Toml
from rich.console import Console
from rich.table import Table

from livegift import __version__
from livegift.check import SETTINGS_FILE, insist, insist_on_names
from livegift.check import check as look
from livegift.config import Config
from livegift.conformance.command import conformance
from livegift.errors import CannotRun, Fault
from livegift.supervisor import care
from livegift.supervisor.admin import Addresses
from livegift.supervisor.child import cannot_run
from livegift.supervisor.child import run as run_role
from livegift.supervisor.running import audited, running_state
from livegift.supervisor.running import restart_edges as restart_edges_of
from livegift.supervisor.serve import listen
from livegift.supervisor.serve import serve as run_server
from livegift.telemetry import configure_logs


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig(Config):
    """The settings of a demo: its own books, logins without a password, and a quiet terminal."""

    data: Path = Path("livegift-demo")
    """Directory of the demo's books; a second start goes on with them."""
    demo: bool = True
    """POST /v1/demo/login and the name picker; never for production."""
    log_level: str = "warning"
    """debug, info, warning or error; logs are JSON lines on stderr."""


Flag = partial(Parameter, show_env_var=False)
Settings = Annotated[Config, Parameter(name="*", group="Settings")]
Data = Annotated[Path, Parameter(help="The data directory of the server.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", show_env_var=False, help="Print JSON for programs.")]

app = App(
    name="livegift",
    help="The open, self-hosted gifting server for live streams.\n\n"
    "Try it: `livegift demo`. Run it: `livegift serve`. Look after it: `status`, `check`, `audit`.",
    help_epilogue="Settings: flags, else LIVEGIFT_* variables, else livegift.toml in the current directory.  \n"
    "Exit codes: 0 done, 1 a check failed, 2 can't run.",
    help_format="markdown",
    version=__version__,
    config=[Env("LIVEGIFT_", command=False), Toml(SETTINGS_FILE, use_commands_as_keys=False, allow_unknown=True)],
    result_action="return_value",
)


@app.command
def serve(config: Settings = Config()) -> int:  # noqa: B008 - frozen
    """Serve: starts an embedded Valkey (unless `--redis-url`), the flusher and the edges, until Ctrl-C or SIGTERM.

    Everything is kept in `--data`; one server a directory. Put a proxy with TLS in front of the public port and keep
    the admin port to yourself.

    Examples: `livegift serve` · `livegift serve --data /var/lib/livegift --workers 2` ·
    `LIVEGIFT_REDIS_URL=rediss://… livegift serve`
    """
    insist(config)

    def ready(at: Addresses) -> None:
        print(f"livegift is ready at {at.url} (admin: {at.admin_url})", flush=True)

    return asyncio.run(run_server(config, on_ready=ready))


@app.command
def demo(config: Annotated[DemoConfig, Parameter(name="*", group="Settings")] = DemoConfig()) -> int:
    """Serve with two live rooms, a catalogue, and bots that gift; prints the links. Never for production.

    The plug's link is a page that kills processes under 200 gifts a second and counts what was lost.
    The books are kept in `./livegift-demo`; delete the directory to begin anew.

    Examples: `livegift demo` · `livegift demo --port 9000 --admin-port 0`
    """
    insist(config)
    return asyncio.run(run_server(config, bots=True, on_ready=lambda at: print_links(config, at)))


@app.command
def flusher(config: Settings = Config()) -> int:  # noqa: B008
    """Run one flusher alone, for systemd or Kubernetes: journal → book → rooms, and the inbox.

    Needs `--redis-url`; `livegift serve` does all this by itself on one machine.

    Example: `livegift flusher --redis-url redis://redis:6379 --data /var/lib/livegift`
    """
    insist(config)
    need_engine(config)
    return run_role("flusher", config)


@app.command
def edge(config: Settings = Config()) -> int:  # noqa: B008
    """Run one edge alone, for systemd or Kubernetes: WebSockets, HTTP API and pages on `--port`.

    Needs `--redis-url`; `livegift serve` does all this by itself on one machine.

    Example: `livegift edge --redis-url redis://redis:6379 --data /var/lib/livegift --host 0.0.0.0`
    """
    insist(config)
    need_engine(config)
    with listen(config.host, config.port, setting="port") as listener:
        return run_role("edge", config, listener=listener)


@app.command
def audit(config: Settings = Config(), *, as_json: AsJson = False) -> int:  # noqa: B008
    """Recompute every balance, stripe, total, chain and room from the book's rows, and compare with Redis.

    Runs beside a server, whose Redis it finds by `--data`; without one it starts the embedded Valkey for itself.
    Exits 1 at any disagreement.

    Examples: `livegift audit` · `livegift audit --json --data /var/lib/livegift`
    """
    insist(config)
    configure_logs("warning", "audit")
    report = asyncio.run(audited(config))
    findings = report["findings"]
    assert isinstance(findings, list)
    wrong = bool(findings) or report["drift"] != 0
    if as_json:
        print_json(report)
        return int(wrong)
    table = Table("audited", "", title="Something is wrong" if wrong else "All agrees")
    for name, value in report.items():
        if name != "findings":
            table.add_row(name, str(value))
    Console().print(table)
    for finding in findings:
        print(finding)
    return int(wrong)


@app.command
def backup(file: Path, config: Settings = Config(), *, as_json: AsJson = False) -> int:  # noqa: B008
    """Write the book to a new FILE, beside a running server: one consistent moment, the same for both kinds of book.

    Keep `secret.key` of the data directory with it, but not in the same place.

    Examples: `livegift backup book.livegift` · `livegift backup --data /var/lib/livegift /backup/monday.livegift`
    """
    insist(config)
    done = asyncio.run(care.backup(config, file))
    if as_json:
        print_json(done)
    else:
        print(f"{done['rows']:,} rows of the book are in {file}. Keep {config.secret_path} with it.")
    return 0


@app.command
def restore(file: Path, config: Settings = Config(), *, as_json: AsJson = False) -> int:  # noqa: B008
    """Make the book of a backup where there is none: in `--data`, or in an empty PostgreSQL database (`--store`).

    Every balance and chain is recomputed first; a damaged file changes nothing. No server may be running.

    Examples: `livegift restore book.livegift` · `livegift restore book.livegift --store postgresql://db/livegift`
    """
    insist(config)
    done = asyncio.run(care.restore(config, file))
    if as_json:
        print_json(done)
    else:
        print(f"The book stands: {done['rows']:,} rows, every balance and chain recomputed.")
    return 0


@app.command
def recover(
    config: Settings = Config(),  # noqa: B008
    *,
    accept_older_book: Annotated[bool, Flag(negative="", help="Give up what the book lacks.")] = False,
    as_json: AsJson = False,
) -> int:
    """Say whether Redis knows of gifts that the book lacks, as after the restore of a backup. No server may run.

    With `--accept-older-book` that is given up: what the journal still holds is kept as a file, and the next start
    begins a new epoch on the book as it is. Exits 1 if the book is older and was not accepted.

    Examples: `livegift recover` · `livegift recover --accept-older-book`
    """
    insist(config)
    report = asyncio.run(care.recover(config, accept_older_book=accept_older_book))
    if as_json:
        print_json(report)
    else:
        print_older(report)
    return int(report["older"] and report["journal"] is None)


@app.command
def repartition(
    count: Annotated[int, Flag(help="How many there shall be.")],
    /,
    config: Settings = Config(),  # noqa: B008
    *,
    as_json: AsJson = False,
) -> int:
    """Change to COUNT partitions, over which the senders of a book are spread. No server may be running.

    Brings everything into the book, moves wallets by movements that every audit can follow, and opens the new
    partitions. What is interrupted is begun again from the start; nothing is ever half done.

    Examples: `livegift repartition 8` · `livegift repartition 64 --store postgresql://db/livegift --redis-url …`
    """
    insist(config)
    configure_logs("warning", "repartition")
    done = asyncio.run(care.repartition(config, count))
    if as_json:
        print_json(done)
    elif done["epoch"] is None:
        print(f"The book has {count} partitions already.")
    else:
        print(
            f"{done['before']} partitions are {done['partitions']} from epoch {done['epoch']} on: "
            f"{done['wallets']:,} wallets moved, with {done['coins']:,} coins."
        )
    return 0


@app.command
def status(*, data: Data = Config().data, as_json: AsJson = False) -> int:  # noqa: B008
    """Say whether the server of a data directory is ready, where it answers, and which processes it has.

    Exits 1 if it is not ready or not running.

    Examples: `livegift status` · `livegift status --json --data /var/lib/livegift`
    """
    state = running_state(data)
    if as_json:
        print_json(state)
    elif state["url"] is None:
        print(f"No livegift is running on {data}.")
    else:
        print(f"{'Ready' if state['ready'] else 'Not ready'} at {state['url']} (admin: {state['admin_url']})")
        table = Table("role", "pid")
        for process in state["processes"]:
            table.add_row(process["role"], str(process["pid"]))
        Console().print(table)
    return int(not state["ready"])


@app.command
def restart_edges(*, data: Data = Config().data) -> int:  # noqa: B008
    """Restart the edges of a running server one after the other, as after an upgrade; nobody misses anything.

    Each is replaced by a new process before it tells its viewers, spread over some seconds, to come back. Returns when
    all have been replaced; exits 1 if one was not, and then the old one goes on.

    Examples: `livegift restart-edges` · `livegift restart-edges --data /var/lib/livegift`
    """
    if restart_edges_of(data):
        return 0
    sys.stderr.write("livegift: Not every edge was replaced; the server's log says why.\n")
    return 1


@app.command
def token(
    *,
    user: Annotated[str, Flag(help="The user's id in your product.")],
    name: Annotated[str | None, Flag(help="The name that the room sees; the id if it is left out.")] = None,
    role: Annotated[Literal["viewer", "creator"], Flag(help="Only a creator may open rooms.")] = "viewer",
    ttl: Annotated[int, Flag(help="Seconds until it ends.")] = Config().token_ttl_s,
    data: Data = Config().data,  # noqa: B008
) -> int:
    """Print a token for a user of this deployment, signed with its secret, as your own backend would make it.

    Examples: `livegift token --user 42 --name Mia` · `livegift token --user 7 --role creator --ttl 3600`
    """
    if ttl < 1:
        raise CannotRun(f"ttl is {ttl}; it must be at least 1 s.")
    config = Config(data=data)
    if not config.secret_path.exists():
        raise CannotRun(f"There is no secret in {data}: start a server there once, or name its directory with --data.")
    from livegift.edge.auth import load_secret, mint

    print(mint(load_secret(config.secret_path), user, name or user, role, ttl))
    return 0


@app.command
def check(config: Settings = Config(), *, as_json: AsJson = False) -> int:  # noqa: B008
    """Look at the settings and at everything a server needs, and say what to mend. Changes nothing.

    Exits 1 if something must be mended.

    Examples: `livegift check` · `livegift check --data /var/lib/livegift --port 80`
    """
    findings = asyncio.run(look(config))
    wrong = any(finding.mend for finding in findings)
    if as_json:
        print_json({"ok": not wrong, "findings": findings})
        return int(wrong)
    for finding in findings:
        print(f"{'mend' if finding.mend else 'ok':<4} {finding.what}: {finding.found}")
        if finding.mend:
            print(f"     → {finding.mend}")
    return int(wrong)


app.command(conformance)


def print_json(value: object) -> None:
    """Print one JSON document on stdout."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_older(report: dict[str, Any]) -> None:
    """Print what the engine knows and the book lacks."""
    if not report["older"]:
        print("The book lacks nothing that Redis knows of; the next start recovers by itself.")
        return
    table = Table("partition", "book at", "Redis at", "events in the journal", "coins of their gifts")
    for one in report["partitions"]:
        table.add_row(
            *(str(one["partition"]), f"{one['book_epoch']}-{one['book_mark']}"),
            *(f"{one['engine_epoch']}-{one['engine_seq']}", str(one["in_journal"]), str(one["coins_in_journal"])),
        )
    Console().print(table)
    if report["journal"] is None:
        print("The book is older. Restore the newest one, or give this up with --accept-older-book.")
    else:
        print(f"Given up, kept in {report['journal']}. Incarnation {report['incarnation']} begins with the next start.")


def print_links(config: Config, at: Addresses) -> None:
    """Print the demo's links, one a line, and open nothing."""
    from livegift.domain.demo import DEMO_ROOMS
    from livegift.edge.auth import load_secret, mint

    creator = DEMO_ROOMS[0]
    jwt = mint(
        load_secret(config.secret_path), creator.creator_id, creator.creator_name, "creator", config.demo_token_ttl_s
    )
    links = [("viewer", f"{at.url}/r/{room.room_id}") for room in DEMO_ROOMS]
    links += [
        ("studio", f"{at.url}/studio#token={quote(jwt)}&room={creator.room_id}"),
        ("plug", f"{at.admin_url}/plug"),
        ("admin", f"{at.admin_url}/status"),
    ]
    for what, link in links:
        print(f"{what:<8}{link}")
    print("Ctrl-C ends it.", flush=True)


def need_engine(config: Config) -> None:
    """Raise ``CannotRun`` where a process that runs alone was not told its Redis."""
    if config.redis_url is None:
        raise CannotRun("A process that runs alone needs --redis-url; `livegift serve` brings its own Valkey.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; the console's entry point."""
    try:
        insist_on_names()
        code = app(
            sys.argv[1:] if argv is None else list(argv), exit_on_error=False, print_error=False, help_on_error=False
        )
    except CycloptsError as error:
        sys.stderr.write(f"livegift: {error} See livegift --help.\n")
        return 2
    except Fault as error:  # the engine or the book does not answer the audit
        sys.stderr.write(f"livegift: {error}\n")
        return 2
    except Exception as error:
        reason = cannot_run(error)
        if reason is None:
            raise
        sys.stderr.write(f"livegift: {reason}\n")
        return 2
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
