"""The audit log: one chained line for every action, written in the transaction of what it tells of."""

import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from livegift.domain.action import Action
from livegift.domain.chain import GENESIS, link, text_hash
from livegift.store.sql import Sql, one_row

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Line:
    """An action as it stands in the log; ``is_erased`` where reason, before and after are gone."""

    number: int
    ts_ms: int
    action: Action
    is_erased: bool


async def record(sql: Sql, action: Action, *, now_ms: int) -> int:
    """Append an action to the log, inside the transaction that does it, and return its number.

    The head's row is locked until the transaction ends, so that numbers are gapless and the chain has one order.
    """
    number, head = await one_row(sql, "UPDATE audit_head SET number = number + 1 WHERE one = 1 RETURNING number, chain")
    salt = secrets.token_bytes(SALT_BYTES)
    body = _body(action)
    body_hash = text_hash(body, salt)
    chain = link(bytes(head), (number, now_ms, action.actor, action.verb, action.subject, body_hash))
    await sql.run("UPDATE audit_head SET chain = $1 WHERE one = 1", chain)
    await sql.run(
        "INSERT INTO audit_log VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        *(number, now_ms, action.actor, action.verb, action.subject, body, salt, body_hash, chain),
    )
    return int(number)


async def record_care(sql: Sql, verb: str, *, now_ms: int, before: Any = None, after: Any = None) -> None:
    """Append what an operator has done with the whole book, inside the transaction that does it."""
    (incarnation,) = await one_row(sql, "SELECT incarnation FROM book")
    action = Action(actor="cli", verb=verb, subject=f"book:{incarnation}", before=before, after=after)
    await record(sql, action, now_ms=now_ms)


async def lines(sql: Sql, *, after: int = 0, limit: int = 1_000) -> list[Line]:
    """Return the lines behind that number, oldest first."""
    rows = await sql.rows(
        "SELECT number, ts_ms, actor, verb, subject, body FROM audit_log WHERE number > $1 ORDER BY number LIMIT $2",
        *(after, limit),
    )
    return [_line(*row) for row in rows]


async def broken_at(sql: Sql) -> int | None:
    """Return the number of the first line that is missing or not what the chain says, None if all are whole."""
    head, before = GENESIS, 0
    async for number, ts_ms, actor, verb, subject, body, salt, body_hash, chain in sql.stream(
        "SELECT number, ts_ms, actor, verb, subject, body, salt, body_hash, chain FROM audit_log ORDER BY number"
    ):
        head = link(head, (number, ts_ms, actor, verb, subject, body_hash))
        is_told = body is None or hmac.compare_digest(text_hash(body, bytes(salt)), body_hash)
        if number != before + 1 or not is_told or head != bytes(chain):
            return before + 1
        before = int(number)
    count, last = await one_row(sql, "SELECT number, chain FROM audit_head WHERE one = 1")
    return None if (count, bytes(last)) == (before, head) else before + 1


def _body(action: Action) -> str:
    told = {"reason": action.reason, "before": action.before, "after": action.after}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _line(number: int, ts_ms: int, actor: str, verb: str, subject: str, body: str | None) -> Line:
    told: dict[str, Any] = json.loads(body) if body is not None else {}
    action = Action(actor=actor, verb=verb, subject=subject, **told)
    return Line(number, ts_ms, action, body is None)
