"""What every route does first and last: who asks, what query and body say, and how the answer is written."""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from livegift.domain.keys import SCOPES, ApiKey
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem, bad_field, bad_shape
from livegift.identity.claims import Claims, TokenRefused

BODY_BYTES_MAX = 65_536

ID_PATTERN = r"[A-Za-z0-9._~@|:+=-]{1,64}"
"""Ids that platforms give to users and rooms."""
Id = Annotated[str, Meta(pattern=f"^{ID_PATTERN}$")]
TEXT_CHARS_MAX = 256
"""Longest id in a path, whoever has given it."""

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


def query_of(request: Request, shape: type[Body]) -> Body:
    """Return the query as that struct; raises ``Problem`` naming the field that is none. Others are ignored."""
    try:
        return msgspec.convert(dict(request.query_params), shape, strict=False)
    except msgspec.ValidationError as error:
        raise bad_shape(error) from error


def headers_of(request: Request, shape: type[Body]) -> Body:
    """Return the headers that a struct names; raises ``Problem`` naming the one that is none, or missing."""
    names = [one.encode_name for one in msgspec.structs.fields(shape)]
    found = {name: request.headers[name] for name in names if name in request.headers}
    try:
        return msgspec.convert(found, shape)
    except msgspec.ValidationError as error:
        raise bad_shape(error) from error


def id_in(request: Request, name: str) -> str:
    """Return an id of the platform's out of the path; raises ``Problem`` for what can be none."""
    text = str(request.path_params[name])
    if not re.fullmatch(ID_PATTERN, text):
        raise bad_field(name, "An id is 1 to 64 of the characters A-Z a-z 0-9 . _ ~ @ | : + = -")
    return text


def text_in(request: Request, name: str) -> str:
    """Return an id out of the path, whoever has given it; raises ``Problem`` for what no book can hold."""
    text = str(request.path_params[name])
    if "\x00" in text or len(text) > TEXT_CHARS_MAX:
        raise bad_field(name, f"An id has at most {TEXT_CHARS_MAX} characters, and no NUL among them.")
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


async def body_of(request: Request, shape: type[Body]) -> Body:
    """Return the body as that struct; raises ``Problem`` for anything else.

    A request that does not say what its body is may well mean JSON; one that says something else does not.
    """
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Problem("unsupported_type", f"The body is said to be {media_type[:100]}; it must be application/json.")
    try:
        return msgspec.json.decode(await raw_body_of(request), type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad_shape(error) from error


async def raw_body_of(request: Request) -> bytes:
    """Return the body as it is, for what is signed over its bytes; raises ``Problem`` if it is too large."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        # Starlette's own limit answers in plain text; ours is a problem document like every other error.
        if len(body) > BODY_BYTES_MAX:
            raise Problem("too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.")
    return bytes(body)


def json(value: Any, *, status: int = 200, cache: str = "no-store") -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(value), status, {"Cache-Control": cache}, media_type="application/json")
