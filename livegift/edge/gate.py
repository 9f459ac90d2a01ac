"""The gate: connections are accepted a few in each turn of the loop, so that a flood of them delays nobody who is in.

uvloop's own server accepts whatever waits in one go, thousands after an outage, and every handshake then follows in
the same turn. Here those who come wait in the kernel's queue instead, where they cost nothing, and those who find that
full try again as TCP does. Several edges share one listening socket; one that drains leaves it to the others.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

ACCEPTED_AT_ONCE = 16
"""Connections accepted in one turn: with their handshakes and commands 5 to 10 ms."""
EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_S = 0.5
"""How long nobody is accepted once the system has no descriptor left."""
CROWDED_S = 0.01
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 21\r\n\r\nThis server is full.\n"
)

log = structlog.get_logger(__name__)


class Gate:
    """Accepts connections on a listening socket while it is open.

    ``protocol`` makes what serves a connection, from the peer's address; ``spawn`` runs a task that must not raise;
    while ``is_crowded`` says so, nobody is accepted for a moment; while ``is_full``, who comes is told so and closed.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[Any], asyncio.BaseProtocol],
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        is_crowded: Callable[[], bool] = lambda: False,
        is_full: Callable[[], bool] = lambda: False,
    ) -> None:
        self._listener = listener
        self._protocol = protocol
        self._spawn = spawn
        self._is_crowded = is_crowded
        self._is_full = is_full
        self._pause: asyncio.TimerHandle | None = None
        self._is_open = False

    def open(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._is_open = True
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Accept nobody any more, and leave who waits to others who listen; safe to repeat."""
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()

    def _accept(self) -> None:
        if self._is_crowded():
            self._rest(CROWDED_S)
            return
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                log.warning("no_more_connections", why=str(error), again_in_s=PAUSE_S)
                self._rest(PAUSE_S)
                return
            connection.setblocking(False)
            if self._is_full():
                _turn_away(connection)
                continue
            self._spawn(self._take(connection, peer))

    def _rest(self, pause_s: float) -> None:
        self.close()
        self._pause = asyncio.get_running_loop().call_later(pause_s, self.open)

    async def _take(self, connection: socket.socket, peer: Any) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: self._protocol(peer), connection)
        except OSError:
            connection.close()  # the peer has gone already


def _turn_away(connection: socket.socket) -> None:
    """Say that there is no room, as far as the peer takes it at once, and close."""
    with connection, contextlib.suppress(OSError):
        connection.send(FULL)
        connection.shutdown(socket.SHUT_WR)
