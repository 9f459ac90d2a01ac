"""How much of a room its viewers are shown event by event: a rate, and a few seconds of it at once."""

BURST_MS = 4_000
EVENTS_PER_S = 500


class Meter:
    """The generic cell rate algorithm (ITU-T I.371): one time stands for everything that was let through before."""

    __slots__ = ("_interval_ms", "_until_ms")

    def __init__(self, events_per_s: int) -> None:
        self._interval_ms = 1_000 / events_per_s
        self._until_ms = 0.0
        """When what was let through would have come at exactly the rate."""

    def admits(self, events: int, now_ms: int) -> bool:
        """Tell whether so many events more may be shown now; if not, they count for nothing."""
        until_ms = max(self._until_ms, now_ms) + events * self._interval_ms
        if until_ms - now_ms > BURST_MS:
            return False
        self._until_ms = until_ms
        return True
