"""A small world for tests below the edge: a real Valkey, a real book, and the flusher's and the edge's real parts.

Each world has a prefix of its own, so worlds share one engine without meeting.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from uuid_utils import uuid7

from livegift.clock import monotonic_ms, now_ms
from livegift.config import Config
from livegift.domain.identity import partition_of
from livegift.domain.people import InboxEntry, RoomRow, User
from livegift.domain.refusal import Refusal
from livegift.engine import Client, connect
from livegift.flusher.process import FlusherParts, open_parts
from livegift.gifting import Gifting, Receipt, SendGift
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.ledger import Ledger
from livegift.ledger.news import News
from livegift.rooms.keys import RoomKeys
from livegift.rooms.reader import RoomReader
from livegift.store.directory import Directory
from livegift.store.open import open_book, prepare

SECRET = b"s" * 32
_numbers = itertools.count()


class Heard:
    """A listener that remembers what it was told, and can be waited on."""

    def __init__(self) -> None:
        self.settled_ids: list[tuple[str, str]] = []
        self.again: list[Receipt] = []
        self.failures: list[tuple[str, Refusal]] = []
        self.news = asyncio.Event()

    def settled(self, gifts: list[tuple[str, str]]) -> None:
        self.settled_ids += gifts
        self.news.set()

    def accepted_again(self, receipt: Receipt) -> None:
        self.again.append(receipt)
        self.news.set()

    def failed(self, gift_event_id: str, refusal: Refusal) -> None:
        self.failures.append((gift_event_id, refusal))
        self.news.set()

    async def wait_settled(self, count: int, *, timeout_s: float = 10) -> None:
        async with asyncio.timeout(timeout_s):
            while len(self.settled_ids) < count:
                self.news.clear()
                await self.news.wait()


class Edge:
    """The ledger and gifting of one edge process, without its sockets."""

    def __init__(self, world: "World") -> None:
        config = world.config
        self._is_closed = False
        self.client = connect(world.url, timeout_ms=config.redis_timeout_ms)
        self.book = open_book(config)
        self.ledger = Ledger(
            self.client,
            world.keys,
            world.parts.facts.layout,
            self.book.read_cold,
            read_layout=self.book.layout,
            batch_max=config.batch_gifts_max,
            queue_max=config.send_queue_max,
            interval_ms=config.batch_interval_ms,
            hot_wallets_max=config.hot_wallets_max,
        )
        self.directory = Directory(self.book)
        self.gifting = Gifting(config, self.ledger, self.book, self.directory, secret=SECRET, facts=world.parts.facts)
        self.news = News(
            self.client,
            world.keys,
            world.parts.facts.partitions,
            on_mark=self.gifting.on_mark,
            on_wallet=self.gifting.wallet_moved,
            on_rooms=self.directory.forget_rooms,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Edge"]:
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(part.run()) for part in (self.ledger, self.gifting, self.news)]
                try:
                    yield self
                finally:
                    for task in running:
                        task.cancel()
        finally:
            await self.close()

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await self.client.aclose()
            await self.book.close()


class World:
    """One deployment, from ``await World.made(…)``. The flusher runs only inside ``flushing()`` or by single steps."""

    @classmethod
    async def made(
        cls, url: str, path: Path, *, redis_prefix_of: "World | None" = None, store: str = "sqlite", **settings: object
    ) -> "World":
        """Return a new deployment on that engine; ``store`` is as in the settings."""
        prefix = redis_prefix_of.config.redis_prefix if redis_prefix_of else f"w{os.getpid()}-{next(_numbers)}:"
        config = Config(data=path, redis_url=url, redis_prefix=prefix, store=store, demo=True, **settings)  # type: ignore[arg-type]
        await prepare(config)
        return cls(config, await open_parts(config, SECRET))

    def __init__(self, config: Config, parts: FlusherParts) -> None:
        assert config.redis_url is not None
        self.url = config.redis_url
        self.config = config
        self.keys = LedgerKeys(config.redis_prefix, parts.facts.incarnation)
        self.room_keys = RoomKeys(config.redis_prefix, parts.facts.incarnation)
        self.client: Client = connect(self.url, timeout_ms=2_000)
        self.parts = parts
        self.reader = RoomReader(self.client, self.room_keys, top_max=100)
        self.edge = Edge(self)

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Run the parts of a new flusher process beside the test; stops them cleanly."""
        await self.parts.close()
        self.parts = await open_parts(self.config, SECRET)
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(self.parts.keeper.run())
            flusher = tasks.create_task(self.parts.flusher.run(stopping))
            try:
                await until(lambda: self.parts.flusher.is_ready)
                yield
            finally:
                stopping.set()
                await flusher
                keeper.cancel()

    async def start_again(self) -> None:
        """Let the edge and the flusher be new processes, which read what the book is like now."""
        await self.parts.close()
        await self.edge.close()
        self.parts = await open_parts(self.config, SECRET)
        self.edge = Edge(self)

    async def person(self, name: str, coins: int = 0) -> User:
        """Return a new viewer whose coins can be spent; needs the flusher running."""
        user = await self.edge.book.create_user(name, "viewer", now_ms())
        if coins:
            entry = await self.edge.book.grant(user.id, coins, now_ms=now_ms())
            await self.edge.gifting.inbox_has_news()
            await self.edge.gifting.wait_granted(entry, timeout_ms=5_000)
        return user

    async def room(self, title: str = "room") -> RoomRow:
        """Return a new room of a new creator."""
        creator = await self.edge.book.create_user("Creator", "creator", now_ms())
        return await self.edge.book.create_room(title, creator.id, now_ms())

    async def close(self) -> None:
        async with connect(self.url, timeout_ms=2_000) as client:
            keys = [key async for key in client.scan_iter(match=self.config.redis_prefix + "*", count=1_000)]
            if keys:
                await client.unlink(*keys)
        await self.client.aclose()
        await self.edge.close()
        await self.parts.close()


def send(user: User, room: RoomRow, gift: str = "rose", *, price: int = 1, count: int = 1, **more: object) -> SendGift:
    """Return a send of that user with a new id, unless ``gift_event_id`` is given."""
    fields: dict[str, object] = {"to": None, "message": None, "anonymous": False, "gift_event_id": str(uuid7())}
    fields |= more
    return SendGift(user.id, user.name, room.id, gift=gift, price_coins=price, count=count, **fields)  # type: ignore[arg-type]


async def until(condition: object, *, timeout_s: float = 10) -> None:
    """Return once ``condition()`` (which may be a coroutine function) holds; fails after that time."""
    deadline = monotonic_ms() + timeout_s * 1_000
    while True:
        held = condition()  # type: ignore[operator]
        if asyncio.iscoroutine(held):
            held = await held
        if held:
            return
        assert monotonic_ms() < deadline, f"did not hold within {timeout_s} s"
        await asyncio.sleep(0.005)


__all__ = ["SECRET", "Edge", "Heard", "InboxEntry", "World", "partition_of", "send", "until"]
