"""The turnstile: what newcomers cost is done for a few of them in each turn of the loop.

However many sockets become readable at once, a handshake or the judging of a token takes its turn behind those that
came before, and between two handfuls everybody who is in has a turn of the loop. Who has given up meanwhile is passed
over for nothing: in a flood that lasts longer than clients wait, working for those who have gone is all one would do.
The queue is bounded: the gate accepts nobody while it is long.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from livegift.clock import monotonic_ms

TURN_MS = 8
"""Time for newcomers in one turn."""
ADMITTED_AT_ONCE = 48
"""Newcomers in one turn at most: what some of them cost comes a little later."""
LONG = 512
"""Waiting newcomers at which nobody else is accepted."""

Callback = Callable[[], bool]
"""Does something for a newcomer; False if it has gone."""


class Turnstile:
    """Lets callbacks through in the order in which they came, some in each turn."""

    def __init__(self) -> None:
        self._waiting: deque[Callback] = deque()
        self._is_turning = False

    @property
    def is_long(self) -> bool:
        """Whether so many wait that no more should be let near."""
        return len(self._waiting) >= LONG

    def enter(self, callback: Callback) -> None:
        """Call this in one of the next turns."""
        self._waiting.append(callback)
        if not self._is_turning:
            self._is_turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    async def passed(self, is_wanted: Callable[[], bool]) -> None:
        """Return once it is the caller's turn, or once it is passed over because it is not wanted any more."""
        mine = asyncio.get_running_loop().create_future()

        def let_through() -> bool:
            wanted = not mine.done() and is_wanted()
            if not mine.done():
                mine.set_result(None)
            return wanted

        self.enter(let_through)
        await mine

    def _turn(self) -> None:
        until_ms, admitted = monotonic_ms() + TURN_MS, 0
        try:
            while self._waiting and admitted < ADMITTED_AT_ONCE and monotonic_ms() <= until_ms:
                admitted += self._waiting.popleft()()
        finally:  # an exception is the loop's to tell, and nobody else's trouble
            self._is_turning = bool(self._waiting)
            if self._is_turning:
                asyncio.get_running_loop().call_soon(self._turn)
