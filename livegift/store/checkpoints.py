"""Checkpoints in the book, and what they are made of: the leaves of every partition, in order.

The rows under a mark never change (a text that is erased leaves its hash), so leaves are read from one snapshot and the
checkpoint over them is written later; of two who write the same number one finds it there.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from livegift.domain.identity import event_id
from livegift.domain.merkle import Levels, Tree
from livegift.domain.proof import CHECKPOINT, FORMAT, GIFT_FIELDS, body_text, leaf_of, leaf_of_gift, sender_mark
from livegift.store.sql import Conflict, Database, Row, Sql, one_row

Sign = Callable[[str], str]
"""Returns the signature of a text, in hex."""

_GIFTS = """SELECT p, epoch, seq, ts_ms, sender_id, receiver_id, room_id, gift_id, catalogue_version, rate_version,
                   price_coins, count, coins, points, earned, text_hash
            FROM gift WHERE p = $1 AND seq > $2 AND seq <= $3 ORDER BY seq"""
_MOVEMENTS = """SELECT p, epoch, seq, ts_ms, user_id, kind, coins, outcome FROM movement
                WHERE p = $1 AND seq > $2 AND seq <= $3 ORDER BY seq"""
ROWS_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One as it stands in the book."""

    number: int
    body: str
    signature: str


class Leaves:
    """Reads leaves of one deployment and incarnation."""

    def __init__(self, secret: bytes, incarnation: int) -> None:
        self._secret = secret
        self._incarnation = incarnation

    def gift(self, row: Row) -> dict[str, Any]:
        """Return a gift's public fields."""
        p, epoch, seq, ts_ms, sender, *others = row
        public_id = event_id(self._secret, incarnation=self._incarnation, partition=p, epoch=epoch, seq=seq)
        mark = sender_mark(self._secret, p, seq, sender)
        return dict(zip(GIFT_FIELDS, (p, epoch, seq, ts_ms, public_id, mark, *others), strict=True))

    async def of(self, sql: Sql, p: int, after: int, upto: int) -> AsyncIterator[bytes]:
        """Yield the leaf hashes of a partition beyond one seq and up to another, in order, without a gap."""
        while after < upto:
            page = min(upto, after + ROWS_AT_ONCE)
            found = {row[2]: leaf_of_gift(self.gift(row)) for row in await sql.rows(_GIFTS, p, after, page)}
            for _, epoch, seq, ts_ms, user, *others in await sql.rows(_MOVEMENTS, p, after, page):
                mark = sender_mark(self._secret, p, seq, user)
                found[seq] = leaf_of("movement", (p, epoch, seq, ts_ms, mark, *others))
            for seq in range(after + 1, page + 1):
                yield found.get(seq) or leaf_of("missing", (p, seq))
            after = page

    async def root(self, sql: Sql, p: int, after: int, upto: int) -> bytes:
        """Return the hash of the tree over these leaves."""
        tree = Tree()
        async for leaf in self.of(sql, p, after, upto):
            tree.add(leaf)
        return tree.root


async def make(
    database: Database, leaves: Leaves, sign: Sign, *, key: str, incarnation: int, now_ms: int
) -> Checkpoint | None:
    """Sign what has been settled since the last checkpoint; None if nothing has, or if somebody else was first."""

    async def read(sql: Sql) -> dict[str, Any] | None:
        last = await sql.row("SELECT number, body FROM checkpoint ORDER BY number DESC LIMIT 1")
        marks = _marks(last[1]) if last else {}
        parts = []
        for p, epoch, mark, chain in await sql.rows("SELECT p, epoch, mark, chain FROM partition ORDER BY p"):
            before = marks.get(p, 0)
            root = await leaves.root(sql, p, before, mark)
            one = {"p": p, "epoch": epoch, "first": before + 1, "mark": mark, "root": root.hex()}
            parts.append({**one, "chain": bytes(chain).hex()})
        if all(one["mark"] < one["first"] for one in parts):
            return None
        return {
            "format": CHECKPOINT,
            "number": last[0] + 1 if last else 1,
            "incarnation": incarnation,
            "key": key,
            "ts_ms": now_ms,
            "previous": hashlib.sha256(last[1].encode()).hexdigest() if last else "",
            "partitions": parts,
        }

    body = await database.read(read)
    if body is None:
        return None
    made = Checkpoint(body["number"], body_text(body), sign(body_text(body)))
    try:
        await database.write(
            lambda sql: sql.run(
                "INSERT INTO checkpoint VALUES ($1, $2, $3, $4)", made.number, now_ms, made.body, made.signature
            )
        )
    except Conflict:
        return None
    return made


