"""Users, for the platform's own servers: made under the platform's ids, named, given tokens, sent away."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import now_ms
from livegift.domain.people import User
from livegift.edge.api.describing import describe
from livegift.edge.api.reading import Id, body_of, context_of, id_in, json, key_of
from livegift.edge.problems import Problem
from livegift.identity.claims import Role
from livegift.identity.own import mint
from livegift.store.platform import IsErased
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

    role: Role | None = None
    rooms: list[Id] | None = None
    adult: bool | None = None
    ttl_s: Annotated[int, Meta(ge=1, le=TOKEN_S_MAX)] | None = None


class ReasonBody(Struct):
    """Body of what an operator must be able to explain."""

    reason: Reason


class PlatformUser(Struct, frozen=True):
    """A user as the platform named them."""

    id: str
    name: str
    role: str


class PlatformWallet(PlatformUser, frozen=True):
    """A user, and how many coins they have."""

    balance: int


class MintedToken(Struct, frozen=True):
    """A token for a user's own client, and when it ends."""

    token: str
    expires_ms: int


class Revoked(Struct, frozen=True):
    """Whose tokens have ended: all that were issued up to ``revoked_before_ms``."""

    id: str
    revoked_before_ms: int


class CreatorPoints(Struct, frozen=True):
    """What a creator has earned in settled gifts."""

    id: str
    points: int


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


@describe(
    tag="users",
    body=UserBody,
    answer=PlatformUser,
    status=(200, 201),
    bearer="key",
    scope="users:write",
    has_platform_ids=True,
    problems=("erased",),
)
async def put_user(request: Request) -> Response:
    """Make a user under the platform's id, or give them a new name or role; the same again changes nothing."""
    context, key = context_of(request), await key_of(request, "users:write")
    body = await body_of(request, UserBody)
    name = context.clean(body.name)
    if name is None:
        raise Problem("bad_request", "The name can't be shown.")
    user = User(id_in(request, "user_id"), name, body.role)
    try:
        is_new = await context.platform.put_user(user, by=key.actor, now_ms=now_ms())
    except IsErased as no:
        raise Problem("erased") from no
    return json(PlatformUser(user.id, user.name, user.role), status=201 if is_new else 200)


@describe(
    tag="users",
    answer=PlatformWallet,
    bearer="key",
    scope="users:read",
    has_platform_ids=True,
    problems=("unknown_user",),
)
async def user(request: Request) -> Response:
    """Look at a user, and how many coins they have."""
    context, _ = context_of(request), await key_of(request, "users:read")
    found = await known(request)
    balance = await context.gifting.balance(found.id)
    return json(PlatformWallet(found.id, found.name, found.role, balance))


@describe(
    tag="users",
    body=TokenBody,
    answer=MintedToken,
    status=201,
    bearer="key",
    scope="users:write",
    has_platform_ids=True,
    problems=("unknown_user",),
)
async def mint_token(request: Request) -> Response:
    """Mint a token for a user, as ``livegift token`` prints one: for platforms that mint none themselves."""
    context, _ = context_of(request), await key_of(request, "users:write")
    body = await body_of(request, TokenBody)
    found = await known(request)
    role = body.role or found.role
    ttl_s = body.ttl_s or context.config.token_ttl_s
    token = mint(context.secret, found.id, found.name, role, ttl_s, rooms=body.rooms, is_adult=body.adult)
    return json(MintedToken(token, now_ms() + ttl_s * 1_000), status=201)


@describe(
    tag="users",
    body=ReasonBody,
    answer=Revoked,
    bearer="key",
    scope="users:write",
    has_platform_ids=True,
)
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
    return json(Revoked(user_id, at_ms))


@describe(
    tag="users",
    answer=CreatorPoints,
    bearer="key",
    scope="users:read",
    has_platform_ids=True,
    problems=("unknown_user",),
)
async def points(request: Request) -> Response:
    """Look at the points that a creator has earned in settled gifts."""
    context, _ = context_of(request), await key_of(request, "users:read")
    found = await known(request)
    return json(CreatorPoints(found.id, await context.platform.points(found.id)))
