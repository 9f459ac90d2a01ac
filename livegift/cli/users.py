"""Commands about a person: export everything that is known of them, erase them."""

import asyncio
import sys
from typing import Annotated

import orjson
from cyclopts import App

from livegift.check import insist
from livegift.cli.app import AsJson, Flag, Settings, app, print_json
from livegift.config import Config
from livegift.errors import CannotRun
from livegift.supervisor import persons

users = App(name="users", help="What is known of a person: export it, erase it.")
app.command(users)

Who = Annotated[str, Flag(help="The user's id.")]


@users.command
def export(user: Who, /, config: Settings = Config()) -> int:  # noqa: B008
    """Print everything that the book knows of a person, one JSON object a line, beside a running server or without.

    Example: `livegift users export 42 > 42.jsonl`
    """
    insist(config)
    for record in asyncio.run(persons.export(config, user)):
        sys.stdout.write(orjson.dumps(record).decode() + "\n")
    return 0


@users.command
def erase(
    user: Who,
    /,
    config: Settings = Config(),  # noqa: B008
    *,
    reason: Annotated[str, Flag(help="For the audit log; must not name the person.")],
    as_json: AsJson = False,
) -> int:
    """Erase a person: names and texts of theirs are gone from book, engine and their files, for good.

    Their tokens end, their rooms close, their id is never used again. Amounts, ids and times stay, and so do the audit
    and every proof. Exits 1 if something is left that you have to see to; it says what.

    Example: `livegift users erase 42 --reason "ticket 1377"`
    """
    insist(config)
    if not reason.strip():
        raise CannotRun("A reason is needed: the audit log keeps it.")
    report = asyncio.run(persons.erase(config, user, reason=reason))
    if as_json:
        print_json({"erased": report.erased.counts, "rooms": len(report.erased.rooms), "notes": report.notes})
    else:
        told = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in report.erased.counts.items())
        print(f"Erased: the name, {told}. {len(report.erased.rooms)} rooms are made anew without them.")
        for note in report.notes:
            print(note)
    return int(bool(report.notes))
