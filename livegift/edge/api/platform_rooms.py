"""Rooms, for the platform's own servers: opened under the platform's ids."""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import now_ms
from livegift.edge.api.describing import describe
from livegift.edge.api.reading import Id, body_of, context_of, id_in, json, key_of
from livegift.edge.problems import Problem
from livegift.errors import Unavailable
from livegift.store.platform import NoSuchUser, RoomTaken
from livegift.wire.messages import NO_NUL


class RoomBody(Struct):
    """Body of PUT /v1/rooms/{room_id}."""

    title: Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]
    creator: Id


class PlatformRoom(Struct, frozen=True):
    """A room as the platform named it."""

    id: str
    title: str
    creator: str


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/rooms/{room_id}", put_room, methods=["PUT"])]


@describe(
    tag="rooms",
    body=RoomBody,
    answer=PlatformRoom,
    status=(200, 201),
    bearer="key",
    scope="rooms:write",
    has_platform_ids=True,
    problems=("unknown_user", "room_closed"),
)
async def put_room(request: Request) -> Response:
    """Open a room under the platform's id, answered once it can be followed; an open one gets the title."""
    context, key = context_of(request), await key_of(request, "rooms:write")
    body = await body_of(request, RoomBody)
    room_id = id_in(request, "room_id")
    try:
        is_new = await context.platform.put_room(room_id, body.title, body.creator, by=key.actor, now_ms=now_ms())
    except NoSuchUser as no:
        raise Problem("unknown_user", "The room's creator is no user with the role creator.") from no
    except RoomTaken as no:
        raise Problem("room_closed", "This id was a room's that is closed, or is another creator's.") from no
    await context.gifting.rooms_have_news()
    if not await context.room_ready(room_id):
        raise Unavailable("the room is made, but the flusher has not opened it yet")
    return json(PlatformRoom(room_id, body.title, body.creator), status=201 if is_new else 200)
