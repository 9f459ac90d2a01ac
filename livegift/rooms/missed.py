"""A room's gifts between two places, from the book: for a creator's feed that the history does not reach back to."""

import asyncio
from collections.abc import AsyncIterator

from livegift.domain.cursor import Marks
from livegift.rooms.facts import gift_fact
from livegift.store.book import Book
from livegift.wire.folds import MarkedFact

PAGE_GIFTS_MAX = 100
"""About 45 kB without messages."""
READS_AT_ONCE = 2
"""Pages that a process reads at a time: whoever asks for years of gifts waits, and not those who send one."""


class MissedGifts:
    """Reads what was settled in rooms; raises ``Unavailable`` when the book does not answer."""

    def __init__(self, book: Book, *, secret: bytes, incarnation: int) -> None:
        self._book = book
        self._secret = secret
        self._incarnation = incarnation
        self._reading = asyncio.Semaphore(READS_AT_ONCE)

    async def between(self, room_id: str, after: Marks, upto: Marks) -> AsyncIterator[list[MarkedFact]]:
        """Yield the gifts beyond ``after`` and up to ``upto``, in pages, oldest first (ts_ms, partition, seq)."""
        pages = self._book.gifts_between(room_id, after, upto, page_max=PAGE_GIFTS_MAX)
        while True:
            async with self._reading:
                page = await anext(pages, None)
            if page is None:
                return
            yield [
                MarkedFact(
                    event.partition, event.seq, gift_fact(event, secret=self._secret, incarnation=self._incarnation)
                )
                for event in page
            ]
