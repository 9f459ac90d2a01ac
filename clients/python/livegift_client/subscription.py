"""A followed room as an async iterator, between the session that never waits and a reader that may be slow."""

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from livegift_client.errors import LivegiftError
from livegift_client.feed import Feed, Item, Restored
from livegift_client.room import RoomState

ITEMS_MAX = 1_000
"""Events waiting for a slow reader. At the bound the viewer's feed is conflated: the waiting events are dropped for
one ``Restored`` with the state after them. The creator's feed is never conflated: reading from the network stops until
half are taken; a server that loses patience closes with 4501, and the feed is resumed where it was."""


class Follower(Protocol):
    """Who is handed a feed's items: a ``Subscription``, or a bot that wants them at once."""

    def deliver(self, feed: Feed, items: list[Item]) -> None:
        """Take new items, in order; must not wait."""

    def ended(self, error: LivegiftError | None) -> None:
        """Nothing more will come; ``error`` says why, None if it was wished."""


class Subscription:
    """Used as ``async with client.subscribe(room) as events: async for event in events: …``, or by ``async for`` alone.

    The first item is a ``Restored`` with the room's snapshot, then come the events. ``state`` is the room as of the
    newest event received, which may be ahead of the item handed out last. Gifts that a creator's feed had long missed
    come before the ``Restored`` with the state after them. Leaving the ``async with`` unsubscribes; an ``async for``
    alone stays subscribed until the client closes.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        start: Callable[["Subscription"], None],
        stop: Callable[["Subscription"], None],
        hold_back: Callable[[object, bool], None],
        items_max: int = ITEMS_MAX,
    ) -> None:
        self.feed = feed
        self._start, self._stop, self._hold_back = start, stop, hold_back
        self._items_max = items_max
        self._items: deque[Item] = deque()
        self._news = asyncio.Event()
        self._is_started = self._is_over = self._is_held = False
        self._error: LivegiftError | None = None

    @property
    def state(self) -> RoomState:
        """Totals, ranking and combos of the room."""
        return self.feed.state

    async def __aenter__(self) -> Self:
        """Subscribe."""
        self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unsubscribe."""
        self._stop(self)

    def __aiter__(self) -> Self:
        """Subscribe if that has not happened yet."""
        self._begin()
        return self

    async def __anext__(self) -> Item:
        """Return the next item. Raises ``Refused`` if the room was refused, ``Closed`` if the connection was."""
        while not self._items:
            if self._is_over:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        if self._is_held and len(self._items) <= self._items_max // 2:
            self._release()
        return self._items.popleft()

    def deliver(self, feed: Feed, items: list[Item]) -> None:
        """For the client: queue what is new."""
        self._items.extend(items)
        if len(self._items) >= self._items_max:
            self._at_the_bound(feed)
        self._news.set()

    def ended(self, error: LivegiftError | None) -> None:
        """For the client: what is queued can still be read, then the iteration ends."""
        self._is_over, self._error = True, error
        self._release()
        self._news.set()

    def _at_the_bound(self, feed: Feed) -> None:
        if feed.feed == "creator":
            self._is_held = True
            self._hold_back(self, True)
            return
        assert feed.epoch is not None
        self._items.clear()
        self._items.append(Restored(feed.room, feed.epoch, feed.offset, feed.state.snapshot()))

    def _release(self) -> None:
        self._is_held = False
        self._hold_back(self, False)

    def _begin(self) -> None:
        if not self._is_started:
            self._is_started = True
            self._start(self)
