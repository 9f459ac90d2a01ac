"""The creators of a world, who listen to their rooms through a real hub, and must be told of every gift once.

They hang up and come back with their cursors, and their hub dies with all it remembers; what befalls engine, book and
rooms befalls them as everybody. Their own line is good, and their chances are their own: a world's other people meet
the same fates whether creators listen or not.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from redis.exceptions import ConnectionError

from livegift.domain.cursor import Cursors, Marks, Place
from livegift.domain.headcount import Sample
from livegift.errors import Unavailable
from livegift.hub.hub import Hub
from livegift.hub.stored import Rooms
from livegift.rooms.keys import RoomKeys
from livegift.rooms.missed import MissedGifts
from livegift.rooms.reader import RoomReader
from livegift.store.book import Book
from livegift.wire.codec import JSON, Codec
from livegift.wire.messages import Since
from tests.hub_world import messages_in
from tests.simulation.book import SimDatabase
from tests.simulation.client import SimClient
from tests.simulation.engine import Command
from tests.simulation.stage import Room

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.world import World

T = TypeVar("T")
SECRET = b"s" * 32


class Creators:
    """All creators, and the one hub they listen to."""

    def __init__(self, world: "World", rooms: Sequence[Room]) -> None:
        self._world = world
        self._chance = random.Random(world.seed)
        self._cursors = Cursors(SECRET, 1)
        process = cast("Process", _Straight(world, self._chance))
        self._client = _Client(world, process)
        database = SimDatabase(world, process)
        missed = MissedGifts(Book(database, database), secret=SECRET, incarnation=1)
        reader = RoomReader(self._client, RoomKeys(world.config.redis_prefix, 1), top_max=10)
        self._rooms = Rooms(
            channel=reader.channel,
            view=reader.view,
            since=reader.since,
            missed=missed.between,
            positions=reader.positions,
            count_viewers=_count_viewers,
            viewers=_viewers,
            seal=self._cursors.seal,
        )
        self._creators = {room.id: _Creator(world, room.id, self._cursors) for room in rooms}

    async def run(self) -> None:
        """Listen until cancelled, each time through a hub that knows nothing."""
        while True:
            hub = Hub(self._client, self._rooms, worker="w", tick_ms=40, buffer_bytes_max=1_000)
            lives_s = self._chance.choice((0.5, 3.0, 8.0))
            try:
                async with asyncio.timeout(lives_s), asyncio.TaskGroup() as tasks:
                    tasks.create_task(hub.run())
                    for creator in self._creators.values():
                        tasks.create_task(self._listen(hub, creator))
            except TimeoutError:
                await asyncio.sleep(0.1)

    async def _listen(self, hub: Hub, creator: "_Creator") -> None:
        while True:
            creator.gone.clear()
            try:
                await hub.join(creator, creator.room_id, "creator", creator.since, 1, creator.place)
                async with asyncio.timeout(self._chance.choice((0.05, 0.5, 3.0))):
                    await creator.gone.wait()
            except (Unavailable, TimeoutError):
                hub.leave(creator, creator.room_id)
            await asyncio.sleep(self._chance.choice((0.0, 0.1, 0.5)))

    def unrest(self, room_ids: Sequence[str]) -> Iterator[str]:
        """Name the rooms whose creator has not been told everything yet."""
        for room_id in room_ids:
            creator = self._creators[room_id]
            if lacking := creator.lacking():
                yield f"the creator of {room_id} was not told of {len(lacking)} gifts, {sorted(lacking)[:3]}"


class _Creator:
    """A creator's client."""

    codec: Codec = JSON

    def __init__(self, world: "World", room_id: str, cursors: Cursors) -> None:
        self.room_id = self.person = room_id
        self.gone = asyncio.Event()
        self.since: Since | None = None
        self.place: Place | None = None
        self._world = world
        self._cursors = cursors
        self._first: Marks | None = None
        self._told: set[str] = set()

    def write(self, frame: bytes) -> None:
        for message in messages_in(frame):
            if message["type"] == "viewers":
                continue
            for event in message["events"]:
                if event["type"] == "gift":
                    self._gift(event["event_id"])
            self.place = self._cursors.open(self.room_id, message["cursor"])
            if message["type"] != "missed":
                self.since = Since(message["epoch"], message["offset"])
            if self._first is None:
                self._first = self.place.marks

    def _gift(self, event_id: str) -> None:
        if event_id in self._told:
            self._world.violate("a creator was told twice", f"{self.room_id}: {event_id}")
        self._told.add(event_id)
        row = self._world.watch.event(event_id)
        if row is None or row.room_id != self.room_id:
            self._world.violate("a creator was told of what is not in the book", f"{self.room_id}: {event_id}, {row}")

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        self.write(frames)
        return True

    def unsent_bytes(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        self.gone.set()

    def lacking(self) -> set[tuple[int, int]]:
        """Return (partition, seq) of the gifts since the first cursor that it was not told of."""
        first = self._first or {}
        rows = self._world.book.query("SELECT p, epoch, seq FROM gift WHERE room_id = $1", self.room_id)
        return {
            (p, seq)
            for p, epoch, seq in rows
            if seq > first.get(p, 0) and self._world.watch.name_of(p, epoch, seq) not in self._told
        }


async def _count_viewers(worker: str, samples: Mapping[str, Sample]) -> None:
    """Nobody asks."""


async def _viewers(room_ids: Sequence[str]) -> dict[str, int]:
    return dict.fromkeys(room_ids, 0)


class _Straight:
    """As much of a process as its I/O needs, on a line that loses nothing."""

    name = "creators"
    is_alive = True

    def __init__(self, world: "World", chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.line = self

    async def engine(self, commands: Sequence[Command]) -> list[Any]:
        await asyncio.sleep(self.chance.uniform(0.0001, 0.002))
        lives = self.world.engine_lives
        if self.world.engine_is_down:
            raise ConnectionError("Connection reset by peer")
        # Not by way of the trace: fields of a large hash come in an order that a replay does not repeat.
        replies = self.world.engine.execute(commands)
        await asyncio.sleep(self.chance.uniform(0.0001, 0.002))
        if self.world.engine_lives != lives:
            raise ConnectionError("Connection closed by server.")
        return replies

    async def book(self, name: str, run: Callable[[], T]) -> T:
        await asyncio.sleep(self.chance.uniform(0.0001, 0.002))
        return run()


class _Client(SimClient):
    """Commands and folds on the straight line."""

    def pubsub(self, **options: Any) -> Any:
        return _Folds(self._world, cast(_Straight, self._process).chance)


class _Folds:
    """redis-py's subscription: it connects and subscribes again by itself. Some messages are lost, some are late."""

    def __init__(self, world: "World", chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._channels: set[str] = set()
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._lives = world.engine_lives

    @property
    def subscribed(self) -> bool:
        return bool(self._channels)

    async def subscribe(self, channel: str) -> None:
        self._channels.add(channel)
        if self not in self._world.subscriptions:
            self._world.subscriptions.append(self)  # type: ignore[arg-type]

    async def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)

    async def aclose(self) -> None:
        if self in self._world.subscriptions:
            self._world.subscriptions.remove(self)  # type: ignore[arg-type]

    def wake(self) -> None:
        """The connection is gone; ``get_message`` finds out."""

    def hear(self, channel: str, data: bytes) -> None:
        if channel in self._channels and self._chance.random() < 0.9:
            message = {"type": "message", "channel": channel.encode(), "data": data}
            delay_s = self._chance.choice((0.0005, 0.0005, 0.0005, 0.3))
            self._world.loop.call_later(delay_s, self._messages.put_nowait, message)

    async def get_message(self, timeout: float = 0.0) -> dict[str, Any] | None:
        if self._lives != self._world.engine_lives:
            self._lives = self._world.engine_lives
            raise ConnectionError("Connection closed by server.")
        try:
            async with asyncio.timeout(timeout):
                return await self._messages.get()
        except TimeoutError:
            return None
