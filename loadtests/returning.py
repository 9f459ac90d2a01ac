"""A process full of cheap viewers that lose their connection, come back with ``since``, and keep book.

``python -m loadtests.returning`` reads a plan as one line of JSON, joins, and says ``joined``. Then it does as stdin
says, a word a line, and answers each with a line of JSON: ``drop`` lets all lose their sockets at once, ``strike``
only notes the moment; ``back`` answers how many are back since then, ``told`` all that is known. It leaves at the end
of stdin. All viewers of a room get the same bytes, so each distinct frame is read once.
"""

import asyncio
import json
import os
import random
import socket
import sys
import time
from collections import Counter
from typing import Any, cast

import uvloop

from loadtests.crowd import text_frame
from loadtests.open_files import raise_open_files
from loadtests.return_frames import Frame, ReturnPlan, Told, read_frame
from loadtests.vitals import LAG_P99_MAX_MS, Vitals

JOINS_AT_ONCE = 48
JOIN_S = 300.0
FRAMES_MAX = 4_096
FIRST_WAIT_MS, LONGEST_WAIT_MS = 500.0, 5_000.0
"""The SDKs' full jitter: up to 500 ms, doubled with each failure up to 5 s."""
ANSWER_S = 8.0
"""From dialling to ``connected``, as in the JavaScript SDK; whoever waits longer hangs up and tries again."""
FINAL_CLOSE_CODES = frozenset({1002, 1003, 1007, 1009, 4400, 4401, 4403, 4408, 4409})
IP_BIND_ADDRESS_NO_PORT = 24
POLITENESS = 5
"""Viewers live elsewhere: where they share the server's cores, they take what it leaves."""
PING, CLOSE, PONG = 0x9, 0x8, b"\x8a\x80\0\0\0\0"


class Party:
    """All viewers of this process, and what is counted of them together."""

    def __init__(self, plan: ReturnPlan) -> None:
        self.plan = plan
        self.frames: dict[bytes, Frame] = {}
        self.struck_ms = 0.0
        self.join_s = 0.0
        self.failed = self.refused = 0
        self.cpu_s = self.wall_s = 0.0
        self.closed: Counter[str] = Counter()
        self.viewers_shown: dict[str, int] = {}
        self.is_over = False
        self.viewers = [Viewer(self, number, token, room) for number, (token, room) in enumerate(plan["people"])]

    def read(self, payload: bytes) -> Frame:
        """Read a message that very likely others have got, too."""
        frame = self.frames.get(payload)
        if frame is None:
            if len(self.frames) >= FRAMES_MAX:
                self.frames.clear()
            frame = self.frames[payload] = read_frame(payload)
        return frame

    def strike(self) -> None:
        """Note the moment from which returns count."""
        self.struck_ms = now_ms()
        self.cpu_s, self.wall_s = time.process_time(), time.monotonic()
        for viewer in self.viewers:
            viewer.back_ms = viewer.away_ms = None
            viewer.has_fallen = False

    def told(self, vitals: Vitals) -> Told:
        """Return all that is known."""
        places: dict[str, Counter[str]] = {}
        for viewer in self.viewers:
            places.setdefault(viewer.room, Counter())[f"{viewer.epoch.decode()}-{viewer.offset}"] += 1
        back = [viewer for viewer in self.viewers if viewer.back_ms is not None]
        return Told(
            viewers=len(self.viewers),
            live=sum(viewer.is_live for viewer in self.viewers),
            fallen=sum(viewer.has_fallen for viewer in self.viewers),
            back=len(back),
            recovered=sum(viewer.is_recovered for viewer in back),
            holes=sum(viewer.holes for viewer in self.viewers),
            doubled=sum(viewer.doubled for viewer in self.viewers),
            ended=sum(viewer.is_over for viewer in self.viewers),
            failed=self.failed,
            refused=self.refused,
            join_s=self.join_s,
            join_ms=[viewer.join_ms for viewer in self.viewers],
            back_ms=[viewer.back_ms for viewer in back if viewer.back_ms is not None],
            away_ms=[viewer.away_ms for viewer in back if viewer.away_ms is not None],
            closed=dict(self.closed),
            places={room: dict(found) for room, found in places.items()},
            viewers_shown=self.viewers_shown,
            cpu_share=(time.process_time() - self.cpu_s) / max(1e-3, time.monotonic() - self.wall_s),
            lag_p99_ms=vitals.lag.percentile(0.99) or 0.0,
            is_limited=(vitals.lag.percentile(0.99) or 0.0) > LAG_P99_MAX_MS,
        )


