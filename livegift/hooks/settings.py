"""The file that the setting ``hooks`` names: which media servers may open and close rooms (docs/hooks.md)."""

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from livegift.errors import CannotRun
from livegift.hooks.event import Hook
from livegift.hooks.servers import LiveKit, Mux, OvenMediaEngine, Owncast
from livegift.secrets import read_secret

SECRET_CHARS_MIN = 16


class _Entry(Struct, forbid_unknown_fields=True):
    kind: Literal["livekit", "mux", "ovenmediaengine", "owncast"]
    secret_file: str
    key: str | None = None
    creator: str | None = None


@dataclass(frozen=True, slots=True)
class NamedHook:
    """A hook as the file describes it. ``creator`` None: each stream is called by the id of its creator."""

    name: str
    hook: Hook
    creator: str | None


def open_hooks(path: Path | None) -> dict[str, NamedHook]:
    """Return the hooks by name; raises ``CannotRun`` for a file that can't be read or describes none that can work."""
    if path is None:
        return {}
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CannotRun(f"hooks: {path} can't be read: {error}.") from error
    return {name: _hook(path, name, table) for name, table in tables.items()}


def _hook(path: Path, name: str, table: object) -> NamedHook:
    where = f"hooks: {path}, [{name}]"
    if not re.fullmatch(r"[a-z0-9-]{1,32}", name):
        raise CannotRun(f"{where}: a name is 1 to 32 of the characters a-z 0-9 -.")
    try:
        entry = msgspec.convert(table, _Entry)
    except msgspec.ValidationError as error:
        raise CannotRun(f"{where}: {error}.") from error
    secret = read_secret(path.parent / entry.secret_file, setting=f"{name}.secret_file")
    if len(secret) < SECRET_CHARS_MIN:
        raise CannotRun(f"{where}: the secret is shorter than {SECRET_CHARS_MIN} characters: it could be guessed.")
    if entry.kind == "livekit":
        if not entry.key:
            raise CannotRun(f"{where}: key is missing, LiveKit's API key.")
        return NamedHook(name, LiveKit(secret, entry.key), entry.creator)
    if entry.kind == "owncast" and not entry.creator:
        raise CannotRun(f"{where}: creator is missing: an Owncast server streams for one.")
    kinds: dict[str, Callable[[str], Hook]] = {"mux": Mux, "ovenmediaengine": OvenMediaEngine, "owncast": Owncast}
    return NamedHook(name, kinds[entry.kind](secret), entry.creator)
