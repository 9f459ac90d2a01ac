"""The book as one file: a backup taken beside a running server, and the way back into either kind of book.

The file is gzipped MessagePack: a header, then for every table its name and columns, its rows as arrays and ``None``,
and last a trailer with the number of rows and the SHA-256 of everything before it. It is one snapshot, it knows nothing
of SQLite or PostgreSQL, and a restore recomputes every balance and chain before it lets the new book stand.
"""

import gzip
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgpack
from msgpack.exceptions import UnpackException

from livegift.errors import CannotRun
from livegift.store.migrate import migrate_to, schema_known
from livegift.store.recompute import Findings, replay_book
from livegift.store.sql import Database, Row, Sql, one_row

FORMAT = "livegift book 1"
ROWS_AT_ONCE = 5_000
TABLES = {
    "book": "one, incarnation, partitions, created_ms",
    "partition": "p, epoch, mark, announced, generation, inbox_given, inbox_done, clock_ms, chain, coins_issued, "
    "coins_spent",
    "person": "id, name, role, created_ms",
    "room": "id, title, creator_id, created_ms, closed_at_ms",
    "rate": "version, usd_micros_per_point, from_ms",
    "catalogue": "version, id, place, name, price_coins, tier, streakable, image, active",
    "wallet": "user_id, p, coins, frozen, last_seq",
    "stripe": "p, creator_id, points",
    "gift": "p, seq, epoch, ts_ms, gift_event_id, digest, sender_id, receiver_id, room_id, gift_id, catalogue_version, "
    "rate_version, price_coins, count, coins, points, anonymous, message, salt, text_hash, balance, earned, prev",
    "movement": "p, number, user_id, kind, coins, asked_ms, seq, epoch, ts_ms, outcome, balance",
    "room_mark": "room_id, p, seq",
    "room_behind": "room_id, since_ms",
    "layout": "since_epoch, partitions",
    "audit_head": "one, number, chain",
    "audit_log": "number, ts_ms, actor, verb, subject, body, salt, body_hash, chain",
    "api_key": "id, name, fingerprint, scopes, created_ms, revoked_ms",
    "request": "actor, key, digest, result, asked_ms",
    "revocation": "user_id, before_ms, until_ms",
    "sanction_head": "one, change",
    "sanction": "room_id, user_id, kind, until_ms, change",
    "room_moderator": "room_id, user_id",
    "policy": "creator_id, body, changed_ms",
    "checkpoint": "number, ts_ms, body, signature",
    "erasure": "user_id, erased_ms",
    "stream": "hook, name, at_ms, room_id",
}
"""Every table with its columns, in an order in which references come after what they refer to."""
SINCE_SCHEMA = {
    "layout": 2,
    "audit_head": 3,
    "audit_log": 3,
    "api_key": 4,
    "request": 4,
    "revocation": 4,
    "sanction_head": 5,
    "sanction": 5,
    "room_moderator": 5,
    "policy": 5,
    "checkpoint": 6,
    "erasure": 7,
    "stream": 8,
}
"""Tables that older backups do not have."""


def fingerprint(secret: bytes) -> str:
    """Return what tells one deployment's secret from another's, and nothing else about it."""
    return hashlib.sha256(b"livegift secret" + secret).hexdigest()[:16]


