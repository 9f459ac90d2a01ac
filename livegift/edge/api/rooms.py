"""Rooms: open, list, look, close."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils import uuid7

from livegift.clock import now_ms
from livegift.domain.keys import PREFIX
from livegift.domain.people import RoomRow, User
from livegift.edge.api.reading import bearer_of, body_of, claims_of, context_of, json, key_of
from livegift.edge.problems import Problem
from livegift.errors import Unavailable
from livegift.hub.frames import snapshot_of
from livegift.wire.folds import RoomView
from livegift.wire.messages import NO_NUL


class NewRoom(Struct):
    """Body of POST /v1/rooms."""

    title: Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/rooms", create_room, methods=["POST"]),
        Route("/v1/rooms", rooms),
        Route("/v1/rooms/{room_id}", room),
        Route("/v1/rooms/{room_id}/close", close_room, methods=["POST"]),
    ]


async def create_room(request: Request) -> Response:
    """Open a room of the creator who asks; answered once it can be followed."""
    context, claims = context_of(request), await claims_of(request)
    if claims.role != "creator":
        raise Problem("not_allowed", "Only creators open rooms.")
    if context.config.adults_only and claims.is_adult is not True:
        raise Problem("adults_only")
    body = await body_of(request, NewRoom)
    creator, by = User(claims.user, claims.name, "creator"), f"user:{claims.user}"
    room_id, title = uuid7().hex, context.clean(body.title.strip() or body.title)
    if title is None:
        raise Problem("bad_request", "The title can't be shown.")
    await context.platform.put_user(creator, by=by, now_ms=now_ms())  # a platform's token may be all we know of them
    await context.platform.put_room(room_id, title, creator.id, by=by, now_ms=now_ms())
    await context.gifting.rooms_have_news()
    if not await context.room_ready(room_id):
        raise Unavailable("the room is made, but the flusher has not opened it yet")
    return json({"id": room_id}, status=201)


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
    """Close a room of the creator who asks, or any for the platform; gifts accepted before are still announced."""
    context, is_key = context_of(request), bearer_of(request).startswith(PREFIX)
    by = (await key_of(request, "rooms:write")).actor if is_key else f"user:{(await claims_of(request)).user}"
    row = await context.book.room(request.path_params["room_id"])
    if row is None:
        raise Problem("unknown_room")
    if not is_key and by != f"user:{row.creator_id}":
        raise Problem("not_allowed", "Only a room's creator closes it.")
    await context.platform.close_room(row.id, by=by, reason=None, now_ms=now_ms())
    await context.gifting.rooms_have_news()
    return json({"id": row.id, "state": "closed"})


def _room(row: RoomRow, viewers: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "creator": {"id": row.creator_id, "name": row.creator_name},
        "state": row.state,
        "viewers": viewers,
    }
