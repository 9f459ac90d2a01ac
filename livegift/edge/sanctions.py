"""Bans and mutes as this process believes them: read once, and then what has changed since (``watch.py``)."""

import asyncio
from collections.abc import Callable

from livegift.clock import now_ms
from livegift.domain.moderation import EVERYWHERE, Kind, Sanction
from livegift.edge.watch import keep_looking
from livegift.store.moderation import Moderation


class Sanctions:
    """Looks until cancelled."""

    def __init__(self, moderation: Moderation) -> None:
        self._moderation = moderation
        self._on_ban: Callable[[Sanction], None] = lambda _: None
        self._change = 0
        self._until_ms: dict[str, dict[tuple[str, Kind], int]] = {}
        """By user, and then by room and kind, when it ends."""
        self._hint = asyncio.Event()

    def on_ban(self, callback: Callable[[Sanction], None]) -> None:
        """Name who hears of each ban that begins."""
        self._on_ban = callback

    def look_now(self) -> None:
        """There is news."""
        self._hint.set()

    def holds(self, kind: Kind, user_id: str, room_id: str) -> bool:
        """Whether such a sanction holds for this user in that room."""
        own = self._until_ms.get(user_id)
        if own is None:
            return False
        return max(own.get((room_id, kind), 0), own.get((EVERYWHERE, kind), 0)) > now_ms()

    async def look(self) -> None:
        """Read what has changed. Raises ``Unavailable``: what was known stands."""
        self._change, changed = await self._moderation.since(self._change)
        at_ms = now_ms()
        for one in changed:
            own = self._until_ms.setdefault(one.user_id, {})
            if one.until_ms > at_ms:
                own[one.room_id, one.kind] = one.until_ms
                if one.kind == "ban":
                    self._on_ban(one)
            else:
                own.pop((one.room_id, one.kind), None)
                if not own:
                    del self._until_ms[one.user_id]

    async def run(self) -> None:
        """Look until cancelled."""
        await keep_looking(self.look, self._hint)
