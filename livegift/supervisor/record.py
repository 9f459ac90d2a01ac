"""``<data>/serve.json``: how the command line finds a running server. Mode 0600: a Redis URL may hold a password."""

import os
from pathlib import Path

import msgspec

NAME = "serve.json"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of a running server and the process id of its supervisor."""

    pid: int
    url: str
    admin_url: str
    redis_url: str


def write_record(data: Path, record: Record) -> None:
    """Replace the record at once: a reader sees the old one or the new one."""
    path = data / f"{NAME}.new"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(record))
    path.replace(data / NAME)


def read_record(data: Path) -> Record | None:
    """Return the record, or None if no server runs or it was killed before it could say anything.

    It may be stale after a kill: whoever uses it must find the server answering.
    """
    try:
        return msgspec.json.decode((data / NAME).read_bytes(), type=Record)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def remove_record(data: Path) -> None:
    """Take the record away; safe to call twice."""
    (data / NAME).unlink(missing_ok=True)
