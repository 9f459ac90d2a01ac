"""How an edge leaves: not ready, everybody told when to come back, accepted gifts settled and told, 1012, gone.

Moments are spread, and the more viewers there are the wider: those who take them in have work with each. A patient
drain (SIGTERM) goes on serving whoever has not left yet, so that they miss nothing, and closes those who stay beyond
their moment one by one. In a hurry (SIGINT, or the supervisor is gone) all are closed once their gifts are settled;
clients keep to their moments nevertheless.
"""

import asyncio
import random
from collections import deque
from typing import TYPE_CHECKING

import structlog

from livegift.clock import monotonic_ms
from livegift.edge.context import EdgeContext
from livegift.wire.messages import Reconnect

if TYPE_CHECKING:
    from livegift.edge.connection import Connection

AT_ONCE = 256
"""Viewers told or closed in one turn of the loop."""
GRACE_MS = 1_000
"""How long a viewer may stay beyond its moment: clocks drift, frames travel."""
FLUSH_MS = 2_000
"""How long accepted gifts are waited for; the flusher may be away, and then clients ask again elsewhere."""
CLOSING_MS = 300
"""For the close frames to leave, and the answers to come."""
POLL_S = 0.02

log = structlog.get_logger(__name__)


async def drain(context: EdgeContext, hurrying: asyncio.Event) -> None:
    """Leave; returns when nobody is here any more, or has been told to go."""
    context.is_draining = True
    staying = await _tell(context)
    log.info("draining", connections=len(staying), hurrying=hurrying.is_set())
    while context.connections and not hurrying.is_set():
        now_ms = monotonic_ms()
        for _ in range(AT_ONCE):
            if not staying or staying[0][0] > now_ms:
                break
            staying.popleft()[1].close(1012, "this server restarts")
        if not staying:
            break
        await asyncio.sleep(POLL_S)
    await _flush(context)
    await _close(context)


async def _tell(context: EdgeContext) -> "deque[tuple[int, Connection]]":
    """Tell everyone to come back, each at another moment; returns who must have gone when (monotonic ms), in order."""
    connections = list(context.connections)
    random.shuffle(connections)
    spread_ms = spread_of(
        len(connections), per_s=context.config.drain_returns_per_s, ms_max=context.config.drain_spread_ms_max
    )
    staying: deque[tuple[int, Connection]] = deque()
    for number, connection in enumerate(connections):
        after_ms = spread_ms * number // len(connections)
        connection.send(Reconnect(after_ms=after_ms))
        staying.append((monotonic_ms() + after_ms + GRACE_MS, connection))
        if number % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
    return staying


def spread_of(viewers: int, *, per_s: int, ms_max: int) -> int:
    """Return over how many milliseconds so many viewers are told to come back."""
    return min(ms_max, viewers * 1_000 // per_s)


async def _flush(context: EdgeContext) -> None:
    """Take no more gifts, and wait until those that were accepted are settled and their senders told."""
    context.is_flushing = True
    until_ms = monotonic_ms() + FLUSH_MS
    while context.connections and context.gifting.unsettled() and monotonic_ms() < until_ms:  # noqa: ASYNC110 - once in a life
        await asyncio.sleep(POLL_S)


async def _close(context: EdgeContext) -> None:
    for stream in list(context.streams):
        stream.close(1012, "this server restarts")
    for number, connection in enumerate(list(context.connections)):
        connection.close(1012, "this server restarts")
        if number % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
    until_ms = monotonic_ms() + CLOSING_MS
    while context.connections and monotonic_ms() < until_ms:  # noqa: ASYNC110 - once in a life
        await asyncio.sleep(POLL_S)
