"""How many sends one sender may make, and one room may get: a burst, then a steady rate (GCRA), in this process.

An id that was admitted once is admitted again: a resend must never be refused for having been asked before.
"""

from collections import OrderedDict

from livegift.edge.limits import Pace

KNOWN_MAX = 50_000
"""Ids remembered; the oldest are forgotten first, and then count like new ones."""


class Admission:
    """The rate limits of sends, by sender and by room; ``room_rate_per_s`` 0 is none."""

    def __init__(self, *, burst: int, rate_per_s: int, room_rate_per_s: int = 0) -> None:
        self._pace = Pace(rate_per_s=rate_per_s, burst=burst)
        self._rooms = Pace(rate_per_s=room_rate_per_s, burst=room_rate_per_s)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def retry_after_ms(self, user_id: str, gift_event_id: str, room_id: str = "") -> int:
        """Admit a send, returning 0, or return in how many milliseconds it may be tried again."""
        key = (user_id, gift_event_id)
        if key in self._known:
            return 0
        if wait_ms := self._pace.wait_ms(user_id) or self._rooms.wait_ms(room_id):
            return wait_ms
        self._known[key] = None
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return 0
