"""What a Redis or Valkey must be like before the ledger trusts it: new enough, and never evicting keys."""

from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from livegift.errors import CannotRun

VERSION_MIN = 7
"""Scripts with a shebang and flags, and ``NOW`` semantics inside scripts, came with 7."""


def plain_url(url: str) -> str:
    """Return ``url`` without user and password, for messages."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def looker(url: str, *, timeout_ms: int) -> Redis:
    """Return a client that asks once and waits no longer than that; raises ``ValueError`` for what is no Redis URL."""
    limit_s = timeout_ms / 1_000
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=limit_s, socket_connect_timeout=limit_s)


async def check_engine(url: str, *, timeout_ms: int) -> None:
    """Raise ``CannotRun`` unless the engine at ``url`` answers, is at least version 7 and has ``noeviction``.

    Asks ``INFO`` and not ``CONFIG``, which managed services deny.
    """
    where = plain_url(url)
    try:
        client = looker(url, timeout_ms=timeout_ms)
    except ValueError as error:
        raise CannotRun(f"redis_url {where} is not a Redis URL: {error}.") from error
    try:
        server = await client.info("server")
        memory = await client.info("memory")
    except (RedisError, OSError) as error:
        raise CannotRun(f"The Redis at {where} does not answer ({error or type(error).__name__}).") from error
    finally:
        await client.aclose()
    version = str(server.get("redis_version", "0"))
    if int(version.partition(".")[0]) < VERSION_MIN:
        raise CannotRun(f"The Redis at {where} is version {version}; at least {VERSION_MIN} is needed.")
    policy = memory.get("maxmemory_policy")
    if policy != "noeviction":
        raise CannotRun(
            f"The Redis at {where} has maxmemory-policy {policy}, which may drop balances; set it to noeviction."
        )
