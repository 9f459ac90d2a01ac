"""The two clocks of a process, in whole milliseconds.

Wall time is for what people and other machines see; monotonic time is for intervals. Everything that
*decides* about money uses neither of them but the partition's own clock (see ``ledger/lua/gift.lua``).

A simulation puts its own clocks in the place of the machine's with ``use``: modules import the two functions by
name, so the functions stay and ask whoever is in charge.
"""

import time
from typing import Protocol


class Clocks(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """Return the wall clock."""

    def monotonic_ms(self) -> int:
        """Return the clock that never steps."""


class MachineClocks:
    """The machine's own clocks."""

    def now_ms(self) -> int:
        """Return the machine's wall clock."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return the machine's monotonic clock."""
        return time.monotonic_ns() // 1_000_000


_clocks: Clocks = MachineClocks()


def use(clocks: Clocks) -> Clocks:
    """Take the time from these clocks from now on; returns those used before."""
    global _clocks
    before, _clocks = _clocks, clocks
    return before


def now_ms() -> int:
    """Return the wall clock in milliseconds since 1970 (UTC)."""
    return _clocks.now_ms()


def monotonic_ms() -> int:
    """Return a clock in milliseconds that never steps; only differences mean anything."""
    return _clocks.monotonic_ms()
