"""Bots: people with a wallet and a connection, who watch one room and may gift in it. All of it through the SDK."""

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

import stamina
from livegift_client import Api, Client, Feed, HttpFailed, Item, LivegiftError, Login, Receipt, Send, Unreachable
from livegift_client.feed import Phase
from livegift_client.messages import AnyMessage, RoomFrame, RoomMessage, Subscribed
from livegift_client.reading import decode

from loadtests.schedule import Planned

LOGINS_AT_ONCE = 8
JOINS_AT_ONCE = 32
FRAMES_MAX = 4_096
ROOM_FRAME = b'{"type":"room"'
RETRY_S = 20.0
"""How long HTTP calls are repeated while the server doesn't answer: it may be restarting, which is no fault here."""


class FrameCache:
    """Reads each distinct room frame once: all viewers of a room get the same bytes. Forgets all at its bound."""

    def __init__(self) -> None:
        self._frames: dict[bytes, AnyMessage | None] = {}

    def decode(self, frame: bytes) -> AnyMessage | None:
        """Return the message in the frame."""
        if not frame.startswith(ROOM_FRAME):
            return decode(frame)
        message = self._frames.get(frame)
        if message is None:
            if len(self._frames) >= FRAMES_MAX:
                self._frames.clear()
            message = self._frames[frame] = decode(frame)
        return message


class Join(NamedTuple):
    """The answer to a ``subscribe``, on the monotonic clock: the missed events (``is_recovered``) or a snapshot."""

    at_ms: float
    is_recovered: bool


class Bot:
    """One person in one room. ``observe`` sees the room's messages that the SDK will judge.

    With ``watches`` False it gifts without following the room, as a platform's server would.
    """

    def __init__(
        self,
        url: str,
        login: Login,
        room: str,
        *,
        frames: FrameCache,
        observe: Callable[[RoomMessage], None] | None = None,
        watches: bool = True,
    ) -> None:
        self.watches = watches
        self.login = login
        self.room = room
        self.feed = Feed(room)
        self.joined = asyncio.Event()
        self.over = asyncio.Event()
        self.gave_up: LivegiftError | None = None
        self.joins: list[Join] = []
        self.frames = self.bytes = 0
        """Read so far, of payloads."""
        self._frames = frames
        self._observe = observe
        self.client = Client(
            url, login.token, proxy=False, open_timeout_s=RETRY_S, observe=self._see, decoder=self._decode
        )

    async def live(self) -> None:
        """Connect, watch, and leave when ``over`` is set. Raises what the first connection raises."""
        async with self.client:
            if self.watches:
                self.client.follow(self.feed, self)
            else:
                self.joined.set()
            await self.over.wait()

    @property
    def is_live(self) -> bool:
        """Whether the server sends us the room's events right now."""
        return self.client.is_connected and (not self.watches or self.feed.phase is Phase.LIVE)

    def drop(self) -> None:
        """Lose the connection as a network loses it, without a word; the SDK comes back by itself."""
        self.client.drop()

    def first_join_after(self, at_ms: float) -> Join | None:
        """Return when the server first let us into the room after that moment; None if it has not."""
        return next((join for join in self.joins if join.at_ms > at_ms), None)

    def post(
        self, planned: Planned, on_change: Callable[[Receipt], None] | None = None, *, room: str | None = None
    ) -> Receipt:
        """Send a planned gift without waiting, to our own room or another. Raises ``Closed`` or ``OutboxFull``."""
        send = Send(
            id=0,
            room=room or self.room,
            gift_event_id=self.client.new_gift_id(),
            gift=planned.gift,
            price_coins=planned.price_coins,
            count=planned.count,
            message=planned.message,
            anonymous=planned.anonymous,
        )
        return self.client.post(send, on_change)

    def deliver(self, feed: Feed, items: list[Item]) -> None:
        """As the feed's follower: the first items mean that we are in."""
        self.joined.set()

    def ended(self, error: LivegiftError | None) -> None:
        """As the feed's follower: it is over, and so are we."""
        self.gave_up = error
        self.over.set()
        self.joined.set()

    def _decode(self, frame: bytes) -> AnyMessage | None:
        self.frames += 1
        self.bytes += len(frame)
        return self._frames.decode(frame)

    def _see(self, message: RoomMessage) -> None:
        if isinstance(message, RoomFrame) and self.feed.phase is not Phase.LIVE:
            return  # the SDK waits for the answer to its subscribe, which stands at or after this frame
        if isinstance(message, Subscribed):
            self.joins.append(Join(asyncio.get_running_loop().time() * 1_000, message.recovered))
        if self._observe is not None:
            self._observe(message)


def _is_passing(error: Exception) -> bool | float:
    """Whether to call again, or after how many seconds."""
    if isinstance(error, HttpFailed):
        return error.status in (429, 502, 503, 504) and (error.retry_after_s or True)
    return isinstance(error, Unreachable)


patiently = stamina.retry(on=_is_passing, attempts=None, timeout=RETRY_S, wait_initial=0.2, wait_max=2.0)
"""Decorator for HTTP calls of a run that has begun: the server may be restarting."""
briefly = stamina.retry(on=_is_passing, attempts=5, timeout=10.0, wait_initial=0.2, wait_max=2.0)
"""Decorator for a run's first call: a server that can't be reached then isn't there."""


async def log_in(api: Api, names: Iterable[str], role: str = "viewer") -> list[Login]:
    """Make new people, in the order of their names; a few at once."""
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def one(name: str) -> Login:
        async with gate:
            return await patiently(api.demo_login)(name, role)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(name)) for name in names]
    return [task.result() for task in tasks]


async def balances(api: Api, logins: Iterable[Login]) -> list[int]:
    """Return the coins of these people, in order."""
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def one(login: Login) -> int:
        async with gate:
            return (await patiently(api.wallet)(login.token)).balance

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(login)) for login in logins]
    return [task.result() for task in tasks]


async def open_rooms(api: Api, creators: Iterable[Login]) -> list[str]:
    """Open a room of each, in order, and return their ids."""
    gate = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def one(who: Login) -> str:
        async with gate:
            return (await patiently(api.create_room)(who.token, f"Load test of {who.name}")).id

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(who)) for who in creators]
    return [task.result() for task in tasks]


async def join(group: asyncio.TaskGroup, bots: list[Bot]) -> None:
    """Start all bots and return when every one is in its room; not all at once, for that is another scenario."""
    for start in range(0, len(bots), JOINS_AT_ONCE):
        crowd = bots[start : start + JOINS_AT_ONCE]
        for bot in crowd:
            group.create_task(bot.live())
        for bot in crowd:
            await bot.joined.wait()
            if bot.gave_up is not None:
                raise bot.gave_up
