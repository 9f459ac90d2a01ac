"""``livegift check --for production``: what a server for real money and strangers needs beyond one that runs.

Each finding is about this machine and these settings; none starts or changes anything. What can't be known from here
(backups, the proxy's TLS, who reaches the admin port) is said as what to see to.
"""

import os
import re
import resource
import stat
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from redis.exceptions import RedisError

from livegift.check import SETTINGS_FILE, Finding
from livegift.config import Config
from livegift.ledger.engine_check import looker

SECRETS = ("jwt_secret", "redis_url", "store")
"""Settings that are secrets, or may hold one."""
FILES_BESIDE = 1_000
"""Open files of an edge that are no viewers."""
MOUNTS = Path("/proc/self/mounts")
PASSING = {"tmpfs": "memory: a restart empties it", "overlay": "a container's own layer: gone with the container"}
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "9p")
VERIFIED = ("require", "verify-ca", "verify-full")


async def findings(config: Config) -> list[Finding]:
    """Return what was found, in the order of how much harm it may do."""
    found = [*_who(config), *_doors(config), *_money(config), *_machine(config)]
    if config.redis_url is not None:
        found.append(await _journal(config.redis_url, timeout_ms=config.redis_timeout_ms))
    return found


def _who(config: Config) -> Iterator[Finding]:
    is_production = config.environment == "production"
    mend = None if is_production else "set environment = production: a demo then can't start"
    yield Finding("environment", config.environment, mend)
    if config.demo:
        yield Finding("demo", "on", "leave it out: it gives coins to everybody who asks")
    is_root = os.geteuid() == 0
    mend = "run it as a user of its own" if is_root else None
    yield Finding("user", "root" if is_root else f"uid {os.geteuid()}", mend)
    for path in (config.secret_path, config.signing_path):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("secret", f"others may read {path}", f"chmod 600 {path}")
    yield from _settings_file()
    if (config.jwt_keys or "").startswith("http://"):
        yield Finding("identity", "the platform's keys come over http://", "use https:// for jwt_keys")


def _settings_file() -> Iterator[Finding]:
    try:
        text = SETTINGS_FILE.read_text()
        told = {name.replace("-", "_") for name in tomllib.loads(text)}
        mode = stat.S_IMODE(SETTINGS_FILE.stat().st_mode)
    except FileNotFoundError:
        return
    held = [name for name in SECRETS if name in told and mode & 0o077]
    if held:
        what = f"others may read {SETTINGS_FILE}, and it has {', '.join(held)}"
        yield Finding("secret", what, f"chmod 600 {SETTINGS_FILE}, or name files (LIVEGIFT_STORE_FILE and the like)")


def _doors(config: Config) -> Iterator[Finding]:
    origins = config.allowed_origins
    mend = None if origins else "name your pages in allowed_origins: a stranger's page may open sockets as its visitor"
    yield Finding("origins", origins or "any page", mend)
    proxies = config.trusted_proxies
    mend = None if proxies else "name the proxy that does TLS in trusted_proxies, or all viewers have its address"
    yield Finding("proxies", proxies or "none is believed", mend)
    by_address = ("address_connections_max", "address_connects_per_s", "address_requests_per_s")
    open_ones = [name for name in (*by_address, "user_connections_max") if not getattr(config, name)]
    what = f"none for {', '.join(open_ones)}" if open_ones else "all set"
    yield Finding("limits", what, "choose them: docs/limits.md says how" if open_ones else None)
    if not _is_loopback(config.host):
        yield Finding("admin port", f"{config.host}:{config.admin_port}: see that only your own reach it")


def _money(config: Config) -> Iterator[Finding]:
    if config.store == "sqlite":
        yield Finding("book", "SQLite: one machine. See that `livegift backup` runs, and try a restore")
        yield from _file_system(config.data.absolute())
    else:
        parts = urlsplit(config.store)
        mode = parse_qs(parts.query).get("sslmode", ["prefer"])[-1]
        is_safe = _is_loopback(parts.hostname) or mode in VERIFIED
        mend = None if is_safe else "add ?sslmode=verify-full to store, so that nobody in between reads or writes"
        yield Finding("book", f"PostgreSQL, sslmode {mode}", mend)
    if config.redis_url is not None:
        parts = urlsplit(config.redis_url)
        is_near = parts.scheme == "unix" or _is_loopback(parts.hostname)
        if not is_near and parts.scheme != "rediss":
            yield Finding("Redis", "its connection is not encrypted", "use rediss:// in redis_url")
        if not is_near and not parts.password:
            yield Finding("Redis", "asks for no password", "set an ACL or a password, and put it in redis_url")
    else:
        lost = "nothing" if config.appendfsync == "always" else "up to a second of gifts that were not settled"
        yield Finding("journal", f"embedded, {config.appendfsync}: a power cut costs {lost}")
    made = config.checkpoint_interval_s
    mend = None if made else "set checkpoint_interval_s: without checkpoints creators can't verify anything"
    yield Finding("checkpoints", f"every {made} s" if made else "never", mend)


def _file_system(data: Path) -> Iterator[Finding]:
    """Yield what the data's file system is, where the kernel tells, and whether a book may stand there."""
    try:
        lines = [line.split() for line in MOUNTS.read_text().splitlines()]
    except OSError:
        return
    # Spaces and the like stand there as octal numbers (fstab(5)).
    mounts = {Path(re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), one[1])): one[2] for one in lines}
    at = next((path for path in (data, *data.parents) if path in mounts), None)
    if at is None:
        return
    kind = mounts[at]
    mend = None
    if kind in PASSING:
        mend = f"put data on a disk or a volume: {kind} is {PASSING[kind]}"
    elif kind in REMOTE:
        mend = "put data on a local disk: SQLite's locks don't hold over the network"
    yield Finding("data", f"on {kind}, mounted at {at}", mend)


def _machine(config: Config) -> Iterator[Finding]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = config.connections_max + FILES_BESIDE
    few = hard != resource.RLIM_INFINITY and hard < needed
    mend = f"raise the limit to {needed} (LimitNOFILE=), or lower connections_max" if few else None
    yield Finding("open files", f"{hard} for {config.connections_max} connections of an edge", mend)
    if config.log_level == "debug":
        yield Finding("logs", "debug", "set log_level = info: debug lines are many")


async def _journal(url: str, *, timeout_ms: int) -> Finding:
    """Return whether an external engine writes its journal down: by ``INFO``, which managed services allow, too."""
    try:
        async with looker(url, timeout_ms=timeout_ms) as client:
            info = await client.info("persistence")
    except (RedisError, OSError, ValueError) as error:
        return Finding("journal", f"Redis does not say whether it has an AOF: {error}", "see that it answers")
    if info.get("aof_enabled"):
        return Finding("journal", "Redis with an AOF")
    return Finding(
        "journal",
        "Redis without an AOF: its restart costs all gifts that were not settled",
        "set appendonly yes, or see that a replica takes over",
    )


def _is_loopback(host: str | None) -> bool:
    if host in (None, "", "localhost"):
        return True
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False
