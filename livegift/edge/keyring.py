"""API keys as this process believes them: looked up once, asked for again soon, so that a revoked one ends at once."""

from collections import OrderedDict

from livegift.clock import monotonic_ms
from livegift.domain.keys import ApiKey
from livegift.edge.limits import Pace
from livegift.errors import Busy
from livegift.store.platform import Platform

BELIEVE_MS = 500
STRANGERS_PER_S = 50
"""Texts a second that are looked up for the first time: guessing is hopeless, but each guess asks the book."""
KEYS_MAX = 1_000
"""Texts remembered, good and bad ones; the oldest are forgotten first."""


class Keyring:
    """Knows keys by their text."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: OrderedDict[str, tuple[ApiKey | None, int]] = OrderedDict()
        self._strangers = Pace(rate_per_s=STRANGERS_PER_S, burst=10 * STRANGERS_PER_S)

    async def key(self, text: str) -> ApiKey | None:
        """Return the key with that text if it is good. Raises ``Unavailable``."""
        known = self._known.get(text)
        if known is None and (wait_ms := self._strangers.wait_ms("all")):
            raise Busy("many ask with keys that this server has never seen", retry_after_ms=wait_ms)
        if known is None or monotonic_ms() >= known[1]:
            known = (await self._platform.key(text), monotonic_ms() + BELIEVE_MS)
            self._known[text] = known
            if len(self._known) > KEYS_MAX:
                self._known.popitem(last=False)
        key = known[0]
        return key if key is not None and key.revoked_ms is None else None
