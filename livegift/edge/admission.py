"""How many sends one sender may make: a burst, then a steady rate (GCRA), in this process.

An id that was admitted once is admitted again: a resend must never be refused for having been asked before.
"""

from collections import OrderedDict

from throttled import RateLimiterType, Throttled, rate_limiter, store

KNOWN_MAX = 50_000
"""Ids remembered; the oldest are forgotten first, and then count like new ones."""
SENDERS_MAX = 100_000
"""Senders whose pace is remembered; who was quiet longest is forgotten first, and then may burst again."""


class Admission:
    """The rate limit of sends, by sender."""

    def __init__(self, *, burst: int, rate_per_s: int) -> None:
        self._limit = Throttled(
            using=RateLimiterType.GCRA.value,
            quota=rate_limiter.per_sec(rate_per_s, burst=burst),
            store=store.MemoryStore(options={"MAX_SIZE": SENDERS_MAX}),
        )
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def retry_after_ms(self, user_id: str, gift_event_id: str) -> int:
        """Admit a send, returning 0, or return in how many milliseconds it may be tried again."""
        key = (user_id, gift_event_id)
        if key in self._known:
            return 0
        result = self._limit.limit(user_id)
        if result.limited:
            return max(1, int(result.state.retry_after * 1_000))
        self._known[key] = None
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return 0
