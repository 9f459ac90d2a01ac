"""Users, for the platform's own servers: made under the platform's ids, named, given tokens, sent away."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import now_ms
from livegift.domain.people import User
from livegift.edge.api.reading import Id, body_of, context_of, id_in, json, key_of
from livegift.edge.problems import Problem
from livegift.identity.claims import ROLES
from livegift.identity.own import mint
from livegift.wire.messages import NO_NUL

TOKEN_S_MAX = 86_400
REVOKED_S = 400 * 86_400
"""How long a revocation is kept: longer than any token should live, whoever has minted it."""
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]


class UserBody(Struct):
    """Body of PUT /v1/users/{user_id}."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]
    role: Literal["viewer", "creator"] = "viewer"


class TokenBody(Struct):
    """Body of POST /v1/users/{user_id}/tokens; ``ttl_s`` in seconds, the setting's if it is left out."""

    role: str | None = None
    rooms: list[Id] | None = None
    adult: bool | None = None
    ttl_s: Annotated[int, Meta(ge=1, le=TOKEN_S_MAX)] | None = None


class ReasonBody(Struct):
    """Body of what an operator must be able to explain."""

    reason: Reason


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/users/{user_id}", put_user, methods=["PUT"]),
        Route("/v1/users/{user_id}", user),
        Route("/v1/users/{user_id}/tokens", mint_token, methods=["POST"]),
        Route("/v1/users/{user_id}/revoke", revoke, methods=["POST"]),
        Route("/v1/creators/{user_id}/points", points),
    ]


async def known(request: Request) -> User:
    """Return the user whom the path names; raises ``Problem``."""
    found = await context_of(request).book.user(id_in(request, "user_id"))
    if found is None:
        raise Problem("unknown_user")
    return found


async def put_user(request: Request) -> Response:
    """Make a user under the platform's id, or give them a new name or role; the same again changes nothing."""
    context, key = context_of(request), await key_of(request, "users:write")
    body = await body_of(request, UserBody)
    name = context.clean(body.name)
    if name is None:
        raise Problem("bad_request", "The name can't be shown.")
    user = User(id_in(request, "user_id"), name, body.role)
    is_new = await context.platform.put_user(user, by=key.actor, now_ms=now_ms())
    return json({"id": user.id, "name": user.name, "role": user.role}, status=201 if is_new else 200)


async def user(request: Request) -> Response:
    """A user, and how many coins they have."""
    context, _ = context_of(request), await key_of(request, "users:read")
    found = await known(request)
    balance = await context.gifting.balance(found.id)
    return json({"id": found.id, "name": found.name, "role": found.role, "balance": balance})


async def mint_token(request: Request) -> Response:
    """A token for a user, as ``livegift token`` prints one: for platforms that mint none themselves."""
    context, _ = context_of(request), await key_of(request, "users:write")
    body = await body_of(request, TokenBody)
    found = await known(request)
    role = body.role or found.role
    if role not in ROLES:
        raise Problem("bad_request", f"role must be one of {', '.join(ROLES)}.")
    ttl_s = body.ttl_s or context.config.token_ttl_s
    token = mint(context.secret, found.id, found.name, role, ttl_s, rooms=body.rooms, is_adult=body.adult)
    return json({"token": token, "expires_ms": now_ms() + ttl_s * 1_000}, status=201)


async def revoke(request: Request) -> Response:
    """End all sockets and tokens of a user on every edge; tokens minted from now on are good."""
    context, key = context_of(request), await key_of(request, "users:write")
    body = await body_of(request, ReasonBody)
    at_ms = now_ms()
    until_ms = at_ms + REVOKED_S * 1_000
    user_id = id_in(request, "user_id")
    await context.platform.revoke(user_id, by=key.actor, reason=body.reason, before_ms=at_ms, until_ms=until_ms)
    context.revocations.look_now()
    await context.gifting.people_have_news()
    return json({"id": user_id, "revoked_before_ms": at_ms})


async def points(request: Request) -> Response:
    """The points that a creator has earned in settled gifts."""
    context, _ = context_of(request), await key_of(request, "users:read")
    found = await known(request)
    return json({"id": found.id, "points": await context.platform.points(found.id)})
