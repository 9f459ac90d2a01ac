"""``livegift check``: settings and surroundings, each with what to mend. It starts nothing and changes nothing.

``faults`` alone is also asked before every command that starts something: a setting that can't work is one sentence
at the start and not a surprise at three in the morning.
"""

import difflib
import os
import re
import shutil
import socket
import sqlite3
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from livegift.config import Config
from livegift.errors import CannotRun, Unavailable
from livegift.hooks.settings import open_hooks
from livegift.identity.identity import open_identity
from livegift.identity.oidc import Oidc
from livegift.ledger.data_lock import is_served
from livegift.ledger.embedded import find_binary
from livegift.ledger.engine_check import check_engine, plain_url
from livegift.store.postgres import PostgresDatabase

SETTINGS_FILE = Path("livegift.toml")
"""Looked for in the current directory; what it says applies to every command."""
DISK_BYTES_MIN = 1_000_000_000
OPEN_FILES_MIN = 4_096
POSTGRES_MIN = 13

_CHOICES = {
    "appendfsync": ("everysec", "always"),
    "log_level": ("debug", "info", "warning", "error"),
    "environment": ("development", "production"),
}
_RANGES = {
    "port": (0, 65_535),
    "admin_port": (0, 65_535),
    "workers": (1, 256),
    "partitions": (1, 1_024),
    "batch_gifts_max": (1, 64),
    "tick_ms": (0, 1_000),
    "flush_pause_ms": (0, 1_000),
    "gift_count_max": (1, 9_999),
    "demo_coins": (0, 10**13 - 1),
    "address_connections_max": (0, 10**6),
    "user_connections_max": (0, 10**6),
    "address_connects_per_s": (0, 10**6),
    "address_requests_per_s": (0, 10**6),
    "user_requests_per_s": (0, 10**6),
    "frames_per_s": (0, 10**6),
    "room_sends_per_s": (0, 10**6),
    "checkpoint_interval_s": (0, 10**7),
}


BASE_PATH = r"(/[A-Za-z0-9._~-]+)*"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check: what was looked at, what was found, and what to do about it (None: nothing)."""

    what: str
    found: str
    mend: str | None = None


def faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each setting that can't work."""
    if (fault := _store_fault(config.store)) is not None:
        yield fault
    if config.demo and config.environment == "production":
        yield "demo is on and environment is production: a demo gives coins to everybody who asks."
    if not re.fullmatch(BASE_PATH, config.base_path):
        yield f"base_path is {config.base_path!r}; it must begin with a slash and end with none, as /gifts."
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name in _CHOICES and value not in _CHOICES[field.name]:
            yield f"{field.name} is {value!r}; it must be {' or '.join(_CHOICES[field.name])}."
        if isinstance(value, int) and not isinstance(value, bool):
            low, high = _RANGES.get(field.name, (1, 10**13))
            if not low <= value <= high:
                yield f"{field.name} is {value}; it must be {low} to {high}."


def _store_fault(store: str) -> str | None:
    if store == "sqlite" or store.startswith(("postgresql://", "postgres://")):
        return None
    return f"store is {store.partition('://')[0]!r}…; it must be sqlite or postgresql://user:password@host/database."


def insist(config: Config) -> None:
    """Raise ``CannotRun`` with the first fault of the settings."""
    for fault in faults(config):
        raise CannotRun(fault)


def insist_on_names() -> None:
    """Raise ``CannotRun`` for a variable or a key of the settings file that names no setting."""
    known = {field.name for field in fields(Config)}
    try:
        with SETTINGS_FILE.open("rb") as file:
            in_file = tomllib.load(file)
    except FileNotFoundError:
        in_file = {}
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise CannotRun(f"{SETTINGS_FILE} can't be read: {error}.") from error
    for key in in_file:
        if key.replace("-", "_") not in known:
            raise CannotRun(f"{SETTINGS_FILE}: {key} is not a setting{_near(key.replace('-', '_'), known)}.")
    for key in os.environ:
        prefix, _, name = key.partition("LIVEGIFT_")
        if not prefix and name and not name.startswith("TEST_") and name.lower() not in known:
            near = _near(name, {known_name.upper() for known_name in known})
            raise CannotRun(f"The variable {key} is not a setting{near}.")


def _near(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}" if near else ""


async def check(config: Config) -> list[Finding]:
    """Look at everything a server needs and return what was found, in the order in which it would be needed."""
    wrong = list(faults(config))
    findings = [Finding("setting", fault, "correct it") for fault in wrong] or [Finding("settings", "make sense")]
    findings += [_python(), _sqlite(), _open_files(), _pages(), _data(config), _secret(config)]
    findings.append(await _identity(config))
    findings += _named(config)
    findings.append(await _engine(config))
    if not wrong:
        findings.append(await _book(config))
        findings += [_port(config, "port"), _port(config, "admin_port")]
    return findings