async def dump(database: Database, path: Path, *, secret: bytes, now_ms: int) -> dict[str, Any]:
    """Write the book to a new file and return its header with ``rows``; gifts go on meanwhile.

    Raises ``CannotRun`` if the file exists or can't be written, ``Unavailable``. A file that was not finished is gone.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                return await database.read(lambda sql: _write(sql, file, secret=secret, now_ms=now_ms))
            except BaseException:
                os.unlink(path)  # noqa: PTH108 - of a command, not of a server
                raise
    except OSError as error:
        raise CannotRun(f"The backup can't be written to {path}: {error.strerror or error}.") from error


async def _write(sql: Sql, file: IO[bytes], *, secret: bytes, now_ms: int) -> dict[str, Any]:
    incarnation, partitions = await one_row(sql, "SELECT incarnation, partitions FROM book")
    header: dict[str, Any] = {"format": FORMAT, "schema": schema_known(), "made_ms": now_ms}
    header |= {"incarnation": incarnation, "partitions": partitions, "secret": fingerprint(secret)}
    digest, packer, rows = hashlib.sha256(), msgpack.Packer(), 0
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as out:

        def put(value: object) -> None:
            packed = packer.pack(value)
            digest.update(packed)
            out.write(packed)

        put(header)
        for table, columns in TABLES.items():
            put([table, columns.split(", ")])
            async for row in sql.stream(f"SELECT {columns} FROM {table}"):  # noqa: S608 - ours
                put(row)
                rows += 1
            put(None)
        out.write(packer.pack({"rows": rows, "sha256": digest.hexdigest()}))
    return header | {"rows": rows}


async def load(database: Database, path: Path, *, secret: bytes) -> dict[str, Any]:
    """Make the book of a backup in an empty database and return the backup's header with ``rows``.

    Nothing stands before the whole file has been read, its sum agrees and every balance and chain has been recomputed.
    Raises ``CannotRun``: no backup, damaged, another secret's, a newer livegift's, or the database holds a book.
    """

    async def write(sql: Sql) -> dict[str, Any]:
        try:
            with gzip.open(path, "rb") as file:
                return await _read(sql, _Reader(file, path), secret)  # type: ignore[arg-type]
        except (OSError, EOFError, UnpackException, ValueError) as error:
            raise CannotRun(f"{path} is no backup that can be read: {error}.") from error

    return await database.write(write)


async def _read(sql: Sql, reader: "_Reader", secret: bytes) -> dict[str, Any]:
    header = reader.header()
    if header["secret"] != fingerprint(secret):
        raise CannotRun(
            f"{reader.path} was made under another secret: put its secret.key into the data directory first, else no "
            "receipt of before could be recognised."
        )
    if header["schema"] > schema_known():
        raise CannotRun(f"{reader.path} has schema {header['schema']}, this livegift knows up to {schema_known()}.")
    if await sql.schema_version() != 0:
        raise CannotRun("There is a book already: move it away, or name an empty database with --store.")
    await migrate_to(sql, header["schema"])
    for table, columns in reader.tables(header["schema"]):
        if TABLES.get(table) != ", ".join(columns):
            raise ValueError(f"its table {table} is not one of ours")
        places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        for rows in reader.batches():
            await sql.run_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)  # noqa: S608
    reader.check_trailer()
    await migrate_to(sql, schema_known())
    findings = Findings()
    await replay_book(sql, findings, at_seq=lambda _: None, on_gift=lambda _p, _gift: None)
    if findings.count:
        raise CannotRun(f"The book in {reader.path} does not agree with itself: {findings.lines[0]}.")
    return header | {"rows": reader.rows}


class _Reader:
    """Reads one backup from front to back."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.path = path
        self.rows = 0
        # A row is small: a number that claims otherwise is damage, and must not ask for the memory.
        self._unpacker = msgpack.Unpacker(file, max_buffer_size=16 * 2**20, strict_map_key=True)
        self._packer = msgpack.Packer()
        self._digest = hashlib.sha256()

    def _next(self) -> Any:
        value = self._unpacker.unpack()
        self._digest.update(self._packer.pack(value))
        return value

    def header(self) -> dict[str, Any]:
        header = self._next()
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ValueError("it does not begin as one")
        return header

    def tables(self, schema: int) -> Iterator[tuple[str, list[str]]]:
        for table in TABLES:
            if SINCE_SCHEMA.get(table, 1) <= schema:
                table, columns = self._next()
                yield table, columns

    def batches(self) -> Iterator[list[Row]]:
        batch: list[Row] = []
        while (row := self._next()) is not None:
            batch.append(tuple(row))
            self.rows += 1
            if len(batch) == ROWS_AT_ONCE:
                yield batch
                batch = []
        yield batch

    def check_trailer(self) -> None:
        digest = self._digest.hexdigest()
        trailer = self._unpacker.unpack()
        if trailer != {"rows": self.rows, "sha256": digest}:
            raise ValueError("its sum does not agree")
