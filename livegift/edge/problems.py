"""HTTP errors as problem documents (RFC 9457), with the same codes as the WebSocket protocol."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from livegift.edge.request_ids import HEADER, request_id_of
from livegift.errors import Fault
from livegift.wire.codes import HTTP, REFUSALS, TEMPORARY

BASE = "livegift.base_path"
"""Where a request's scope holds the path that all of livegift is below, if it is below one (``based.py``)."""
MEDIA_TYPE = "application/problem+json"
TITLES = REFUSALS | TEMPORARY | HTTP
"""What each code means; where its ``type`` points to, it is explained."""
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
    "unknown_hook": 404,
    "erased": 410,
    "unknown_route": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "too_large": 413,
    "unsupported_type": 415,
    "rate_limited": 429,
    "internal": 500,
    "busy": 503,
    "unavailable": 503,
}

log = structlog.get_logger(__name__)


class FieldError(Struct, frozen=True):
    """What is wrong with one field of the body (``a.b[0]``), the query, the path or the header."""

    field: str
    message: str


class ProblemDocument(Struct, frozen=True, omit_defaults=True):
    """Why not (RFC 9457): ``code`` is for programs, ``detail`` for people. The rest stands where the code has it."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retry_after_ms: int | None = None
    balance: int | None = None
    needed: int | None = None
    price_coins: int | None = None
    now_ms: int | None = None
    errors: list[FieldError] | None = None


class Problem(Exception):
    """An HTTP answer that says why not; ``code`` is one of ``STATUS``, ``fields`` are numbers that belong to it."""

    def __init__(
        self, code: str, detail: str | None = None, *, errors: Sequence[FieldError] = (), **fields: int
    ) -> None:
        self.code = code
        self.fields = fields
        self.errors = errors
        self.detail = detail or TITLES[code]
        super().__init__(self.detail)


def bad_field(name: str, message: str) -> Problem:
    """Return the refusal of a request in which one field is wrong."""
    return Problem("bad_request", f"{name}: {message}", errors=[FieldError(name, message)])


def bad_shape(error: msgspec.MsgspecError | UnicodeDecodeError) -> Problem:
    """Return the refusal of what does not have the shape of a struct; it names the field where there is one."""
    if not isinstance(error, msgspec.ValidationError):
        return Problem("bad_request", f"The body is no JSON: {error}.")
    message, _, path = str(error).partition(" - at `$")
    field = path.removesuffix("`").lstrip(".")
    if missing := re.search(r"missing required field `(.+)`", message):
        field, message = f"{field}.{missing[1]}".lstrip("."), "This field is missing"
    return bad_field(field, f"{message}.") if field else Problem("bad_request", f"{message}.")


def base_of(scope: Mapping[str, Any]) -> str:
    """Return what paths that are told to the outside begin with: '' or as ``/gifts``."""
    return str(scope.get(BASE, ""))


def problem_response(
    code: str,
    detail: str,
    *,
    base: str = "",
    status: int | None = None,
    retry_after_ms: int | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    **fields: int,
) -> Response:
    """Return a problem document; ``fields`` are those that the code has on the WebSocket, too."""
    status = status or STATUS[code]
    more = {"Cache-Control": "no-store", **(headers or {})}
    if status == 401:
        more["WWW-Authenticate"] = "Bearer"
    if retry_after_ms:
        more["Retry-After"] = str(max(1, math.ceil(retry_after_ms / 1_000)))
    document = ProblemDocument(
        type=f"{base}/docs/protocol#{code}",
        title=TITLES[code],
        status=status,
        detail=detail,
        code=code,
        retry_after_ms=retry_after_ms,
        errors=list(errors) or None,
        **fields,
    )
    return Response(msgspec.json.encode(document), status, more, media_type=MEDIA_TYPE)


async def on_problem(request: Request, error: Exception) -> Response:
    """Answer a ``Problem``."""
    assert isinstance(error, Problem)
    return problem_response(
        error.code, error.detail, errors=error.errors, headers=None, base=base_of(request.scope), **error.fields
    )


async def on_fault(request: Request, fault: Exception) -> Response:
    """Answer a fault: 503, and when to try again."""
    assert isinstance(fault, Fault)
    why, base = TEMPORARY[fault.code], base_of(request.scope)
    return problem_response(fault.code, why, retry_after_ms=fault.retry_after_ms, base=base)


async def on_http(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: no such route, wrong method, a body too large."""
    assert isinstance(error, HTTPException)
    code = {404: "unknown_route", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "bad_request")
    detail = TITLES[code] if error.detail in ("Not Found", "Method Not Allowed") else error.detail
    return problem_response(code, detail, status=error.status_code, headers=error.headers, base=base_of(request.scope))


async def on_gone(request: Request, error: Exception) -> Response:
    """Answer who has left amid their body: nobody hears it, and it is no bug."""
    assert isinstance(error, ClientDisconnect)
    return problem_response("bad_request", "The body did not come to its end.", base=base_of(request.scope))


async def on_bug(request: Request, error: Exception) -> Response:
    """Answer a bug of ours; it is logged, and tells the caller nothing."""
    # This stands outside of all middleware: nothing else names the request any more.
    name = request_id_of(request.scope)
    log.error("request_failed", path=request.url.path, request=name, exc_info=error)
    return problem_response("internal", TITLES["internal"], headers={HEADER: name}, base=base_of(request.scope))


HANDLERS = {
    Problem: on_problem,
    Fault: on_fault,
    HTTPException: on_http,
    ClientDisconnect: on_gone,
    Exception: on_bug,
}
"""What an application answers errors with."""
