"""A process full of viewers that cost little: they read frames, count events and times, and do nothing else.

``python -m loadtests.watching`` reads a plan as one line of JSON, joins, and says ``joined``; at ``begin`` it counts
from zero and says ``begun``, at ``end`` it says what it has counted; it leaves at the end of stdin. All viewers of a
room get the same bytes, so each distinct read is parsed once; what was not a whole frame waits for the rest.
"""

import asyncio
import json
import re
import sys
import time
from typing import NamedTuple, TypedDict, cast

import uvloop

from loadtests.timeline import OverTime, Timeline
from loadtests.vitals import Vitals

JOINS_AT_ONCE = 32
JOIN_S = 60.0
READS_MAX = 4_096
TIMED_EVERY = 8
"""One viewer in so many notes times; taking a time costs about as much as reading a frame."""
EVENT = re.compile(rb'"event_id":"')
PLANNED = re.compile(rb"t=(\d{20})")
PING, PONG = 0x9, b"\x8a\x80\0\0\0\0"


class Plan(TypedDict):
    """Who connects where. ``answers``: what the server says, step by step, until a viewer has joined.

    ``greetings``: of each viewer the frames, in hexadecimal, that are sent after each answer but the last.
    """

    host: str
    port: int
    path: str
    answers: list[str]
    greetings: list[list[str]]


class Counted(TypedDict):
    """What a process has counted between ``begin`` and ``end``. Times in ns; ``lag_p99_ms`` is its own loop's."""

    viewers: int
    events: int
    reads: int
    bytes: int
    closed: int
    times_ns: list[int]
    cpu_share: float
    lag_p99_ms: float
    is_limited: bool
    over_time: OverTime


class Read(NamedTuple):
    """What stands in some bytes, and those that begin a frame of which the rest has still to come."""

    events: int
    planned_ns: tuple[int, ...]
    pings: int
    rest: bytes


def read_frames(data: bytes) -> Read:
    """Read the server's frames, which are not masked."""
    at, pings = 0, 0
    payloads: list[bytes] = []
    while len(data) - at >= 2:
        length, head = data[at + 1], 2
        if length >= 126:
            head = 4 if length == 126 else 10
            length = int.from_bytes(data[at + 2 : at + head], "big")
        if len(data) - at < head + length:
            break
        pings += data[at] & 0xF == PING
        payloads.append(data[at + head : at + head + length])
        at += head + length
    text = b"".join(payloads)
    return Read(len(EVENT.findall(text)), tuple(map(int, PLANNED.findall(text))), pings, data[at:])


class Tally:
    """All counts of this process."""

    def __init__(self) -> None:
        self.known: dict[bytes, Read] = {}
        self.closed = 0
        self.clear()

    def clear(self) -> None:
        """Count from zero."""
        self.events = self.reads = self.bytes = 0
        self.times_ns: list[int] = []

    def read(self, data: bytes) -> Read:
        """Read bytes that nobody has read yet."""
        if len(self.known) >= READS_MAX:
            self.known.clear()
        found = self.known[data] = read_frames(data)
        return found


class Watcher(asyncio.Protocol):
    """One viewer."""

    __slots__ = ("_answers", "_greetings", "_is_timed", "_rest", "_tally", "_transport", "_upgrade", "joined")

    def __init__(self, tally: Tally, plan: Plan, number: int) -> None:
        self._tally = tally
        self._is_timed = number % TIMED_EVERY == 0
        self._rest = b""
        self._answers = [answer.encode() for answer in plan["answers"]]
        head = f"GET {plan['path']} HTTP/1.1\r\nHost: {plan['host']}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        self._upgrade = (head + key).encode()
        self._greetings = [bytes.fromhex(frame) for frame in plan["greetings"][number]]
        self.joined = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask to be let in."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.write(self._upgrade)

    def data_received(self, data: bytes) -> None:
        """Count."""
        if self._rest:
            data = self._rest + data
        if self._answers:
            self._join(data)
            return
        tally = self._tally
        found = tally.known.get(data) or tally.read(data)
        self._rest = found.rest
        tally.reads += 1
        tally.events += found.events
        tally.bytes += len(data) - len(found.rest)
        if found.pings:
            self._transport.write(PONG)
        if self._is_timed and found.planned_ns:
            now_ns = time.monotonic_ns()
            tally.times_ns += [now_ns - planned_ns for planned_ns in found.planned_ns]

    def _join(self, data: bytes) -> None:
        self._rest = data
        while self._answers and self._answers[0] in data:
            del self._answers[0]
            if self._answers:
                self._transport.write(self._greetings.pop(0))
            else:
                self._rest = read_frames(data.partition(b"\r\n\r\n")[2]).rest
                self.joined.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """A viewer that loses its connection stays away, and is counted."""
        self._tally.closed += 1
        if not self.joined.done():
            self.joined.set_exception(error or ConnectionResetError(f"told {self._rest[-200:]!r}"))


async def watch() -> None:
    """Do as stdin says."""
    loop, tally = asyncio.get_running_loop(), Tally()
    lines = asyncio.StreamReader(limit=1 << 28)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    plan: Plan = json.loads(await lines.readline())
    viewers = len(plan["greetings"])
    async with asyncio.timeout(JOIN_S):
        for start in range(0, viewers, JOINS_AT_ONCE):
            await asyncio.gather(*(_enter(tally, plan, n) for n in range(start, min(start + JOINS_AT_ONCE, viewers))))
    _say("joined")
    while line := await lines.readline():
        if line == b"begin\n":
            vitals, over = Vitals(), asyncio.Event()
            tally.clear()
            timeline = Timeline(lambda: {"seen": tally.events})
            watching = asyncio.gather(vitals.watch(over), timeline.watch(over))
            _say("begun")
        else:
            over.set()
            await watching
            _say(
                Counted(
                    viewers=viewers,
                    events=tally.events,
                    reads=tally.reads,
                    bytes=tally.bytes,
                    closed=tally.closed,
                    times_ns=tally.times_ns,
                    cpu_share=vitals.cpu_share,
                    lag_p99_ms=vitals.lag.percentile(0.99) or 0.0,
                    is_limited=vitals.is_limited,
                    over_time=timeline.rates(),
                )
            )


async def _enter(tally: Tally, plan: Plan, number: int) -> None:
    loop = asyncio.get_running_loop()
    _, viewer = await loop.create_connection(lambda: Watcher(tally, plan, number), plan["host"], plan["port"])
    await viewer.joined


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(watch())