def _marks(body: str) -> dict[int, int]:
    return {one["p"]: one["mark"] for one in json.loads(body)["partitions"]}


async def after(sql: Sql, number: int, limit: int) -> list[Checkpoint]:
    """Return the checkpoints behind that number, oldest first."""
    rows = await sql.rows(
        "SELECT number, body, signature FROM checkpoint WHERE number > $1 ORDER BY number LIMIT $2", number, limit
    )
    return [Checkpoint(*row) for row in rows]


async def wrong_ones(sql: Sql, secret: bytes, is_signed: Callable[[str, str], bool]) -> tuple[int, list[str]]:
    """Return how many checkpoints there are, and a sentence for each that the rows do not bear out."""
    findings: list[str] = []
    previous, count = "", 0
    for one in await after(sql, 0, 1_000_000):
        count += 1
        body = json.loads(one.body)
        if not is_signed(one.body, one.signature):
            findings.append(f"checkpoint {one.number} is not signed with this key")
        if body["number"] != one.number or body["previous"] != previous:
            findings.append(f"checkpoint {one.number} does not follow the one before it")
        previous = hashlib.sha256(one.body.encode()).hexdigest()
        leaves = Leaves(secret, body["incarnation"])
        for part in body["partitions"]:
            root = await leaves.root(sql, part["p"], part["first"] - 1, part["mark"])
            if root.hex() != part["root"]:
                findings.append(f"checkpoint {one.number}: the rows of partition {part['p']} make another root")
    return count, findings


async def proofs_of(
    database: Database, secret: bytes, creator_id: str, *, since_ms: int, until_ms: int, key: str
) -> dict[str, Any]:
    """Return a creator's gifts of a period, as far as checkpoints reach, each with its proof: ``livegift verify``."""

    async def read(sql: Sql) -> dict[str, Any]:
        told: list[dict[str, Any]] = []
        used = []
        for one in await after(sql, 0, 1_000_000):
            found: list[dict[str, Any]] = []
            body = json.loads(one.body)
            leaves = Leaves(secret, body["incarnation"])
            for part in body["partitions"]:
                p, first, mark = part["p"], part["first"], part["mark"]
                rows = await sql.rows(
                    _GIFTS.replace("ORDER BY", "AND receiver_id = $4 AND ts_ms >= $5 AND ts_ms < $6 ORDER BY"),
                    *(p, first - 1, mark, creator_id, since_ms, until_ms),
                )
                if rows:
                    levels = Levels([leaf async for leaf in leaves.of(sql, p, first - 1, mark)])
                    found += [
                        {
                            **leaves.gift(row),
                            "checkpoint": one.number,
                            "path": [beside.hex() for beside in levels.path(row[2] - first)],
                        }
                        for row in rows
                    ]
            if found:
                used.append({"body": body, "signature": one.signature})
                told += found
        sums = {name: sum(gift[field] for gift in told) for name, field in _SUMS.items()}
        base = {"format": FORMAT, "key": key, "creator": creator_id, "since_ms": since_ms, "until_ms": until_ms}
        return {**base, "totals": sums, "checkpoints": used, "gifts": told}

    return await database.read(read)


_SUMS = {"gifts": "count", "coins": "coins", "points": "points"}


async def incarnation_of(database: Database) -> int:
    """Return the book's incarnation."""
    return int((await database.read(lambda sql: one_row(sql, "SELECT incarnation FROM book")))[0])
