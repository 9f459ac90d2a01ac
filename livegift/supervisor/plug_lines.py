"""What the bots of the plug say, one JSON line each (``loadtests/steered.py``), and how they are started."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

RATE = 200
SECONDS = 60
"""After which a run that nobody finishes finishes by itself."""
VIEWERS = 80
"""All of them gift: at 2.5 gifts a second each nobody meets the limit of 10 even in the middle of a streak."""
ROOMS = 2
LINE_BYTES_MAX = 1_048_576


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """How far the bots are; ``at_ms`` counts from the start of the load, None before it."""

    doing: str
    at_ms: float | None = None
    sent: int = 0
    accepted: int = 0
    settled: int = 0
    shown: int = 0
    waiting: int = 0
    away: int = 0


class Mark(msgspec.Struct, frozen=True, tag="mark"):
    """A kill as the bots noted it; ``seen_after_ms`` is None until they see a gift that was sent after it."""

    name: str
    at_ms: float
    seen_after_ms: float | None


class Audited(msgspec.Struct, frozen=True):
    """What the audit recomputed."""

    rows: int
    wallets: int


class Verdict(msgspec.Struct, frozen=True, tag="report"):
    """What the bots say at the end; ``drift`` is None if there was no audit."""

    sent: int
    accepted: int
    settled: int
    shown: int
    seen: int
    refused: int
    lost: int
    doubled: int
    out_of_order: int
    combos_open: int
    drift: int | None
    audited: Audited | None
    reconnects: int
    failures: list[str]


Line = Progress | Mark | Verdict
decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


@dataclass(frozen=True, slots=True)
class BotsLaunch:
    """The program that judges, and what is added to its environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def judging_bots(url: str, *, data: str, env: Mapping[str, str]) -> BotsLaunch:
    """Return how the bots are launched; ``env`` holds settings that the audit needs beside the data directory."""
    load = {"rooms": ROOMS, "viewers": VIEWERS, "senders": VIEWERS, "rate": RATE, "seconds": SECONDS}
    words = [word for name, value in load.items() for word in (f"--{name}", str(value))]
    argv = (sys.executable, "-m", "loadtests", "steady", "--url", url, "--data", data, "--progress", *words)
    return BotsLaunch(argv, env)


async def last_line(stream: asyncio.StreamReader) -> str:
    """Read a program's stderr to its end and return the last line of it, without keeping the rest."""
    last = b""
    async for line in stream:
        last = line.strip() or last
    return last.decode(errors="replace")
