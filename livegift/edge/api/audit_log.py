"""The audit log, for those whose work it is."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge.api.reading import claims_of, context_of, json, number_in
from livegift.edge.problems import Problem
from livegift.store import audit_log as log

ROLES = ("auditor", "admin")
LIMIT_MAX = 1_000


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/audit-log", audit_log)]


async def audit_log(request: Request) -> Response:
    """The lines behind the number ``after``, oldest first: by tokens with the role auditor or admin."""
    claims = await claims_of(request)
    if claims.role not in ROLES:
        raise Problem("not_allowed", f"This is for the roles {' and '.join(ROLES)}.")
    after = number_in(request, "after", default=0, low=0, high=999_999_999)
    limit = number_in(request, "limit", default=100, low=1, high=LIMIT_MAX)
    reads, _ = context_of(request).book.databases
    lines = await reads.read(lambda sql: log.lines(sql, after=after, limit=limit))
    told = [
        {
            "number": line.number,
            "ts_ms": line.ts_ms,
            "actor": line.action.actor,
            "verb": line.action.verb,
            "subject": line.action.subject,
            "reason": line.action.reason,
            "before": line.action.before,
            "after": line.action.after,
            "erased": line.is_erased,
        }
        for line in lines
    ]
    return json({"lines": told})