def _python() -> Finding:
    found = sys.version.split()[0]
    return Finding("Python", found, None if sys.version_info >= (3, 11) else "install Python 3.11 or newer")


def _sqlite() -> Finding:
    new = sqlite3.sqlite_version_info >= (3, 37)
    return Finding("SQLite", sqlite3.sqlite_version, None if new else "install a Python with SQLite 3.37 or newer")


def _open_files() -> Finding:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 0 <= hard < OPEN_FILES_MIN
    mend = f"raise the limit of open files to {OPEN_FILES_MIN} or more (ulimit -Hn, LimitNOFILE=)" if few else None
    return Finding("open files", f"{hard} a process; each viewer takes one", mend)


def _pages() -> Finding:
    if (files("livegift") / "web").is_dir():
        return Finding("pages", "built")
    return Finding("pages", "not built", "install livegift again (pip install .), which builds them")


def _data(config: Config) -> Finding:
    at = config.data.absolute()
    existing = next(path for path in (at, *at.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding("data", f"{existing} can't be written", f"let this user write to {existing}, or choose --data")
    free = shutil.disk_usage(existing).free
    mend = "make room on the disk" if free < DISK_BYTES_MIN else None
    return Finding(
        "data", f"{at}, {free / 1e9:.1f} GB free, {'in use' if is_served(config.data) else 'not in use'}", mend
    )


def _secret(config: Config) -> Finding:
    path = config.secret_path
    if not path.exists():
        return Finding("secret", f"{path} is made at the first start")
    mode = path.stat().st_mode & 0o777
    mend = f"chmod 600 {path}: whoever reads it can make tokens" if mode & 0o077 else None
    return Finding("secret", f"{path}, mode {mode:04o}", mend)


async def _identity(config: Config) -> Finding:
    try:
        await (await open_identity(config, bytes(32))).close()
    except CannotRun as error:
        return Finding("identity", str(error), "correct the settings, or see that the keys can be read")
    return Finding("identity", config.identity)


def _named(config: Config) -> Iterator[Finding]:
    """Yield what the settings name besides: hooks of media servers, an OpenID provider."""
    if config.hooks is not None:
        try:
            yield Finding("hooks", ", ".join(open_hooks(config.hooks)) or "none in the file")
        except CannotRun as error:
            yield Finding("hooks", str(error), "correct the file; docs/hooks.md shows one")
    if config.oidc_issuer is not None:
        try:
            Oidc.opened(config, bytes(32))
            yield Finding("sign-in", f"by {config.oidc_issuer}")
        except CannotRun as error:
            yield Finding("sign-in", str(error), "correct the settings; docs/identity.md shows them")


async def _engine(config: Config) -> Finding:
    try:
        if config.redis_url is None:
            return Finding("Valkey", f"embedded, {find_binary()}")
        await check_engine(config.redis_url, timeout_ms=config.redis_timeout_ms)
    except CannotRun as error:
        return Finding("Redis", str(error), "see the sentence before")
    return Finding("Redis", f"{plain_url(config.redis_url)} answers, noeviction")


async def _book(config: Config) -> Finding:
    if config.store == "sqlite":
        return Finding("book", f"SQLite, {config.book_path}")
    database = PostgresDatabase(config.store, timeout_ms=config.sql_timeout_ms, connections_max=1)
    try:
        row = await database.read(lambda sql: sql.row("SELECT current_setting('server_version_num')::int"))
    except (CannotRun, Unavailable) as error:
        return Finding("book", str(error), "start PostgreSQL, or correct --store")
    finally:
        await database.close()
    assert row is not None
    version = row[0] // 10_000
    mend = f"use PostgreSQL {POSTGRES_MIN} or newer" if version < POSTGRES_MIN else None
    return Finding("book", f"PostgreSQL {version} at {database.name} answers", mend)


def _port(config: Config, setting: str) -> Finding:
    port = getattr(config, setting)
    where = f"{config.host}:{port}"
    try:
        with socket.create_server(
            (config.host, port), family=socket.AF_INET6 if ":" in config.host else socket.AF_INET
        ):
            return Finding(setting, f"{where} is free")
    except OSError as error:
        if is_served(config.data):
            return Finding(setting, f"{where} is taken; a livegift is running on {config.data}")
        flag = setting.replace("_", "-")
        return Finding(
            setting, f"{where}: {error.strerror}", f"stop what listens there or choose another with --{flag}"
        )
