"""How livegift talks to its engine (Redis or Valkey): connections, Lua scripts, and faults.

Every script is safe to run twice, so one retry on a broken connection is right; after that the fate of a call is
unknown and the caller gets ``Unavailable``. Scripts are called by hash and loaded when the engine forgot them.

The time limit of a call is ours. redis-py limits its writes with ``asyncio.wait_for``, which before Python 3.12
returns normally when it is cancelled in the very turn in which the write ends: the caller never hears that it should
stop, and its task goes on for ever.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from livegift.errors import Busy, Fault, Unavailable

Arg = str | bytes | int
Call = tuple[list[str], list[Arg]]
"""Keys and arguments of one script call."""


class Client(Redis):
    """A connection pool; replies are bytes. A call that takes longer than its time is cancelled, retry included."""

    call_timeout_s = 2.0

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command and return its reply."""
        async with asyncio.timeout(self.call_timeout_s):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> "_Pipeline":
        """Return a pipeline with the same time limit for all its commands together."""
        made = _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.call_timeout_s = self.call_timeout_s
        return made


class _Pipeline(Pipeline):
    call_timeout_s = 2.0

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        async with asyncio.timeout(self.call_timeout_s):
            return list(await super().execute(raise_on_error))


_GONE = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, ClusterDownError, TryAgainError, OSError)
_NOT_NOW = re.compile(r"(?:^|')(?:MISCONF|NOREPLICAS|BUSY) ")
"""Refusals that are about the engine and not about the call: its disk takes nothing, its replicas are away, a script
runs for too long. Quoted where the client has put the command before it, as it does in a pipeline."""
LOADS_MAX = 3
UNLINK_AT_ONCE = 1_000
"""An engine that restarts right after a script was loaded has forgotten it again."""


def connect(url: str, *, timeout_ms: int) -> Client:
    """Return a client for that URL; nothing is sent yet."""
    seconds = timeout_ms / 1_000
    client: Any = Client.from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[ConnectionError],
        protocol=2,
    )
    client.call_timeout_s = seconds
    assert isinstance(client, Client)
    return client


@asynccontextmanager
async def faults() -> AsyncIterator[None]:
    """Turn what the engine client raises into our faults; script errors pass through, they are bugs."""
    try:
        yield
    except (RedisError, OSError) as error:
        if (fault := _fault(error)) is not None:
            raise fault from error
        raise


def _fault(error: Exception) -> Fault | None:
    """Return what an error means if it is the world's and not ours."""
    if isinstance(error, OutOfMemoryError):
        return Busy(f"the engine is out of memory: {error}")
    if isinstance(error, _GONE):
        return Unavailable(f"the engine does not answer: {error}")
    if isinstance(error, ResponseError) and _NOT_NOW.search(str(error)):
        return Unavailable(f"the engine cannot do this now: {error}")
    return None


class Script:
    """One Lua file, one verb."""

    def __init__(self, package: str, name: str) -> None:
        self.name = name
        self._text = (files(package) / "lua" / f"{name}.lua").read_text()
        self._sha = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Client, keys: Sequence[str], args: Sequence[Arg]) -> list[Any]:
        """Run the script; raises ``Unavailable`` or ``Busy``, and ``RedisError`` for an error of the script."""
        async with faults():
            try:
                reply = await client.evalsha(self._sha, len(keys), *keys, *args)
            except NoScriptError:
                reply = await client.eval(self._text, len(keys), *keys, *args)
        return list(reply)

    async def run_many(self, client: Client, calls: Sequence[Call]) -> list[list[Any] | RedisError]:
        """Run the script once for each (keys, args) in one round trip; a script's error takes the place of its reply.

        Raises ``Unavailable`` or ``Busy`` if any call met one: then nobody knows which of the others were carried out.
        """
        for _ in range(LOADS_MAX):
            replies = await self._pipeline(client, calls)
            if not any(isinstance(reply, NoScriptError) for reply in replies):
                return replies
            async with faults():
                await client.script_load(self._text)
        raise Unavailable(f"the engine forgot {self.name}.lua {LOADS_MAX} times in a row: it restarts again and again")

    async def _pipeline(self, client: Client, calls: Sequence[Call]) -> list[list[Any] | RedisError]:
        async with faults(), client.pipeline(transaction=False) as pipe:
            for keys, args in calls:
                pipe.evalsha(self._sha, len(keys), *keys, *args)
            replies: list[list[Any] | RedisError] = await pipe.execute(raise_on_error=False)
            for reply in replies:
                if isinstance(reply, RedisError) and _fault(reply) is not None:
                    raise reply
        return replies


async def unlink_matching(client: Client, pattern: str, *, where: Callable[[bytes], bool] = lambda name: True) -> None:
    """Drop every key whose name matches; for commands, not for servers: it looks at all names there are."""
    cursor = 0
    while True:
        async with faults():
            reply: Any = await client.scan(cursor, match=pattern, count=UNLINK_AT_ONCE)
            cursor, names = reply[0], [name for name in reply[1] if where(name)]
            if names:
                await client.unlink(*names)
        if cursor == 0:
            return


def text(value: bytes) -> str:
    """Return a reply's bytes as text."""
    return value.decode()
