"""Rooms: open, list, look, close."""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils import uuid7

from livegift.clock import now_ms
from livegift.domain.keys import PREFIX
from livegift.domain.people import RoomRow, User
from livegift.edge.api.describing import describe
from livegift.edge.api.paging import PageQuery, Pages, Text
from livegift.edge.api.reading import bearer_of, body_of, claims_of, context_of, json, key_of, query_of, text_in
from livegift.edge.problems import Problem
from livegift.errors import Unavailable
from livegift.hub.frames import snapshot_of
from livegift.wire.folds import RoomView
from livegift.wire.messages import NO_NUL, Snapshot
from livegift.wire.messages import User as Person

PAGES = Pages[str]("rooms", Text)


class NewRoom(Struct):
    """Body of POST /v1/rooms."""

    title: Annotated[str, Meta(min_length=1, max_length=100, pattern=NO_NUL)]


class MadeRoom(Struct, frozen=True):
    """A room that was just opened."""

    id: str


class Room(Struct, frozen=True):
    """A room, and how many people watch it."""

    id: str
    title: str
    creator: Person
    state: Literal["open", "closed"]
    viewers: int


class RoomList(Struct, frozen=True):
    """A page of the open rooms, oldest first."""

    rooms: list[Room]
    next: str | None


class RoomDetail(Room, frozen=True):
    """A room with its state at an offset; null once a closed room's state has been dropped."""

    epoch: str | None
    offset: int | None
    snapshot: Snapshot | None


class ClosedRoom(Struct, frozen=True):
    """A room that takes no more gifts."""

    id: str
    state: Literal["closed"]


class RoomsQuery(PageQuery):
    """Which page of the open rooms, and whose."""

    creator: Text | None = None


def routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/v1/rooms", create_room, methods=["POST"]),
        Route("/v1/rooms", rooms),
        Route("/v1/rooms/{room_id}", room),
        Route("/v1/rooms/{room_id}/close", close_room, methods=["POST"]),
    ]


@describe(
    tag="rooms", body=NewRoom, answer=MadeRoom, status=201, bearer="token", problems=("not_allowed", "adults_only")
)
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
    return json(MadeRoom(room_id), status=201)


@describe(tag="rooms", answer=RoomList, query=RoomsQuery)
async def rooms(request: Request) -> Response:
    """List the open rooms, oldest first; of one creator, if they are named."""
    context, query = context_of(request), query_of(request, RoomsQuery)
    behind = PAGES.place(query.cursor)
    found = await context.book.rooms(limit=query.limit + 1, behind=behind, creator_id=query.creator)
    shown, behind = PAGES.page(found, query.limit, lambda row: row.id)
    counts = await context.hub.counts_of([row.id for row in shown])
    return json(RoomList([Room(*_room(row, counts[row.id])) for row in shown], behind))


@describe(tag="rooms", answer=RoomDetail, problems=("unknown_room",))
async def room(request: Request) -> Response:
    """Look at one room, with its snapshot (null once a closed room's state has been dropped)."""
    context = context_of(request)
    row = await context.book.room(text_in(request, "room_id"))
    if row is None:
        raise Problem("unknown_room")
    viewers = await context.hub.count_of(row.id)
    view: RoomView | None = await context.hub.view_of(row.id)
    state = (view.epoch, view.offset, snapshot_of(view, viewers, "viewer")) if view else (None, None, None)
    return json(RoomDetail(*_room(row, viewers), *state))


@describe(
    tag="rooms", answer=ClosedRoom, bearer="either", scope="rooms:write", problems=("unknown_room", "not_allowed")
)
async def close_room(request: Request) -> Response:
    """Close a room of the creator who asks, or any for the platform; gifts accepted before are still announced."""
    context, is_key = context_of(request), bearer_of(request).startswith(PREFIX)
    by = (await key_of(request, "rooms:write")).actor if is_key else f"user:{(await claims_of(request)).user}"
    row = await context.book.room(text_in(request, "room_id"))
    if row is None:
        raise Problem("unknown_room")
    if not is_key and by != f"user:{row.creator_id}":
        raise Problem("not_allowed", "Only a room's creator closes it.")
    await context.platform.close_room(row.id, by=by, reason=None, now_ms=now_ms())
    await context.gifting.rooms_have_news()
    return json(ClosedRoom(row.id, "closed"))


def _room(row: RoomRow, viewers: int) -> tuple[str, str, Person, Literal["open", "closed"], int]:
    return row.id, row.title, Person(row.creator_id, row.creator_name), row.state, viewers
