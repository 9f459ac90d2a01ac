"""Whose tokens have ended before their time, as this process believes it.

The book has it; every half second it is read again, and at once when somebody says that there is news, so that a
revoked user's sockets are closed on every edge within a second, also while pub/sub is away.
"""

import asyncio
from collections.abc import Callable

import structlog

from livegift.clock import now_ms
from livegift.errors import Fault
from livegift.identity.claims import Claims
from livegift.store.platform import Platform, Revocation

LOOK_S = 0.5

log = structlog.get_logger(__name__)


class Revocations:
    """Looks until cancelled."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._on_revoked: Callable[[Revocation], None] = lambda _: None
        self._known: dict[str, Revocation] = {}
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
        found = {one.user_id: one for one in await self._platform.revocations(now_ms())}
        before, self._known = self._known, found
        for user, revoked in found.items():
            if before.get(user) != revoked:
                self._on_revoked(revoked)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._hint.clear()
            try:
                await self.look()
            except Fault as fault:
                log.debug("revocations_unread", why=str(fault))
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._hint.wait()
            except TimeoutError:
                continue
