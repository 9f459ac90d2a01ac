"""Commands beside a running server: status, check, restart-edges, token."""

import asyncio
import sys
from typing import Annotated, Literal

from rich.console import Console
from rich.table import Table

from livegift import production
from livegift.check import check as look
from livegift.cli.app import AsJson, Data, Flag, Settings, app, print_json
from livegift.config import Config
from livegift.errors import CannotRun
from livegift.identity.claims import Role
from livegift.supervisor.running import restart_edges as restart_edges_of
from livegift.supervisor.running import running_state

Purpose = Annotated[Literal["production"] | None, Flag(name="--for", help="Look at what this needs, too.")]


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
def check(config: Settings = Config(), *, purpose: Purpose = None, as_json: AsJson = False) -> int:  # noqa: B008
    """Look at the settings and at everything a server needs, and say what to mend. Changes nothing.

    With `--for production` also at what a server for real money and strangers needs. Exits 1 if something must be
    mended.

    Examples: `livegift check` · `livegift check --for production --data /var/lib/livegift`
    """
    findings = asyncio.run(look(config))
    if purpose == "production":
        findings += asyncio.run(production.findings(config))
    wrong = any(finding.mend for finding in findings)
    if as_json:
        print_json({"ok": not wrong, "findings": findings})
        return int(wrong)
    for finding in findings:
        print(f"{'mend' if finding.mend else 'ok':<4} {finding.what}: {finding.found}")
        if finding.mend:
            print(f"     → {finding.mend}")
    return int(wrong)


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
    role: Annotated[Role, Flag(help="Only a creator may open rooms.")] = "viewer",
    room: Annotated[list[str] | None, Flag(negative="", help="Good for this room only; may be repeated.")] = None,
    adult: Annotated[bool | None, Flag(help="Whether the user is known to be of age.")] = None,
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
    from livegift.identity.own import mint
    from livegift.identity.secret import load_secret

    print(mint(load_secret(config.secret_path), user, name or user, role, ttl, rooms=room, is_adult=adult))
    return 0
