"""One follower: a connection that is opened again when it breaks, and the place in the room where it stands.

A slow or stuck one has a network to match: what its kernel keeps is bounded before it connects, because a window once
offered is not taken back, and its segments are those of an Ethernet, because loopback's of 64 kB let the server's
kernel keep 2.6 MB for somebody who reads nothing.
"""

import asyncio
import random
import socket
from typing import TYPE_CHECKING, NamedTuple, cast

from livegift_client.events import Totals

from loadtests.crowd import text_frame

if TYPE_CHECKING:
    from loadtests.following import Kind, Party

PATH = "/v1/ws"
ANSWER_S = 20.0
FIRST_WAIT_MS, LONGEST_WAIT_MS = 200, 5_000
NARROW_BYTES, WIDE_BYTES = 8_192, 1 << 20
"""What the kernel keeps for a slow viewer, and for one that reads again."""
SEGMENT_BYTES = 1_400
TEXT, PING, PONG = 0x1, 0x9, b"\x8a\x80\0\0\0\0"
NOWHERE = Totals(0, 0, 0)


class Placed(NamedTuple):
    """Where in a room's sequence: ``offset`` is the last event's that is known."""

    epoch: str
    offset: int


class Follower:
    """One viewer of one room; ``party`` reads for it and judges what comes."""

    __slots__ = (
        *("_address", "_dialling", "_failures", "_joined", "_party", "_timer", "_token", "_wire"),
        *("allowed", "bytes", "frames", "is_live", "is_timed", "kind", "place", "room", "snapshots", "taken", "totals"),
    )

    def __init__(
        self, party: "Party", address: tuple[str, int], token: str, room: str, kind: "Kind", *, is_timed: bool
    ) -> None:
        self.room, self.kind, self.is_timed = room, kind, is_timed
        self.place, self.totals = Placed("", 0), NOWHERE
        self.is_live = False
        self.frames = self.bytes = self.snapshots = 0
        self.taken = 0
        """Bytes that came from the network."""
        self.allowed: float | None = None
        """Of those, how many may have come before this one stops reading; None: any number."""
        self._party, self._address, self._token = party, address, token
        self._wire: Wire | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._joined: asyncio.Future[None] | None = None
        self._failures = 0

    # --- coming and going ---

    async def join(self) -> None:
        """Connect, and return when the server has let us into the room."""
        self._joined = asyncio.get_running_loop().create_future()
        self._dial()
        await self._joined

    def let_in(self) -> None:
        """The server has answered our subscribe."""
        self.is_live, self._failures = True, 0
        self._cancel_timer()
        if self._joined is not None and not self._joined.done():
            self._joined.set_result(None)

    def attached(self, wire: "Wire") -> None:
        """A connection stands."""
        self._wire = wire

    def greet(self) -> None:
        """The WebSocket is open: say who we are."""
        self._write(f'{{"type":"connect","id":1,"token":"{self._token}"}}')

    def subscribe(self) -> None:
        """Ask for the room, from where we stand."""
        epoch, offset = self.place
        since = f',"since":{{"epoch":"{epoch}","offset":{offset}}}' if epoch else ""
        self._write(f'{{"type":"subscribe","id":2,"room":"{self.room}"{since}}}')

    def come_back(self, *, after_ms: float) -> None:
        """Leave, and come again after a while."""
        self._let_go()
        if not self._party.is_over:
            self._timer = asyncio.get_running_loop().call_later(after_ms / 1_000, self._dial)

    def lost(self, wire: "Wire") -> None:
        """A connection has ended; if it is ours, come back with jitter."""
        if wire is self._wire:
            self._party.reconnects += self.is_live
            self._fail()

    def leave(self) -> None:
        """Go for good."""
        self._let_go()

    def put(self, place: Placed, totals: Totals) -> None:
        """Stand there from now on."""
        self.place, self.totals = place, totals

    def take(self, wire: "Wire", payload: bytes) -> None:
        """A message has come."""
        if wire is self._wire:
            self.frames += 1
            self.bytes += len(payload)
            self._party.take(self, payload)

    # --- reading slowly ---

    def allow(self, bytes_max: float | None) -> None:
        """Read until so many bytes have come in all, then stop; None: read on."""
        self.allowed = bytes_max
        if self._wire is not None:
            self._wire.hold(bytes_max is not None and self.taken >= bytes_max)

    def note_taken(self, wire: "Wire", size: int) -> None:
        """So many bytes have come."""
        self.taken += size
        if self.allowed is not None and self.is_live and self.taken >= self.allowed:
            wire.hold(True)  # at once: while it reads, the kernel fills up again faster than any timer comes

    def widen(self) -> None:
        """Let the kernel keep more again: catching up through a narrow window waits for the kernel's timers."""
        if self._wire is not None:
            self._wire.widen()

    # --- the connection ---

    def _dial(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(ANSWER_S, self._fail)
        self._dialling = self._party.tasks.create_task(self._open())

    async def _open(self) -> None:
        link = socket.socket()
        link.setblocking(False)
        if self.kind != "honest":
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW_BYTES)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(link, self._address)
            await loop.create_connection(lambda: Wire(self, self._address[0]), sock=link)
        except OSError:
            link.close()
            self._fail()
        except BaseException:
            link.close()
            raise

    def _fail(self) -> None:
        self._failures += 1
        self.come_back(after_ms=random.random() * min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2**self._failures))

    def _let_go(self) -> None:
        """What this connection still says is nothing to us."""
        wire, dialling, self._wire, self._dialling = self._wire, self._dialling, None, None
        self.is_live = False
        self._cancel_timer()
        if wire is not None:
            wire.abort()
        elif dialling is not None and dialling is not asyncio.current_task():
            dialling.cancel()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write(self, text: str) -> None:
        if self._wire is not None:
            self._wire.write(text_frame(text))


