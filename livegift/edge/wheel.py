"""One timer wheel a process: a timer a connection would cost more than the connection.

Time is cut into slots; a connection stands in the slot of its next deadline and is asked when that comes. Who has
gone is simply not found any more.
"""

import asyncio
from typing import Protocol

from livegift.clock import monotonic_ms

SLOT_MS = 250
SLOTS = 4_096
"""About 17 minutes; a later deadline is asked again when the wheel comes round."""


class Timed(Protocol):
    """What the wheel turns: anything with deadlines."""

    def tick(self, now_ms: int) -> int | None:
        """Do what is due and return the next deadline (monotonic ms), or None for no more."""


class Wheel:
    """Turned by ``run``; ``add`` may be called at any time from the same loop."""

    def __init__(self, now_ms: int) -> None:
        self._slots: list[set[Timed]] = [set() for _ in range(SLOTS)]
        self._turn = now_ms // SLOT_MS

    def add(self, timed: Timed, due_ms: int) -> int:
        """Ask ``timed`` once its deadline has passed, up to one slot later; returns its place, for ``drop``."""
        turn = max(self._turn + 1, min(due_ms // SLOT_MS + 1, self._turn + SLOTS - 1))
        self._slots[turn % SLOTS].add(timed)
        return turn % SLOTS

    def drop(self, timed: Timed, place: int) -> None:
        """Let go at once of something that has gone, which would else be held until its deadline."""
        self._slots[place].discard(timed)

    def advance(self, now_ms: int) -> None:
        """Ask everything whose slot has passed."""
        while self._turn < now_ms // SLOT_MS:
            self._turn += 1
            place = self._turn % SLOTS
            due, self._slots[place] = self._slots[place], set()
            for timed in due:
                next_ms = timed.tick(now_ms)
                if next_ms is not None:
                    self.add(timed, next_ms)

    async def run(self) -> None:
        """Turn until cancelled."""
        while True:
            await asyncio.sleep(SLOT_MS / 1_000)
            self.advance(monotonic_ms())