class Viewer:
    """One person who wants to watch a room, whatever happens to their connections."""

    __slots__ = (
        *("_address", "_connect", "_dial", "_failures", "_party", "_return_at_ms", "_subscribe", "_timer", "_wire"),
        *("away_ms", "back_ms", "doubled", "epoch", "fell_ms", "has_fallen", "holes", "is_live", "is_over"),
        *("is_recovered", "join_ms", "joined", "offset", "room", "dialled_ms"),
    )

    def __init__(self, party: Party, number: int, token: str, room: str) -> None:
        self._party = party
        self._connect = text_frame(f'{{"type":"connect","id":1,"token":"{token}"}}')
        addresses = party.plan["addresses"]
        self._address = (addresses[number % len(addresses)], 0) if addresses else None
        self._wire: _Wire | None = None
        self._dial: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._return_at_ms = 0.0
        self.room = room
        self.epoch, self.offset = b"", 0
        self.holes = self.doubled = 0
        self.is_live = self.is_over = self.is_recovered = self.has_fallen = False
        self.back_ms: float | None = None
        self.away_ms: float | None = None
        self.fell_ms = self.join_ms = self.dialled_ms = 0.0
        self.joined: asyncio.Future[None] | None = None

    # --- coming and going ---

    def dial(self) -> None:
        """Open a connection."""
        self._dial = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        plan, loop = self._party.plan, asyncio.get_running_loop()
        self.dialled_ms = now_ms()
        self._timer = loop.call_later(ANSWER_S, self._give_up)
        try:
            connection = self._socket()
            try:
                await loop.sock_connect(connection, (plan["host"], plan["port"]))
                await loop.create_connection(lambda: _Wire(self), sock=connection)
            except BaseException:
                connection.close()
                raise
        except OSError:
            self._failed()

    def _socket(self) -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        if self._address is not None:
            # Without this the kernel looks for a port that is free for every server: with thousands of closed
            # connections about, each search takes milliseconds.
            connection.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind(self._address)
        return connection

    def _give_up(self) -> None:
        """Nothing has come of this attempt."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.abort()
        elif self._dial is not None:
            self._dial.cancel()
        self._failed()

    def _failed(self) -> None:
        self._party.failed += 1
        self._come_back()

    def _come_back(self) -> None:
        loop = asyncio.get_running_loop()
        self._wire = None
        if self._timer is not None:
            self._timer.cancel()
        if self._party.is_over or self.is_over:
            return
        wait_ms = self._return_at_ms - now_ms()
        if self._return_at_ms == 0.0:
            wait_ms = random.random() * min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2**self._failures)
            self._failures += 1
        self._return_at_ms = 0.0
        self._timer = loop.call_later(max(0.0, wait_ms) / 1_000, self.dial)

    def drop(self) -> None:
        """Lose the connection as a network loses it."""
        if self._wire is not None:
            self._wire.abort()

    def leave(self) -> None:
        """Go for good."""
        self.is_over = True
        if self._timer is not None:
            self._timer.cancel()
        self.drop()

    # --- what the wire says ---

    def opened(self, wire: "_Wire") -> None:
        """The WebSocket is open."""
        self._wire = wire
        wire.write(self._connect)

    def attached(self, wire: "_Wire") -> None:
        """The TCP connection is there."""
        self._wire = wire

    def lost(self, wire: "_Wire") -> None:
        """The connection has ended."""
        if wire is not self._wire:
            return
        if self.is_live:
            self.is_live, self.has_fallen, self.fell_ms = False, True, now_ms()
        else:
            self._party.failed += 1
        self._come_back()

    def take(self, frame: Frame) -> None:
        """Follow the room, and judge what comes."""
        kind = frame.kind
        if kind == b"room":
            self._take_events(frame)
        elif kind == b"connected":
            since = f',"since":{{"epoch":"{self.epoch.decode()}","offset":{self.offset}}}' if self.epoch else ""
            assert self._wire is not None
            self._wire.write(text_frame(f'{{"type":"subscribe","id":2,"room":"{self.room}"{since}}}'))
        elif kind == b"subscribed":
            self._joined(frame)
        elif kind == b"snapshot":
            self.epoch, self.offset = frame.epoch, frame.offset
        elif kind == b"reconnect":
            self._return_at_ms = now_ms() + frame.after_ms
            asyncio.get_running_loop().call_later(frame.after_ms / 1_000, self._leave_as_told, self._wire)
        elif kind == b"viewers":
            self._party.viewers_shown[self.room] = json.loads(frame.payload)["viewers"]
        elif kind == b"error":
            self._party.refused += 1
            self._return_at_ms = now_ms() + frame.after_ms * (1 + random.random() / 2)
            self.drop()

    def _leave_as_told(self, wire: "_Wire | None") -> None:
        if wire is not None and wire is self._wire:
            wire.abort()

    def _take_events(self, frame: Frame) -> None:
        if not frame.events:
            return
        if frame.epoch != self.epoch or frame.first > self.offset + 1:
            self.holes += 1
        elif frame.first <= self.offset:
            self.doubled += 1
        self.epoch, self.offset = frame.epoch, frame.offset

    def _joined(self, frame: Frame) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.is_recovered = frame.is_recovered
        if not frame.is_recovered:
            self.epoch, self.offset = frame.epoch, frame.offset
        elif frame.events:
            self._take_events(frame)
        elif (frame.epoch, frame.offset) != (self.epoch, self.offset):
            self.holes += 1
        self.is_live, self._failures = True, 0
        if self.joined is not None and not self.joined.done():
            self.join_ms = now_ms() - self.dialled_ms
            self.joined.set_result(None)
        elif self.back_ms is None and self.has_fallen:
            self.back_ms = now_ms() - self._party.struck_ms
            self.away_ms = now_ms() - self.fell_ms


class _Wire(asyncio.Protocol):
    """A connection: frames out of bytes, pings answered."""

    __slots__ = ("_is_open", "_rest", "_transport", "_viewer")

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._rest = b""
        self._is_open = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._viewer.attached(self)
        plan = self._viewer._party.plan
        head = f"GET {plan['path']} HTTP/1.1\r\nHost: {plan['host']}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        self._transport.write((head + key).encode())

    def write(self, frame: bytes) -> None:
        if self._transport is not None:
            self._transport.write(frame)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._is_open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.abort()
                return
            self._is_open = True
            self._viewer.opened(self)
        at = 0
        while len(data) - at >= 2:
            length, start = data[at + 1], 2
            if length >= 126:
                start = 4 if length == 126 else 10
                if len(data) - at < start:
                    break
                length = int.from_bytes(data[at + 2 : at + start], "big")
            if len(data) - at < start + length:
                break
            self._take(data[at] & 0xF, data[at + start : at + start + length])
            at += start + length
        self._rest = data[at:]

    def _take(self, opcode: int, payload: bytes) -> None:
        viewer = self._viewer
        if opcode == PING:
            self.write(PONG)
        elif opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            viewer._party.closed[str(code)] += 1
            viewer.is_over |= code in FINAL_CLOSE_CODES
            self.abort()
        elif viewer._wire is self:
            viewer.take(viewer._party.read(payload))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._viewer.lost(self)


def now_ms() -> float:
    """Monotonic time."""
    return asyncio.get_running_loop().time() * 1_000


async def live() -> None:
    """Do as stdin says."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 28)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    party = Party(json.loads(await lines.readline()))
    vitals, over = Vitals(), asyncio.Event()
    start_ms = now_ms()
    async with asyncio.timeout(JOIN_S):
        for start in range(0, len(party.viewers), JOINS_AT_ONCE):
            crowd = party.viewers[start : start + JOINS_AT_ONCE]
            for viewer in crowd:
                viewer.joined = loop.create_future()
                viewer.dial()
            await asyncio.gather(*(viewer.joined for viewer in crowd if viewer.joined is not None))
    party.join_s = (now_ms() - start_ms) / 1_000
    watching = loop.create_task(vitals.watch(over))
    _say("joined")
    while word := (await lines.readline()).strip():
        if word in (b"drop", b"strike"):
            party.strike()
            _say("struck")
            for viewer in party.viewers if word == b"drop" else ():
                viewer.drop()
        elif word == b"back":
            _say([sum(viewer.back_ms is not None for viewer in party.viewers), sum(v.is_live for v in party.viewers)])
        else:
            _say(party.told(vitals))
    party.is_over = True
    over.set()
    await watching
    for viewer in party.viewers:
        viewer.leave()
    await asyncio.sleep(0)


def _say(what: Any) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    raise_open_files()
    os.nice(POLITENESS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(live())
