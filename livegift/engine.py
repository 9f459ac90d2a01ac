"""How livegift talks to its engine (Redis or Valkey): connections, Lua scripts, and faults.

Every script is safe to run twice, so one retry on a broken connection is right; after that the fate of a call is
unknown and the caller gets ``Unavailable``. Scripts are called by hash and loaded when the engine forgot them.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
)

from livegift.errors import Busy, Unavailable

Arg = str | bytes | int
Call = tuple[list[str], list[Arg]]
"""Keys and arguments of one script call."""
Client = Redis
"""A connection pool; replies are bytes."""

_GONE = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, OSError)


def connect(url: str, *, timeout_ms: int) -> Client:
    """Return a client for that URL; nothing is sent yet."""
    seconds = timeout_ms / 1_000
    return Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 1),
        retry_on_error=[ConnectionError],
        protocol=2,
    )


@asynccontextmanager
async def faults() -> AsyncIterator[None]:
    """Turn what the engine client raises into our faults; script errors pass through, they are bugs."""
    try:
        yield
    except OutOfMemoryError as error:
        raise Busy(f"the engine is out of memory: {error}") from error
    except _GONE as error:
        raise Unavailable(f"the engine does not answer: {error}") from error


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
        """Run the script once for each (keys, args) in one round trip; an error takes the place of its reply."""
        replies = await self._pipeline(client, calls)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            async with faults():
                await client.script_load(self._text)
            replies = await self._pipeline(client, calls)
        return replies

    async def _pipeline(self, client: Client, calls: Sequence[Call]) -> list[list[Any] | RedisError]:
        async with faults(), client.pipeline(transaction=False) as pipe:
            for keys, args in calls:
                pipe.evalsha(self._sha, len(keys), *keys, *args)
            replies: list[list[Any] | RedisError] = await pipe.execute(raise_on_error=False)
        return replies


def text(value: bytes) -> str:
    """Return a reply's bytes as text."""
    return value.decode()
