"""The HTTP API under /v1: JSON in, JSON out, errors as problem documents."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import now_ms
from livegift.domain.people import RoomRow
from livegift.edge.auth import Claims, TokenRefused, mint, verify
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem
from livegift.errors import Unavailable
from livegift.hub.frames import snapshot_of
from livegift.wire.asyncapi import asyncapi
from livegift.wire.folds import RoomView
from livegift.wire.messages import NO_NUL

BODY_BYTES_MAX = 65_536
GRANT_TIMEOUT_MS = 5_000
WALLET_ROWS_MAX = 100

Body = TypeVar("Body", bound=Struct)


class Login(Struct, forbid_unknown_fields=False):
    """Body of POST /v1/demo/login."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    role: Literal["viewer", "creator"] = "viewer"


class NewRoom(Struct):
    """Body of POST /v1/rooms."""

    title: Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]


def routes() -> list[Route]:
    """Return the API's routes."""
    return [
        Route("/v1/demo/login", demo_login, methods=["POST"]),
        Route("/v1/catalogue", catalogue),
        Route("/v1/rooms", create_room, methods=["POST"]),
        Route("/v1/rooms", rooms),
        Route("/v1/rooms/{room_id}", room),
        Route("/v1/rooms/{room_id}/close", close_room, methods=["POST"]),
        Route("/v1/wallet", wallet),
        Route("/v1/asyncapi.json", asyncapi_json),
        Route("/readyz", readyz),
    ]


def context_of(request: Request) -> EdgeContext:
    """Return the process that serves this request."""
    context: EdgeContext = request.app.state.context
    return context


def claims_of(request: Request) -> Claims:
    """Return who is asking; raises ``Problem`` without a good ``Authorization: Bearer``."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Problem("bad_token", "Authorization: Bearer <token> is missing.")
    try:
        return verify(context_of(request).secret, token.strip(), now_ms())
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


async def demo_login(request: Request) -> Response:
    """Make a new user with promotional coins; answered once the coins can be spent."""
    context = context_of(request)
    if not context.config.demo:
        raise Problem("not_allowed", "This server is no demo: its platform mints the tokens.")
    login = await body_of(request, Login)
    name = " ".join(login.name.split())
    if not name or not name.isprintable():
        raise Problem("bad_request", "The name must have letters one can see.")
    user = await context.book.create_user(name, login.role, now_ms())
    entry = await context.book.grant(user.id, context.config.demo_coins, now_ms=now_ms())
    await context.gifting.inbox_has_news()
    await context.gifting.wait_granted(entry, timeout_ms=GRANT_TIMEOUT_MS)
    token = mint(context.secret, user.id, user.name, user.role, context.config.demo_token_ttl_s)
    return json({"token": token, "user": {"id": user.id, "name": user.name}})


async def catalogue(request: Request) -> Response:
    """All gifts that can be sent, and the version of the list."""
    found = await context_of(request).book.catalogue()
    gifts = [
        {
            "id": gift.id,
            "name": gift.name,
            "price_coins": gift.price_coins,
            "tier": gift.tier,
            "streakable": gift.streakable,
            "image": gift.image,
        }
        for gift in found.gifts
        if gift.active
    ]
    return json({"version": found.version, "gifts": gifts})


async def create_room(request: Request) -> Response:
    """Open a room of the creator who asks; answered once it can be followed."""
    context, claims = context_of(request), claims_of(request)
    if claims.role != "creator":
        raise Problem("not_allowed", "Only creators open rooms.")
    body = await body_of(request, NewRoom)
    if await context.book.user(claims.user) is None:
        raise Problem("not_allowed", "The book does not know this creator.")
    made = await context.book.create_room(body.title.strip() or body.title, claims.user, now_ms())
    await context.gifting.rooms_have_news()
    if not await context.room_ready(made.id):
        raise Unavailable("the room is made, but the flusher has not opened it yet")
    return json({"id": made.id}, status=201)


async def rooms(request: Request) -> Response:
    """The open rooms."""
    context = context_of(request)
    found = await context.book.rooms()
    counts = await context.hub.counts_of([row.id for row in found])
    return json({"rooms": [_room(row, counts[row.id]) for row in found]})


async def room(request: Request) -> Response:
    """One room, with its snapshot (null once a closed room's state has been dropped)."""
    context = context_of(request)
    row = await context.book.room(request.path_params["room_id"])
    if row is None:
        raise Problem("unknown_room")
    viewers = await context.hub.count_of(row.id)
    view: RoomView | None = await context.hub.view_of(row.id)
    return json(
        _room(row, viewers)
        | {
            "epoch": view.epoch if view else None,
            "offset": view.offset if view else None,
            "snapshot": snapshot_of(view, viewers, "viewer") if view else None,
        }
    )


async def close_room(request: Request) -> Response:
    """Close a room of the creator who asks; gifts accepted before are still announced."""
    context, claims = context_of(request), claims_of(request)
    row = await context.book.room(request.path_params["room_id"])
    if row is None:
        raise Problem("unknown_room")
    if row.creator_id != claims.user:
        raise Problem("not_allowed", "Only a room's creator closes it.")
    await context.book.close_room(row.id, now_ms())
    await context.gifting.rooms_have_news()
    return json({"id": row.id, "state": "closed"})


async def wallet(request: Request) -> Response:
    """The balance of whoever asks, and the newest rows behind it."""
    context, claims = context_of(request), claims_of(request)
    rows = await context.book.wallet_rows(claims.user, WALLET_ROWS_MAX)
    return json(
        {
            "balance": await context.gifting.balance(claims.user),
            "rows": [{"id": row.id, "kind": row.kind, "coins": row.coins, "ts_ms": row.ts_ms} for row in rows],
        }
    )


async def asyncapi_json(_: Request) -> Response:
    """The WebSocket protocol as an AsyncAPI document."""
    return json(asyncapi(), cache="public, max-age=300")


async def readyz(request: Request) -> Response:
    """Whether this edge takes new viewers, for a load balancer before several of them."""
    is_ready = not context_of(request).is_draining
    return json({"ready": is_ready}, status=200 if is_ready else 503)


def _room(row: RoomRow, viewers: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "creator": {"id": row.creator_id, "name": row.creator_name},
        "state": row.state,
        "viewers": viewers,
    }
