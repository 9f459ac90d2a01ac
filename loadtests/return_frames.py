"""What the storm's returning viewers are told, what they tell, and how they read a frame."""

import re
import socket
from typing import NamedTuple, TypedDict

KIND = re.compile(rb'^{"type":"(\w+)"')
PLACE = re.compile(rb'"epoch":"([^"]*)","offset":(\d+)')
OFFSETS = re.compile(rb'"type":"(?:gift|combo_ended|room_closed)","offset":(\d+)')
SINCE_EVENTS = re.compile(rb'"recovered":(true|false)')
AFTER_MS = re.compile(rb'"(?:retry_)?after_ms":(\d+)')


class ReturnPlan(TypedDict):
    """Who connects where. ``people``: each viewer's token and room; ``addresses``: loopback ones to come from."""

    host: str
    port: int
    path: str
    addresses: list[str]
    people: list[tuple[str, str]]


class Told(TypedDict):
    """What a process knows. Times in ms; ``back_ms`` from the strike, ``away_ms`` from the end of the connection."""

    viewers: int
    live: int
    fallen: int
    back: int
    recovered: int
    holes: int
    doubled: int
    ended: int
    failed: int
    refused: int
    join_s: float
    join_ms: list[float]
    back_ms: list[float]
    away_ms: list[float]
    closed: dict[str, int]
    places: dict[str, dict[str, int]]
    viewers_shown: dict[str, int]
    cpu_share: float
    lag_p99_ms: float
    is_limited: bool


class Frame(NamedTuple):
    """What a frame says; ``first`` is the offset of the first of its ``events``, of which there may be none."""

    kind: bytes
    epoch: bytes
    offset: int
    first: int
    events: int
    is_recovered: bool
    after_ms: int
    payload: bytes


def read_frame(payload: bytes) -> Frame:
    """Read one message of the server's, of JSON."""
    kind = KIND.match(payload)
    place = PLACE.search(payload)
    offsets = OFFSETS.findall(payload)
    recovered = SINCE_EVENTS.search(payload)
    after = AFTER_MS.search(payload)
    return Frame(
        kind[1] if kind else b"",
        place[1] if place else b"",
        int(place[2]) if place else 0,
        int(offsets[0]) if offsets else 0,
        len(offsets),
        recovered is not None and recovered[1] == b"true",
        int(after[1]) if after else 0,
        payload,
    )


def loopback(host: str) -> list[str]:
    """Return addresses to come from: one has ports for 28,000 connections to a server, and those that ended count."""
    return [f"127.0.0.{last}" for last in range(1, 5)] if socket.gethostbyname(host).startswith("127.") else []
