"""Commands for the book: audit, backup, restore, recover, repartition."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.table import Table

from livegift.check import insist
from livegift.cli.app import AsJson, Flag, Settings, app, print_json
from livegift.config import Config
from livegift.supervisor import care
from livegift.supervisor.running import audited
from livegift.telemetry import configure_logs


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
