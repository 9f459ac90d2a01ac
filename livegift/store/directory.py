"""Rooms, catalogue and rate as an edge looks them up for every gift: read once, believed for a short while.

A process forgets at once what it changed itself; others follow within ``BELIEVE_MS``. While the book does not
answer, the last belief stands, so that a blocked SQL doesn't stop gifts, and it is not waited for long: a server that
hangs lets every call run into its time-out, and each gift would.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from livegift.clock import monotonic_ms
from livegift.domain.catalogue import Catalogue
from livegift.domain.moderation import Policy
from livegift.domain.people import RoomRow
from livegift.errors import Unavailable
from livegift.store.book import Book
from livegift.store.moderation import Moderation

T = TypeVar("T")
BELIEVE_MS = 1_000
PATIENCE_MS = 250
"""How long a look-up waits for the book where an older answer is known."""
SILENT_BELIEVE_MS = 3_000
"""How long that older answer then stands before the book is asked again."""
ROOMS_MAX = 10_000
"""Rooms remembered; at the bound all are forgotten, and read anew as they are asked for."""


class _Belief(Generic[T]):
    """One answer of the book. Of several that need it anew at once, one asks and the others wait for that."""

    __slots__ = ("_answer", "_asking", "_until_ms")

    def __init__(self) -> None:
        self._answer: tuple[T] | None = None
        self._until_ms = 0
        self._asking = asyncio.Lock()

    async def get(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return what is believed, reading it anew if it is old. Raises ``Unavailable`` if it was never read."""
        if self._answer is None:
            self._answer = (await read(),)
            self._until_ms = monotonic_ms() + BELIEVE_MS
        elif monotonic_ms() >= self._until_ms:
            async with self._asking:
                if monotonic_ms() >= self._until_ms:
                    await self._refresh(read)
        return self._answer[0]

    async def _refresh(self, read: Callable[[], Awaitable[T]]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_MS / 1_000):
                self._answer = (await read(),)
        except (Unavailable, TimeoutError):
            self._until_ms = monotonic_ms() + SILENT_BELIEVE_MS
        else:
            self._until_ms = monotonic_ms() + BELIEVE_MS


class Directory:
    """Cached reads of the book."""

    def __init__(self, book: Book, moderation: Moderation | None = None) -> None:
        self._book = book
        self._moderation = moderation or Moderation(*book.databases)
        self._policies: dict[str, _Belief[Policy]] = {}
        self._rooms: dict[str, _Belief[RoomRow | None]] = {}
        self._catalogue: _Belief[Catalogue] = _Belief()
        self._rate: _Belief[int] = _Belief()

    def forget_rooms(self) -> None:
        """Read rooms, and what their creators take, anew at the next look."""
        self._rooms.clear()
        self._policies.clear()

    async def room(self, room_id: str) -> RoomRow | None:
        """Return a room, or None if there is none. Raises ``Unavailable`` only if it was never read."""
        belief = self._rooms.get(room_id)
        if belief is None:
            if len(self._rooms) >= ROOMS_MAX:
                self._rooms.clear()
            belief = self._rooms[room_id] = _Belief()
        return await belief.get(lambda: self._book.room(room_id))

    async def policy(self, creator_id: str) -> Policy:
        """Return what a creator takes."""
        belief = self._policies.get(creator_id)
        if belief is None:
            if len(self._policies) >= ROOMS_MAX:
                self._policies.clear()
            belief = self._policies[creator_id] = _Belief()
        return await belief.get(lambda: self._moderation.policy(creator_id))

    async def catalogue(self) -> Catalogue:
        """Return the newest catalogue."""
        return await self._catalogue.get(self._book.catalogue)

    async def rate_version(self) -> int:
        """Return the version of the points' rate in force."""
        return await self._rate.get(self._book.rate_version)
