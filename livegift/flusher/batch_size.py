"""How much one flush may carry: less after a time-out, more again while commits are quick.

A transaction that a slow book cannot finish in time is rolled back and would be tried again for ever, the same size.
So a time-out halves it, down to one entry of one partition; it doubles again only after a commit that took at most a
quarter of the time allowed, so that the next one is not the one that fails.
"""

QUICK_SHARE = 0.25


class BatchSize:
    """Events of one transaction, over all partitions. Pure."""

    def __init__(self, *, events_max: int, timeout_ms: int) -> None:
        self.events = events_max
        self._events_max = events_max
        self._timeout_ms = timeout_ms

    def failed(self, events: int) -> None:
        """A transaction of so many events did not come back in time."""
        self.events = max(1, min(self.events, events) // 2)

    def succeeded(self, took_ms: int) -> None:
        """A transaction was committed after that time."""
        if took_ms <= self._timeout_ms * QUICK_SHARE:
            self.events = min(self._events_max, self.events * 2)
