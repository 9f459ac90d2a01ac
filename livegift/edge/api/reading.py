"""What every route does first and last: who asks, what the body says, and how the answer is written."""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from livegift.domain.keys import SCOPES, ApiKey
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem
from livegift.identity.claims import Claims, TokenRefused

BODY_BYTES_MAX = 65_536
TEXT_CHARS_MAX = 256

ID_PATTERN = r"[A-Za-z0-9._~@|:+=-]{1,64}"
"""Ids that platforms give to users and rooms."""
Id = Annotated[str, Meta(pattern=f"^{ID_PATTERN}$")]

Body = TypeVar("Body", bound=Struct)


def context_of(request: Request) -> EdgeContext:
    """Return the process that serves this request."""
    context: EdgeContext = request.app.state.context
    return context


def bearer_of(request: Request) -> str:
    """Return what stands behind ``Authorization: Bearer``; raises ``Problem`` if nothing does."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem("bad_token", "Authorization: Bearer <token> is missing.")
    return token.strip()


async def key_of(request: Request, scope: str) -> ApiKey:
    """Return the API key that is asking; raises ``Problem`` without a good one, or if it lacks that scope."""
    key = await context_of(request).keyring.key(bearer_of(request))
    if key is None:
        raise Problem("bad_token", "This is no API key, or one that was revoked.")
    if scope not in key.scopes:
        raise Problem("not_allowed", f"This key lacks the scope {scope}: it may not {SCOPES[scope]}.")
    return key


def number_in(request: Request, name: str, *, default: int, low: int, high: int) -> int:
    """Return a whole number out of the query; raises ``Problem`` for anything else, or beyond the bounds."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise Problem("bad_request", f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def id_in(request: Request, name: str) -> str:
    """Return an id out of the path; raises ``Problem`` for what can be none."""
    text = str(request.path_params[name])
    if not re.fullmatch(ID_PATTERN, text):
        raise Problem("bad_request", f"{name} must be 1 to 64 of the characters A-Z a-z 0-9 . _ ~ @ | : + = -")
    return text


async def claims_of(request: Request) -> Claims:
    """Return who is asking; raises ``Problem`` without a good ``Authorization: Bearer``."""
    try:
        return await context_of(request).claims(bearer_of(request))
    except TokenRefused as no:
        raise Problem(no.code) from no


def insist_on(request: Request, claims: Claims) -> None:
    """Raise ``Problem`` if these claims are good no more, after something was waited for."""
    try:
        context_of(request).insist(claims)
    except TokenRefused as no:
        raise Problem(no.code) from no


def text_in(request: Request, name: str) -> str:
    """Return a text out of the path that is asked of the book; raises ``Problem`` for what no book could hold."""
    text = str(request.path_params[name])
    if not 1 <= len(text) <= TEXT_CHARS_MAX or "\x00" in text:
        raise Problem("bad_request", f"{name} must have 1 to {TEXT_CHARS_MAX} characters, and no NUL among them.")
    return text


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
