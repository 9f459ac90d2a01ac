"""Commands of a book that proves itself: checkpoint, a creator's proofs, and verify, which needs no book at all."""

import asyncio
import re
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
from cyclopts import App

from livegift.check import insist
from livegift.cli.app import AsJson, Flag, Settings, app, print_json
from livegift.config import Config
from livegift.domain.proof import verify as hold
from livegift.errors import CannotRun
from livegift.signing import is_signed
from livegift.supervisor import proofs

creators = App(name="creators", help="What a creator may have: their gifts with proofs.")
app.command(creators)


@app.command
def checkpoint(config: Settings = Config(), *, as_json: AsJson = False) -> int:  # noqa: B008
    """Sign what has been settled since the last checkpoint, now; the flusher does so by itself now and then.

    Example: `livegift checkpoint --data /var/lib/livegift`
    """
    insist(config)
    made = asyncio.run(proofs.checkpoint(config))
    if as_json:
        print_json(None if made is None else {"body": orjson.loads(made.body), "signature": made.signature})
    else:
        print("Nothing has been settled since." if made is None else f"Checkpoint {made.number} is signed.")
    return 0


@creators.command
def export(
    creator: Annotated[str, Flag(help="The creator's id.")],
    file: Annotated[Path, Flag(help="A new file.")],
    /,
    config: Settings = Config(),  # noqa: B008
    *,
    since: Annotated[datetime | None, Flag(help="From this time on (UTC unless it says otherwise).")] = None,
    until: Annotated[datetime | None, Flag(help="Up to before this time.")] = None,
) -> int:
    """Write a creator's gifts, each with its proof, to a new FILE that `livegift verify` checks without any book.

    It names no sender. Signs a checkpoint first, so that it reaches up to now.

    Example: `livegift creators export luna luna-november.json --since 2026-11-01 --until 2026-12-01`
    """
    insist(config)
    if file.exists():
        raise CannotRun(f"{file} is there already.")
    told = asyncio.run(proofs.proofs(config, creator, since_ms=_ms(since, 0), until_ms=_ms(until, 2**53 - 1)))
    file.write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    print(f"{len(told['gifts']):,} gifts with {told['totals']['points']:,} points are in {file}. Key: {told['key']}")
    return 0


@app.command
def verify(
    file: Annotated[Path, Flag(help="As `livegift creators export` has written it.")],
    /,
    *,
    key: Annotated[str, Flag(help="The deployment's public key, 64 hex digits, from somebody you trust.")],
    as_json: AsJson = False,
) -> int:
    """Check a file of gifts with proofs: no server, no book, no secret; only the public key.

    Each gift must be under a checkpoint signed with the key, costs must be prices times counts, and the running totals
    must leave nothing out in between. Exits 1 if anything is wrong.

    Example: `livegift verify luna-november.json --key 3b6a…`
    """
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise CannotRun("The key must be 64 hex digits.")
    try:
        document = orjson.loads(file.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise CannotRun(f"{file} can't be read: {error}.") from error
    verdict = hold(document, partial(is_signed, key))
    if as_json:
        earned = {str(p): {"before": before, "after": after} for p, (before, after) in sorted(verdict.earned.items())}
        sums = {"gifts": verdict.gifts, "coins": verdict.coins, "points": verdict.points}
        print_json({"ok": not verdict.wrong, **sums, "earned": earned, "wrong": verdict.wrong})
        return int(bool(verdict.wrong))
    for line in verdict.wrong:
        sys.stderr.write(f"wrong: {line}\n")
    if verdict.wrong:
        return 1
    print(f"All holds: {verdict.gifts:,} gifts, {verdict.coins:,} coins, {verdict.points:,} points.")
    for p, (before, after) in sorted(verdict.earned.items()):
        print(f"partition {p}: from {before:,} points to {after:,}, nothing left out in between")
    return 0


def _ms(at: datetime | None, default: int) -> int:
    if at is None:
        return default
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)
