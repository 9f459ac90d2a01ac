"""Everything that has been settled, for the platform's own books: a list that only grows, read from a cursor on."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.clock import monotonic_ms
from livegift.domain.cursor import BadCursor, Marks, Place
from livegift.domain.identity import gift_id_text
from livegift.edge.api.reading import context_of, json, key_of, number_in
from livegift.edge.context import EdgeContext
from livegift.edge.problems import Problem
from livegift.store.feed import Fed, FedGift, settled_after

LIMIT_MAX = 1_000
WAIT_MS_MAX = 25_000
LOOK_S = 0.2
PURPOSE = "\x00events"
"""Where a room's id stands in its cursors; no room can be called so."""


def routes() -> list[Route]:
    """Return these routes."""
    return [Route("/v1/events", events)]


async def events(request: Request) -> Response:
    """Settled gifts and movements beyond ``cursor``, and the cursor behind them; waits up to ``wait_ms`` for the first.

    Without a cursor it begins with the oldest. Each is told once, in the order of its partition.
    """
    context, _ = context_of(request), await key_of(request, "events:read")
    limit = number_in(request, "limit", default=100, low=1, high=LIMIT_MAX)
    until = monotonic_ms() + number_in(request, "wait_ms", default=0, low=0, high=WAIT_MS_MAX)
    place = _opened(context, request.query_params.get("cursor", ""))
    reads, _ = context.book.databases
    while True:
        found, place = await settled_after(reads, place, limit)
        if found or monotonic_ms() >= until or context.is_draining or await request.is_disconnected():
            break
        await asyncio.sleep(LOOK_S)
    cursor = context.cursors.seal(PURPOSE, Place("-", 0, 0, 0, place))
    return json({"events": [_told(context, one) for one in found], "cursor": cursor})


def _opened(context: EdgeContext, cursor: str) -> Marks:
    if not cursor:
        return {}
    try:
        return context.cursors.open(PURPOSE, cursor).marks
    except BadCursor as no:
        raise Problem("bad_request", f"{no}; without one the list begins with its oldest.") from no


def _told(context: EdgeContext, one: Fed) -> dict[str, Any]:
    base = {"id": context.gifting.event_id(one.partition, one.epoch, one.seq), "ts_ms": one.ts_ms}
    if isinstance(one, FedGift):
        return {
            "type": "gift",
            **base,
            "gift_event_id": gift_id_text(one.gift_event_id),
            "sender": one.sender_id,
            "receiver": one.receiver_id,
            "room": one.room_id,
            "gift": {"id": one.gift_id, "price_coins": one.price_coins},
            "count": one.count,
            "coins": one.coins,
            "points": one.points,
            "anonymous": one.is_anonymous,
            "message": one.message,
            "balance": one.balance,
        }
    return {
        "type": "movement",
        **base,
        "movement": f"{one.partition}-{one.number}",
        "user": one.user_id,
        "kind": one.kind,
        "coins": one.coins,
        "balance": one.balance,
    }