class Wire(asyncio.Protocol):
    """One connection: frames out of bytes, pings answered."""

    __slots__ = ("_follower", "_host", "_is_open", "_rest", "_transport")

    def __init__(self, follower: Follower, host: str) -> None:
        self._follower, self._host = follower, host
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._follower.attached(self)  # here, since an answer may come before whoever dialled has a turn
        head = f"GET {PATH} HTTP/1.1\r\nHost: {self._host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        self._transport.write((head + key).encode())

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whose it was."""
        self._transport = None
        self._follower.lost(self)

    def write(self, frame: bytes) -> None:
        """Send a frame."""
        if self._transport is not None:
            self._transport.write(frame)

    def abort(self) -> None:
        """Break it."""
        if self._transport is not None:
            self._transport.abort()

    def hold(self, is_held: bool) -> None:
        """Stop reading from the network, or go on."""
        if self._transport is None or self._transport.is_closing() or is_held != self._transport.is_reading():
            return
        (self._transport.pause_reading if is_held else self._transport.resume_reading)()

    def widen(self) -> None:
        """Let the kernel keep as much as for anybody."""
        if self._transport is not None and not self._transport.is_closing():
            fd = self._transport.get_extra_info("socket").fileno()
            with socket.fromfd(fd, socket.AF_INET, socket.SOCK_STREAM) as same:  # uvloop's own lends no setsockopt
                same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WIDE_BYTES)

    def data_received(self, data: bytes) -> None:
        """Take frames out of bytes."""
        self._follower.note_taken(self, len(data))
        if self._rest:
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
            self._follower.greet()
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length >= 126:
                start = at + (4 if length == 126 else 10)
                if size < start:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            if size - start < length:
                break
            if data[at] & 0xF == TEXT:
                self._follower.take(self, data[start : start + length])
            elif data[at] & 0xF == PING:
                self.write(PONG)
            at = start + length
        self._rest = data[at:]
