"""redis-py's client as the processes of a world use it: its commands and its reading of replies, on our line.

``execute_command`` and a pipeline's ``execute`` are the funnels of redis-py; everything above them is the real thing.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError, ResponseError

from livegift.engine import Client
from tests.simulation.engine import Command

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.world import World


def read_reply(callbacks: Any, command: Command, options: dict[str, Any], reply: Any) -> Any:
    """Read a raw reply as redis-py's ``parse_response`` does."""
    if isinstance(reply, Exception):
        return reply
    options = {name: value for name, value in options.items() if name not in ("keys", "NEVER_DECODE")}
    callback = callbacks.get(command[0])
    return callback(reply, **options) if callback else reply


class SimClient(Client):
    """One process' client."""

    def __init__(self, world: "World", process: "Process") -> None:
        super().__init__(protocol=2)
        self._world = world
        self._process = process

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if args[0] == "XREAD":
            return await self._xread(args)
        (reply,) = await self._process.line.engine([args])
        reply = read_reply(self.response_callbacks, args, options, reply)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _xread(self, args: tuple[Any, ...]) -> Any:
        """Wait for a stream without blocking the real engine: look again whenever something has changed there."""
        block = args.index(b"BLOCK")
        timeout_s = int(args[block + 1]) / 1_000
        command = (*args[:block], *args[block + 2 :])
        (reply,) = await self._process.line.engine([command])
        lives, deadline_s = self._world.engine_lives, self._world.loop.time() + timeout_s
        while not reply and (left_s := deadline_s - self._world.loop.time()) > 0:
            if self._world.engine_lives != lives:
                raise ConnectionError("Connection closed by server.")
            changed = self._world.next_change()
            timer = self._world.loop.call_later(left_s, _set, changed)
            try:
                await changed
            finally:
                timer.cancel()
            if self._world.engine_is_down:
                raise ConnectionError("Connection closed by server.")
            (reply,) = self._world.engine.many([command])
        return reply

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "SimPipeline":
        return SimPipeline(self, self._process)

    def pubsub(self, **options: Any) -> "SimPubSub":
        return SimPubSub(self._world, self._process)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        return None


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class SimPipeline(Pipeline):
    """A pipeline whose commands travel as one request."""

    def __init__(self, client: SimClient, process: "Process") -> None:
        super().__init__(client.connection_pool, client.response_callbacks, False, None)
        self._process = process

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack, self.command_stack = self.command_stack, []
        if not stack:
            return []
        raw = await self._process.line.engine([args for args, _ in stack])
        replies = [
            read_reply(self.response_callbacks, args, options, reply)
            for (args, options), reply in zip(stack, raw, strict=True)
        ]
        if raise_on_error:
            for reply in replies:
                if isinstance(reply, ResponseError):
                    raise reply
        return replies

    async def reset(self) -> None:
        self.command_stack = []


class SimPubSub:
    """A subscription. Pub/sub is a hint: messages come late, or not at all."""

    def __init__(self, world: "World", process: "Process") -> None:
        self._world = world
        self._process = process
        self._channels: set[str] = set()
        self._messages: deque[dict[str, Any]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._lives = world.engine_lives

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self in self._world.subscriptions:
            self._world.subscriptions.remove(self)

    async def subscribe(self, *channels: str) -> None:
        await self._process.line.engine([("PING",)])
        self._lives = self._world.engine_lives
        self._channels = set(channels)
        self._world.subscriptions.append(self)

    def hear(self, channel: str, data: bytes) -> None:
        """Be sent a message by the engine."""
        if channel not in self._channels:
            return
        weather = self._world.weather
        if weather.strikes("hint_lost", 0.1):
            self._world.strike("hint_lost", "PUBLISH", channel.rpartition(":")[2])
            return
        delay_s = self._world.chance.uniform(0.0001, 0.001)
        if weather.strikes("hint_delayed", 0.1):
            self._world.strike("hint_delayed", "PUBLISH", channel.rpartition(":")[2])
            delay_s = self._world.chance.expovariate(1.0)
        self._world.loop.call_later(delay_s, self._deliver, channel, data)

    def _deliver(self, channel: str, data: bytes) -> None:
        if self._lives == self._world.engine_lives:
            self._messages.append({"type": "message", "channel": channel.encode(), "data": data})
        if self._wake is not None:
            _set(self._wake)

    def wake(self) -> None:
        """Notice that the connection is gone."""
        if self._wake is not None:
            _set(self._wake)

    async def get_message(self, timeout: float = 0.0) -> dict[str, Any] | None:
        if not self._messages:
            self._wake = self._world.loop.create_future()
            timer = self._world.loop.call_later(timeout, _set, self._wake)
            try:
                await self._wake
            finally:
                timer.cancel()
                self._wake = None
        if not self._process.is_alive:
            raise asyncio.CancelledError
        if self._lives != self._world.engine_lives:
            raise ConnectionError("Connection closed by server.")
        return self._messages.popleft() if self._messages else None
