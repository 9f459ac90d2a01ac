"""Whose tokens have ended before their time, as this process believes it.

The book has it and is looked at again and again (``watch.py``), so that a revoked user's sockets are closed on every
edge within a second.
"""

import asyncio
from collections.abc import Callable

from livegift.domain.moderation import FOREVER_MS
from livegift.edge.watch import keep_looking
from livegift.identity.claims import Claims
from livegift.store.platform import Platform, Revocation

OVERLAP_MS = 300_000
"""Read again each time: clocks of nodes differ, and a transaction may be seen a little late."""


class Revocations:
    """Looks until cancelled."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._on_revoked: Callable[[Revocation], None] = lambda _: None
        self._known: dict[str, Revocation] = {}
        self._newest_ms = 0
        self._hint = asyncio.Event()

    def on_revoked(self, callback: Callable[[Revocation], None]) -> None:
        """Name who hears of each revocation that is new here."""
        self._on_revoked = callback

    def look_now(self) -> None:
        """There is news."""
        self._hint.set()

    def ends(self, claims: Claims) -> bool:
        """Whether a token with these claims has been revoked."""
        revoked = self._known.get(claims.user)
        return revoked is not None and claims.issued_ms <= revoked.before_ms

    async def look(self) -> None:
        """Read what the book says. Raises ``Unavailable``: what was known stands."""
        for revoked in await self._platform.revocations(self._newest_ms - OVERLAP_MS):
            if self._known.get(revoked.user_id) != revoked:
                self._known[revoked.user_id] = revoked
                if revoked.before_ms < FOREVER_MS:  # whoever was erased has no tokens at any time
                    self._newest_ms = max(self._newest_ms, revoked.before_ms)
                self._on_revoked(revoked)

    async def run(self) -> None:
        """Look until cancelled."""
        await keep_looking(self.look, self._hint)
