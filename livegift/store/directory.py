"""Rooms, catalogue and rate as an edge looks them up for every gift: read once, believed for a short while.

A process forgets at once what it changed itself; others follow within ``BELIEVE_MS``. While the book does not
answer, the last belief stands, so that a blocked SQL doesn't stop gifts.
"""

from livegift.clock import monotonic_ms
from livegift.domain.catalogue import Catalogue
from livegift.domain.people import RoomRow
from livegift.errors import Unavailable
from livegift.store.book import Book

BELIEVE_MS = 1_000
ROOMS_MAX = 10_000
"""Rooms remembered; at the bound all are forgotten, and read anew as they are asked for."""


class Directory:
    """Cached reads of the book."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._rooms: dict[str, tuple[int, RoomRow | None]] = {}
        self._catalogue: tuple[int, Catalogue] | None = None
        self._rate: tuple[int, int] | None = None

    def forget_rooms(self) -> None:
        """Read rooms anew at the next look."""
        self._rooms.clear()

    async def room(self, room_id: str) -> RoomRow | None:
        """Return a room, or None if there is none. Raises ``Unavailable`` only if it was never read."""
        found = self._rooms.get(room_id)
        if found is not None and monotonic_ms() < found[0]:
            return found[1]
        try:
            room = await self._book.room(room_id)
        except Unavailable:
            if found is None:
                raise
            room = found[1]
        if len(self._rooms) >= ROOMS_MAX:
            self._rooms.clear()
        self._rooms[room_id] = (monotonic_ms() + BELIEVE_MS, room)
        return room

    async def catalogue(self) -> Catalogue:
        """Return the newest catalogue."""
        if self._catalogue is None or monotonic_ms() >= self._catalogue[0]:
            try:
                catalogue = await self._book.catalogue()
            except Unavailable:
                if self._catalogue is None:
                    raise
                catalogue = self._catalogue[1]
            self._catalogue = (monotonic_ms() + BELIEVE_MS, catalogue)
        return self._catalogue[1]

    async def rate_version(self) -> int:
        """Return the version of the points' rate in force."""
        if self._rate is None or monotonic_ms() >= self._rate[0]:
            try:
                version = await self._book.rate_version()
            except Unavailable:
                if self._rate is None:
                    raise
                version = self._rate[1]
            self._rate = (monotonic_ms() + BELIEVE_MS, version)
        return self._rate[1]
