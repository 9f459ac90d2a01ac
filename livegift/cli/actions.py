"""The command that reads the audit log."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Annotated

import orjson

from livegift.check import insist
from livegift.cli.app import AsJson, Flag, Settings, app
from livegift.config import Config
from livegift.store.audit_log import Line
from livegift.supervisor import actions as found


@app.command
def actions(
    config: Settings = Config(),  # noqa: B008
    *,
    after: Annotated[int, Flag(help="Only lines behind that number.")] = 0,
    subject: Annotated[str | None, Flag(help="Only about this, like user:42 or room:r1.")] = None,
    actor: Annotated[str | None, Flag(help="Only by this, like key:019a… or user:42 or cli.")] = None,
    as_json: AsJson = False,
) -> int:
    """Print the audit log: who did what to whom, why, and what it changed; with `--json` one object a line, to keep.

    Its chain is checked first, as `livegift audit` does; exits 1 if a line is missing or has been changed.

    Examples: `livegift actions --subject user:42` · `livegift actions --after 1200 --json > november.jsonl`
    """
    insist(config)
    broken, lines = asyncio.run(found.read(config, after=after, subject=subject, actor=actor))
    for line in lines:
        print(orjson.dumps(_told(line)).decode() if as_json else _text(line))
    if broken is None:
        return 0
    sys.stderr.write(f"livegift: Line {broken} of the audit log is missing or has been changed.\n")
    return 1


def _told(line: Line) -> dict[str, object]:
    action = line.action
    told = {"number": line.number, "ts_ms": line.ts_ms, "actor": action.actor, "verb": action.verb}
    rest = {"subject": action.subject, "reason": action.reason, "before": action.before, "after": action.after}
    return told | rest | {"erased": line.is_erased}


def _text(line: Line) -> str:
    action, at = line.action, datetime.fromtimestamp(line.ts_ms / 1_000, UTC).isoformat(" ", "seconds")
    change = "" if action.after is None else f" {orjson.dumps(action.after).decode()}"
    why = "" if action.reason is None else f" ({action.reason})"
    return f"{line.number} {at} {action.actor} {action.verb} {action.subject}{change}{why}"
