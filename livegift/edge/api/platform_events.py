"""Everything that has been settled, for the platform's own books: a list that only grows, read from a cursor on."""

import asyncio
from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import monotonic_ms
from livegift.domain.cursor import CURSOR_CHARS_MAX, BadCursor, Marks, Place
from livegift.domain.identity import gift_id_text
from livegift.edge.api.describing import describe
from livegift.edge.api.reading import context_of, json, key_of, query_of
from livegift.edge.context import EdgeContext
from livegift.edge.problems import bad_field
from livegift.store.feed import Fed, FedGift, settled_after

LIMIT_MAX = 1_000
WAIT_MS_MAX = 25_000
LOOK_S = 0.2
PURPOSE = "\x00events"
"""Where a room's id stands in its cursors; no room can be called so."""


class EventsQuery(Struct):
    """From where on, how many, and how long to wait for the first."""

    cursor: Annotated[str, Meta(max_length=CURSOR_CHARS_MAX, description="Of the answer before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="Most events of an answer.")] = 100
    wait_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX, description="How long to wait where there is none yet.")] = 0


class EventGift(Struct, frozen=True):
    """What was sent, and for how much."""

    id: str
    price_coins: int


class GiftSettled(Struct, tag_field="type", tag="gift", kw_only=True, frozen=True):
    """A settled gift. ``id`` is the event's, as rooms see it; ``balance`` is the sender's just after it."""

    id: str
    ts_ms: int
    gift_event_id: str
    sender: str
    receiver: str
    room: str
    gift: EventGift
    count: int
    coins: int
    points: int
    anonymous: bool
    message: str | None
    balance: int


class WalletMoved(Struct, tag_field="type", tag="movement", kw_only=True, frozen=True):
    """A settled change of a wallet that is no gift; ``coins`` is signed."""

    id: str
    ts_ms: int
    movement: str
    user: str
    kind: str
    coins: int
    balance: int


class EventList(Struct, frozen=True):
    """What has been settled behind a cursor, and the cursor behind that; it always has one."""

    events: list[GiftSettled | WalletMoved]
    cursor: str


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/events", events)]


@describe(tag="events", answer=EventList, query=EventsQuery, bearer="key", scope="events:read")
async def events(request: Request) -> Response:
    """Read settled gifts and movements beyond ``cursor``, and the cursor behind them.

    Without a cursor it begins with the oldest; where there is none it waits up to ``wait_ms`` for the first. Each is
    told once, in the order of its partition.
    """
    context, _ = context_of(request), await key_of(request, "events:read")
    query = query_of(request, EventsQuery)
    until = monotonic_ms() + query.wait_ms
    place = _opened(context, query.cursor)
    reads, _ = context.book.databases
    while True:
        found, place = await settled_after(reads, place, query.limit)
        if found or monotonic_ms() >= until or context.is_draining or await request.is_disconnected():
            break
        await asyncio.sleep(LOOK_S)
    cursor = context.cursors.seal(PURPOSE, Place("-", 0, 0, 0, place))
    return json(EventList([_told(context, one) for one in found], cursor))


def _opened(context: EdgeContext, cursor: str) -> Marks:
    if not cursor:
        return {}
    try:
        return context.cursors.open(PURPOSE, cursor).marks
    except BadCursor as no:
        raise bad_field("cursor", f"{no}; without one the list begins with its oldest.") from no


def _told(context: EdgeContext, one: Fed) -> GiftSettled | WalletMoved:
    event_id = context.gifting.event_id(one.partition, one.epoch, one.seq)
    if isinstance(one, FedGift):
        return GiftSettled(
            id=event_id,
            ts_ms=one.ts_ms,
            gift_event_id=gift_id_text(one.gift_event_id),
            sender=one.sender_id,
            receiver=one.receiver_id,
            room=one.room_id,
            gift=EventGift(one.gift_id, one.price_coins),
            count=one.count,
            coins=one.coins,
            points=one.points,
            anonymous=one.is_anonymous,
            message=one.message,
            balance=one.balance,
        )
    return WalletMoved(
        id=event_id,
        ts_ms=one.ts_ms,
        movement=f"{one.partition}-{one.number}",
        user=one.user_id,
        kind=one.kind,
        coins=one.coins,
        balance=one.balance,
    )
