"""The creator's feed over plain HTTP: ``GET /v1/rooms/{id}/feed`` as server-sent events, for ``curl -N`` and bridges.

To the hub a stream is one more viewer, whose frames are events: the same messages as on the WebSocket, with the cursor
as the event's id. So ``Last-Event-ID`` resumes without a hole. A stream that is read too slowly ends; so does it when
its token does, and when the server drains.
"""

import asyncio
from collections import deque
from typing import Annotated

import structlog
from msgspec import Meta, Struct, field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from livegift.clock import now_ms
from livegift.domain.cursor import CURSOR_CHARS_MAX, BadCursor, Place
from livegift.edge.api.describing import describe
from livegift.edge.api.reading import claims_of, context_of, headers_of, insist_on, text_in
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem, bad_field
from livegift.errors import Fault, Unavailable
from livegift.identity.claims import Claims
from livegift.wire.codec import EVENT_STREAM, Codec
from livegift.wire.messages import Since

KEEP_ALIVE_S = 15.0
"""A quiet stream carries a comment this often, so that proxies keep it open."""
SEND_S = 30.0
"""A client that takes nothing for this long is gone."""
COMMENT = b":\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

log = structlog.get_logger(__name__)


def routes() -> list[Route]:
    """Return the route of the streams."""
    return [Route("/v1/rooms/{room_id}/feed", feed)]


class EventStream:
    """One stream: a viewer of the hub's, and an iterator of bytes for whoever sends them."""

    codec: Codec = EVENT_STREAM

    def __init__(self, context: EdgeContext, room_id: str, claims: Claims) -> None:
        self._context = context
        self._room_id = room_id
        self._claims = claims
        self._frames: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._is_over = False
        self._news = asyncio.Event()
        self._joining: asyncio.Task[None] | None = None
        self.fault: Fault | None = None
        """Why nothing could be sent at all."""

    # --- the hub's calls ---

    @property
    def person(self) -> str:
        """The creator's user id."""
        return self._claims.user

    def write(self, frame: bytes) -> None:
        """Send whole events, after those before them; nothing once the stream is over."""
        if not self._is_over:
            self._frames.append(frame)
            self._unsent_bytes += len(frame)
            self._news.set()

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        """Send whole events; False, and nothing, if more than that waits already."""
        if self._unsent_bytes > unsent_bytes_max:
            return False
        self.write(frames)
        return True

    def unsent_bytes(self) -> int:
        """Return how much has not been handed to the socket yet."""
        return self._unsent_bytes

    def close(self, code: int, reason: str) -> None:
        """End after what was written."""
        self._is_over = True
        self._news.set()

    # --- the response's ---

    async def begin(self, place: Place | None) -> None:
        """Join the room; returns once there is something to send. Raises ``Unavailable`` if there never will be."""
        self._context.streams.add(self)
        self._joining = self._context.tasks.create_task(self._join(place))
        try:
            await self._news.wait()
        except BaseException:
            self.end()
            raise
        if self.fault is not None and not self._frames:
            self.end()
            raise self.fault

    async def _join(self, place: Place | None) -> None:
        since = Since(place.epoch, place.offset) if place else None
        try:
            await self._context.hub.join(self, self._room_id, "creator", since, 0, place)
        except Fault as fault:
            self.fault = fault
            self.close(1011, str(fault))
        except Exception:
            # One of the borders: a bug in one stream ends that stream, loudly.
            log.exception("feed_failed", room=self._room_id, user=self._claims.user)
            self.fault = Unavailable("this server has a bug")
            self.close(1011, "this server has a bug")

    async def next(self) -> bytes | None:
        """Return what is to be sent next, a comment after a quiet while; None at the end."""
        while True:
            left_s = (self._claims.expires_ms - now_ms()) / 1_000
            if left_s <= 0:
                return None
            if self._frames:
                break
            if self._is_over:
                return None
            self._news.clear()
            try:
                async with asyncio.timeout(min(KEEP_ALIVE_S, left_s)):
                    await self._news.wait()
            except TimeoutError:
                if left_s > KEEP_ALIVE_S:
                    return COMMENT
        frame = self._frames.popleft()
        self._unsent_bytes -= len(frame)
        return frame

    def end(self) -> None:
        """Leave the room; safe to repeat."""
        if self._joining is not None:
            self._joining.cancel()
        self._context.hub.leave(self, self._room_id)
        self._context.streams.discard(self)


class _FeedResponse(StreamingResponse):
    """Sends a stream until either side ends it."""

    media_type = "text/event-stream"

    def __init__(self, stream: EventStream) -> None:
        super().__init__(iter(()), headers=HEADERS)
        self._stream = stream

    async def stream_response(self, send: Send) -> None:
        """Send it all, and leave the room however that ends."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while (data := await self._stream.next()) is not None:
                async with asyncio.timeout(SEND_S):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            log.info("feed_not_read")  # the server closes a response that was left unfinished
        finally:
            self._stream.end()


class FeedHeaders(Struct):
    """Where a stream goes on."""

    last_event_id: Annotated[
        str, Meta(max_length=CURSOR_CHARS_MAX, description="The last event's id; none: from a snapshot on.")
    ] = field(name="Last-Event-ID", default="")


@describe(tag="rooms", answer=None, headers=FeedHeaders, bearer="token", problems=("unknown_room", "not_allowed"))
async def feed(request: Request) -> Response:
    """Follow the creator's feed of one room, as long as they listen; ``Last-Event-ID`` resumes it."""
    context, claims = context_of(request), await claims_of(request)
    room_id = text_in(request, "room_id")
    row = await context.book.room(room_id)
    if row is None:
        raise Problem("unknown_room")
    if row.creator_id != claims.user or not claims.may_enter(room_id):
        raise Problem("not_allowed", "A room's feed is its creator's alone.")
    if context.is_draining:
        raise Unavailable("this server is about to stop")
    insist_on(request, claims)
    last_event_id = headers_of(request, FeedHeaders).last_event_id
    stream = EventStream(context, room_id, claims)
    await stream.begin(_place(context, room_id, last_event_id))
    return _FeedResponse(stream)


def _place(context: EdgeContext, room_id: str, cursor: str) -> Place | None:
    if not cursor:
        return None
    try:
        return context.cursors.open(room_id, cursor)
    except BadCursor as no:
        raise bad_field("Last-Event-ID", f"{no}; without one a snapshot is to be had.") from no
