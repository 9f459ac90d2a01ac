"""How long to wait before the next attempt: full jitter, so that a thousand clients don't come back as one.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: ``random(0, min(cap, base * 2**attempt))``.
"""

from collections.abc import Callable

BASE_MS = 500
CAP_MS = 5_000
"""A gift waits for this at most once its server is back; spread over it, a crowd is no storm."""
STABLE_MS = 1_000
"""A connection that lived this long starts the delays over; a shorter one counts as one more failure."""


class Backoff:
    """Delays of one client's reconnects. ``chance`` returns a float in [0, 1)."""

    def __init__(self, chance: Callable[[], float], *, base_ms: int = BASE_MS, cap_ms: int = CAP_MS) -> None:
        self._chance = chance
        self._base_ms = base_ms
        self._cap_ms = cap_ms
        self.attempts = 0

    def next_ms(self) -> int:
        """Return the next delay in milliseconds, below ``min(cap, base * 2**attempts)``, and count the attempt."""
        ceiling_ms = min(self._cap_ms, self._base_ms << min(self.attempts, 16))
        self.attempts += 1
        return int(self._chance() * ceiling_ms)

    def connection_ended(self, *, lived_ms: float) -> None:
        """Start over if the connection was a stable one."""
        if lived_ms >= STABLE_MS:
            self.attempts = 0
