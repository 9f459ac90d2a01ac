"""HTTP errors as problem documents (RFC 9457), with the same codes as the WebSocket protocol."""

import math

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from livegift.errors import Fault
from livegift.wire.codes import REFUSALS, TEMPORARY

STATUS = {
    "bad_request": 400,
    "bad_token": 401,
    "token_expired": 401,
    "not_allowed": 403,
    "banned": 403,
    "muted": 403,
    "not_wanted": 409,
    "adults_only": 403,
    "unknown_room": 404,
    "unknown_user": 404,
    "unknown_gift": 404,
    "unknown_receiver": 404,
    "bad_count": 400,
    "bad_id": 400,
    "room_closed": 409,
    "gift_unavailable": 409,
    "price_changed": 409,
    "mismatch": 409,
    "expired": 409,
    "self_gift": 409,
    "insufficient_coins": 409,
    "frozen": 409,
    "limit": 409,
    "unknown_route": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "rate_limited": 429,
    "busy": 503,
    "unavailable": 503,
}

log = structlog.get_logger(__name__)


class Problem(Exception):
    """An HTTP answer that says why not; ``code`` is one of ``STATUS``, ``fields`` are numbers that belong to it."""

    def __init__(self, code: str, detail: str | None = None, **fields: int) -> None:
        self.code = code
        self.fields = fields
        self.detail = detail or REFUSALS.get(code) or TEMPORARY.get(code) or code
        super().__init__(self.detail)


def problem_response(
    code: str, detail: str, *, status: int | None = None, retry_after_ms: int = 0, **fields: int
) -> Response:
    """Return a problem document; ``fields`` are those that the code has on the WebSocket, too."""
    status = status or STATUS[code]
    title = (REFUSALS | TEMPORARY).get(code, code.replace("_", " ").capitalize() + ".")
    body = {
        "type": f"/docs/protocol#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **fields,
    }
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if retry_after_ms:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_ms / 1_000)))
        fields["retry_after_ms"] = retry_after_ms
    return Response(msgspec.json.encode(body), status, headers, media_type="application/problem+json")


async def on_problem(_: Request, error: Exception) -> Response:
    """Answer a ``Problem``."""
    assert isinstance(error, Problem)
    return problem_response(error.code, error.detail, **error.fields)


async def on_fault(_: Request, fault: Exception) -> Response:
    """Answer a fault: 503, and when to try again."""
    assert isinstance(fault, Fault)
    return problem_response(fault.code, TEMPORARY[fault.code], retry_after_ms=fault.retry_after_ms)


async def on_http(_: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: no such route, wrong method, a body too large."""
    assert isinstance(error, HTTPException)
    code = {404: "unknown_route", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "bad_request")
    return problem_response(code, error.detail, status=error.status_code)


async def on_bug(request: Request, error: Exception) -> Response:
    """Answer a bug of ours; it is logged, and tells the caller nothing."""
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem_response("unavailable", "This server has a bug; it has been logged.", status=500)
