"""What every route does first and last: who asks, what the body says, and how the answer is written."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from livegift.clock import now_ms
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem
from livegift.identity.claims import Claims, TokenRefused

BODY_BYTES_MAX = 65_536

Body = TypeVar("Body", bound=Struct)


def context_of(request: Request) -> EdgeContext:
    """Return the process that serves this request."""
    context: EdgeContext = request.app.state.context
    return context


async def claims_of(request: Request) -> Claims:
    """Return who is asking; raises ``Problem`` without a good ``Authorization: Bearer``."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem("bad_token", "Authorization: Bearer <token> is missing.")
    try:
        return await context_of(request).identity.verify(token.strip(), now_ms())
    except TokenRefused as no:
        raise Problem(no.code) from no


async def body_of(request: Request, shape: type[Body]) -> Body:
    """Return the body as that struct; raises ``Problem`` for anything else, whatever its Content-Type."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        # Starlette's own limit answers in plain text; ours is a problem document like every other error.
        if len(body) > BODY_BYTES_MAX:
            raise Problem("too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.")
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Problem("bad_request", str(error)) from error


def json(value: Any, *, status: int = 200, cache: str = "no-store") -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(value), status, {"Cache-Control": cache}, media_type="application/json")
