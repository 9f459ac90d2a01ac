"""Looking at the book for what concerns everybody who is connected: every half second, and at once at a hint.

So what is written there holds on every edge within a second, also while pub/sub is away.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from livegift.errors import Fault

LOOK_S = 0.5

log = structlog.get_logger(__name__)


async def keep_looking(look: Callable[[], Awaitable[None]], hint: asyncio.Event) -> None:
    """Call ``look`` until cancelled; where it raises a ``Fault``, what was known stands until the next time."""
    while True:
        hint.clear()
        try:
            await look()
        except Fault as fault:
            log.debug("not_looked", what=look.__qualname__, why=str(fault))
        try:
            async with asyncio.timeout(LOOK_S):
                await hint.wait()
        except TimeoutError:
            continue
