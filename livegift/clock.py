"""The two clocks of a process, in whole milliseconds.

Wall time is for what people and other machines see; monotonic time is for intervals. Everything that
*decides* about money uses neither of them but the partition's own clock (see ``ledger/lua/gift.lua``).
"""

import time


def now_ms() -> int:
    """Return the wall clock in milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return a clock in milliseconds that never steps; only differences mean anything."""
    return time.monotonic_ns() // 1_000_000
