"""The audit log, for those whose work it is."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge.api.describing import describe
from livegift.edge.api.paging import NUMBER_MAX, Number, PageQuery, Pages
from livegift.edge.api.reading import claims_of, context_of, json, query_of
from livegift.edge.problems import Problem
from livegift.store import audit_log as log

ROLES = ("auditor", "admin")
PAGES = Pages[int]("audit-log", Number)


class LinesQuery(PageQuery):
    """Which lines of a list that only grows: those behind a number, for who goes on where they once ended."""

    after: Annotated[int, Meta(ge=0, le=NUMBER_MAX, description="Only what has a higher number.")] = 0


class AuditLine(Struct, frozen=True):
    """One action; ``erased`` where reason, before and after are gone."""

    number: int
    ts_ms: int
    actor: str
    verb: str
    subject: str
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    erased: bool


class AuditLines(Struct, frozen=True):
    """A page of the audit log, oldest first."""

    lines: list[AuditLine]
    next: str | None


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/audit-log", audit_log)]


@describe(tag="proofs", answer=AuditLines, query=LinesQuery, bearer="token", problems=("not_allowed",))
async def audit_log(request: Request) -> Response:
    """Read the audit log, oldest first: with a token whose role is auditor or admin."""
    claims = await claims_of(request)
    if claims.role not in ROLES:
        raise Problem("not_allowed", f"This is for the roles {' and '.join(ROLES)}.")
    query = query_of(request, LinesQuery)
    after = max(query.after, PAGES.place(query.cursor) or 0)
    reads, _ = context_of(request).book.databases
    found = await reads.read(lambda sql: log.lines(sql, after=after, limit=query.limit + 1))
    shown, behind = PAGES.page(found, query.limit, lambda line: line.number)
    return json(AuditLines([_told(line) for line in shown], behind))


def _told(line: log.Line) -> AuditLine:
    action = line.action
    return AuditLine(
        *(line.number, line.ts_ms, action.actor, action.verb, action.subject),
        *(action.reason, action.before, action.after, line.is_erased),
    )
