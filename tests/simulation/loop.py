"""An event loop that never waits: when nothing is ready, its time jumps to the next timer.

Everything then happens in an order that depends on nothing but the timers that the seed has drawn.
"""

import asyncio
import selectors
from typing import Any


class Deadlock(Exception):
    """Nothing is ready and no timer stands: the world could never go on."""


class _Jump(selectors.SelectSelector):
    """Waits for nobody: the loop's own pipe is registered here, but only a thread would write to it."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Deadlock
        if timeout > 0:
            self.loop.jump()
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` is in seconds since the world began."""

    def __init__(self) -> None:
        self._virtual_s = 0.0
        jump = _Jump()
        jump.loop = self
        super().__init__(jump)

    def time(self) -> float:
        return self._virtual_s

    def jump(self) -> None:
        self._virtual_s = max(self._virtual_s, self._scheduled[0].when())  # type: ignore[attr-defined]
