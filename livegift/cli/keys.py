"""Commands for API keys: make one, list them, revoke one. They work on the book, beside a running server."""

import asyncio
from typing import Annotated

from cyclopts import App
from rich.console import Console
from rich.table import Table

from livegift.check import insist
from livegift.cli.app import AsJson, Flag, Settings, app, print_json
from livegift.config import Config
from livegift.domain.keys import SCOPES
from livegift.errors import CannotRun
from livegift.supervisor import api_keys

keys = App(name="keys", help="API keys with which a platform's servers ask: make, list, revoke.")
app.command(keys)


@keys.command
def create(
    name: Annotated[str, Flag(help="What you call it.")],
    /,
    config: Settings = Config(),  # noqa: B008
    *,
    scope: Annotated[list[str], Flag(negative="", help="What it may do; may be repeated. `all` is every scope.")],
    as_json: AsJson = False,
) -> int:
    """Make an API key and print it; nobody can read it again.

    Scopes: users:read, users:write, users:moderate, rooms:write, gifts:send, coins:move, events:read.

    Examples: `livegift keys create shop --scope all` · `livegift keys create reports --scope events:read`
    """
    insist(config)
    wanted = list(SCOPES) if scope == ["all"] else scope
    for one in wanted:
        if one not in SCOPES:
            raise CannotRun(f"There is no scope {one!r}; there are {', '.join(SCOPES)}, and all.")
    key, text = asyncio.run(api_keys.create(config, name, wanted))
    if as_json:
        print_json({"id": key.id, "name": key.name, "scopes": key.scopes, "key": text})
    else:
        print(text)
    return 0


@keys.command(name="list")
def list_keys(config: Settings = Config(), *, as_json: AsJson = False) -> int:  # noqa: B008
    """List all API keys, without their texts.

    Example: `livegift keys list --data /var/lib/livegift`
    """
    insist(config)
    found = asyncio.run(api_keys.every(config))
    if as_json:
        print_json([{"id": k.id, "name": k.name, "scopes": k.scopes, "revoked_ms": k.revoked_ms} for k in found])
        return 0
    table = Table("id", "name", "scopes", "state")
    for key in found:
        table.add_row(key.id, key.name, " ".join(key.scopes), "good" if key.revoked_ms is None else "revoked")
    Console().print(table)
    return 0


@keys.command
def revoke(
    key_id: Annotated[str, Flag(help="As `livegift keys list` says it.")],
    /,
    config: Settings = Config(),  # noqa: B008
    *,
    reason: Annotated[str | None, Flag(help="For the audit log.")] = None,
) -> int:
    """End an API key on every edge within a second. Exits 1 if there is none of that id that is good.

    Example: `livegift keys revoke 019a… --reason leaked`
    """
    insist(config)
    if asyncio.run(api_keys.revoke(config, key_id, reason)):
        return 0
    print("There is no good key of that id.")
    return 1
