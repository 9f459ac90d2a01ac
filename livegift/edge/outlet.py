"""The way out to one client: straight into the kernel while nothing waits, else through the transport.

A transport adds a tenth to a quarter to the system call it makes, and a room's frame is written thousands of times.
So while the transport holds no bytes we write to its descriptor ourselves; what the kernel does not take at once
goes to the transport, and everything after it too, until the transport has got rid of all of it: order needs no more
than that. The descriptor is not used once the transport closes (its number may soon be another's), nor with TLS.
Errors are not judged here: the bytes go to the transport, which meets the same error and ends the connection its way.
"""

import asyncio
import fcntl
import os
import socket
import struct
import sys
import termios
from collections.abc import Sequence
from typing import cast

from livegift.edge.writes import WriteToEach

SHUT = -1
ACKED_AT, TCP_INFO_BYTES = 120, 128
"""Where Linux' struct tcp_info holds ``tcpi_bytes_acked``."""


class Outlet(asyncio.Protocol):
    """The writing half of a connection."""

    __slots__ = ("_descriptor", "_straight", "_transport")

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._descriptor = SHUT
        """The socket's, as long as it may be written to without the transport at all."""
        self._straight = SHUT
        """The same, while nothing waits in the transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: our own buffer limits make ``resume_writing`` say exactly when the peer has taken everything."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.set_write_buffer_limits(high=0, low=0)
        if transport.get_extra_info("sslcontext") is None:
            self._descriptor = transport.get_extra_info("socket").fileno()
        self._straighten()

    def connection_lost(self, _: Exception | None) -> None:
        """The transport closes the descriptor after this call and never before it."""
        self._shut()
        self._transport = None

    def eof_received(self) -> bool:
        """The peer will send no more: the transport closes by itself."""
        self._shut()
        return False

    def pause_writing(self) -> None:
        """The peer has not taken everything."""
        self._straight = SHUT

    def resume_writing(self) -> None:
        """The peer has taken everything."""
        self._straighten()

    def put(self, data: bytes) -> None:
        """Send bytes after those before them; nothing if the connection ends."""
        if self._straight == SHUT:
            self._hand_over(data)
            return
        try:
            written = os.write(self._straight, data)
        except OSError:
            written = 0  # the kernel is full, or the peer has gone
        if written != len(data):
            self._hand_over(data[written:])

    def write(self, frame: bytes) -> None:
        """Send a whole frame, after those before it; a connection that has said goodbye sends no more."""
        self.put(frame)

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        """Send whole frames, after those before them; False, and nothing, if more than that waits already."""
        if self._straight == SHUT and self.unsent_bytes() > unsent_bytes_max:
            return False
        self.write(frames)
        return True

    def _hand_over(self, data: bytes) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(data)
            # It calls pause_writing at once, but not us while the HTTP protocol before us is still its protocol.
            self._straighten()

    def _straighten(self) -> None:
        transport = self._transport
        is_empty = transport is not None and not transport.is_closing() and not transport.get_write_buffer_size()
        self._straight = self._descriptor if is_empty else SHUT

    def unsent_bytes(self) -> int:
        """Return how much the client has not taken yet, beyond what the kernel holds."""
        if self._straight != SHUT or self._transport is None:
            return 0
        return self._transport.get_write_buffer_size()

    def taken_bytes(self) -> int | None:
        """Return how much the peer has taken in all, as long as more waits for it, in the kernel or before.

        None if nothing waits; also with TLS and where the kernel does not tell (it does on Linux).
        """
        if self._descriptor == SHUT or sys.platform != "linux":
            return None
        (queued,) = struct.unpack("i", fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, bytes(4)))
        if not queued and not self.unsent_bytes():
            return None
        with socket.socket(fileno=os.dup(self._descriptor)) as same:
            info = same.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        return int.from_bytes(info[ACKED_AT:TCP_INFO_BYTES], sys.byteorder)

    def _shut(self) -> None:
        """Leave what is still to be written to the transport, for good."""
        self._descriptor = self._straight = SHUT

    def _end(self) -> None:
        """Close after what was written."""
        self._shut()
        if self._transport is not None:
            self._transport.close()

    def _abort(self) -> None:
        """Close at once."""
        self._shut()
        if self._transport is not None:
            self._transport.abort()


def write_to_all(
    outlets: Sequence[Outlet], frames: bytes, unsent_bytes_max: int, write_to_each: WriteToEach
) -> list[Outlet]:
    """Offer the same frames to all of them; returns those who got nothing, for more waits for them already.

    A room's every delivery comes by here. What ``offer`` does for one costs 6 % of a delivery in calls alone.
    """
    late: list[Outlet] = []
    for place, written in write_to_each([outlet._straight for outlet in outlets], frames):
        outlet = outlets[place]
        if written:
            outlet._hand_over(frames[written:])
        elif not outlet.offer(frames, unsent_bytes_max):  # not straight, the kernel is full, or the peer has gone
            late.append(outlet)
    return late
