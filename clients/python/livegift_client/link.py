"""Connections, one after the other: opens, waits, backs off, opens again. The I/O under a session.

What a frame means is the session's business and what the user is told is the client's; here are only sockets, times
and the decision whether to come back.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from websockets.exceptions import InvalidStatus, WebSocketException

from livegift_client.backoff import Backoff
from livegift_client.codec import Codec
from livegift_client.errors import NO_RECONNECT_CODES, Closed, HttpFailed, LivegiftError, Unreachable
from livegift_client.messages import AnyMessage
from livegift_client.session import Session
from livegift_client.wire import Wire, open_wire

log = logging.getLogger("livegift_client")

OPEN_TIMEOUT_S = 10.0
"""How long one attempt to connect may take."""
TRY_AGAIN_STATUS = frozenset({404, 408, 425, 429})
"""Of the 4xx answers to a WebSocket handshake, those that may be another one soon (a proxy amid a deploy)."""

Token = str | Callable[[], Awaitable[str]]
"""A token, or a function that gets a fresh one: for every connection, and before the one in use ends."""


class Link:
    """Keeps one connection at a time. ``on_message`` gets decoded messages, ``on_turn`` is called to act on time."""

    def __init__(
        self,
        url: str,
        token: Token,
        session: Session,
        chance: Callable[[], float],
        *,
        codec: Codec,
        decoder: Callable[[bytes], AnyMessage | None],
        on_opened: Callable[[str], None],
        on_message: Callable[[AnyMessage], None],
        on_turn: Callable[[], None],
        proxy: bool,
        ssl: Any,
    ) -> None:
        self.connections = 0
        self.unreadable = 0
        """Frames of a known type that could not be read; they are logged and skipped."""
        self.last_fault: Exception | None = None
        self._url, self._token, self._session, self._codec = url, token, session, codec
        self._decode, self._on_opened, self._on_message, self._on_turn = decoder, on_opened, on_message, on_turn
        self._proxy, self._ssl = proxy, ssl
        self._backoff = Backoff(chance)
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._patience: asyncio.Timeout | None = None
        self._back_at_ms: float | None = None
        """When a server that drains wants us back."""
        self._fatal: LivegiftError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0.0
        self._is_over = False
        self._holders: set[object] = set()

    @property
    def now_ms(self) -> float:
        """Monotonic time."""
        return self._loop.time() * 1_000

    async def run(self) -> None:
        """Connect again and again. Raises ``Closed`` or ``Refused`` when there is no point in going on."""
        try:
            while True:
                wait_ms = await self._attempt()
                await asyncio.sleep(wait_ms / 1_000)
        finally:
            self._is_over = True
            if self._timer is not None:
                self._timer.cancel()

    def transmit(self, frame: bytes) -> None:
        """Write a frame, or leave it if there is no connection: the session repeats it on the next one."""
        if self._wire is not None:
            self._wire.transmit(frame)

    def hang_up(self, *, after_ms: float, is_spread: bool = False) -> None:
        """End the present connection then, and open the next: at once if the server has spread its clients."""
        if is_spread:
            self._back_at_ms = self.now_ms + after_ms
        if self._patience is not None and not self._patience.expired():
            self._patience.reschedule(self._loop.time() + after_ms / 1_000)

    async def fresh_token(self) -> str | None:
        """Ask for a token beside the one in use; None if that failed, which the present connection survives."""
        assert callable(self._token), "only a function can give another token"
        try:
            return await self._token()
        except (LivegiftError, OSError) as error:
            log.info("no fresh token: %s", error)
            return None

    def give_up(self, error: LivegiftError) -> None:
        """End the present connection now, and let ``run`` raise this."""
        self._fatal = error
        self.hang_up(after_ms=0)

    def hold_back(self, reader: object, is_held: bool) -> None:
        """Stop reading from the network while at least one reader asks for it; may be repeated on a new connection."""
        if is_held:
            self._holders.add(reader)
        else:
            self._holders.discard(reader)
        if self._wire is not None:
            self._wire.hold(bool(self._holders))

    def arm(self) -> None:
        """See to it that ``on_turn`` is called when the session has something to do."""
        due_ms = self._session.next_due_ms
        if due_ms is None or self._is_over:
            return
        if self._timer is not None:
            if self._timer_ms <= due_ms:
                return  # it comes early enough and is armed again then
            self._timer.cancel()
        self._timer_ms = due_ms
        self._timer = self._loop.call_at(due_ms / 1_000, self._turn)

    def drop(self) -> None:
        """Break the present connection, if there is one."""
        if self._wire is not None:
            self._wire.transport.abort()

    async def close(self) -> None:
        """End the present connection politely."""
        if self._wire is not None:
            await self._wire.close()

    async def _attempt(self) -> float:
        """Live through one connection; return how many milliseconds to wait before the next."""
        try:
            token = self._token if isinstance(self._token, str) else await self._token()
            wire = await open_wire(
                self._url,
                self._receive,
                codec=self._codec,
                open_timeout_s=OPEN_TIMEOUT_S,
                proxy=self._proxy,
                ssl=self._ssl,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if 400 <= status < 500 and status not in TRY_AGAIN_STATUS:
                raise Closed(None, f"the server answered the handshake with HTTP {status}") from error
            return self._failed(error)
        except HttpFailed as error:  # of the function that gets tokens
            if error.status < 500 and error.status != 429:
                raise
            return self._failed(error)
        except (OSError, EOFError, WebSocketException, Unreachable) as error:  # TimeoutError is an OSError
            return self._failed(error)
        started_ms, self._back_at_ms = self.now_ms, None
        try:
            await self._live(wire, token)
        finally:
            wire.transport.abort()
            was_ready = self._session.is_ready
            self._wire = None
            self._session.lost()
            self.arm()
        if was_ready:  # one that was only held until it was refused is no stable one
            self._backoff.connection_ended(lived_ms=self.now_ms - started_ms)
        if self._fatal is not None:
            raise self._fatal
        if wire.close_code in NO_RECONNECT_CODES:
            raise Closed(wire.close_code, wire.close_reason or "")
        self.last_fault = Closed(wire.close_code, wire.close_reason or "")
        if self._back_at_ms is not None:
            return max(0.0, self._back_at_ms - self.now_ms)
        return self._backoff.next_ms()

    async def _live(self, wire: Wire, token: str) -> None:
        """Return at the connection's end, whoever ended it."""
        self._wire = wire
        self.connections += 1
        try:
            async with asyncio.timeout(None) as self._patience:
                self._on_opened(token)
                await wire.wait_closed()
        except TimeoutError:
            await wire.close()
        finally:
            self._patience = None

    def _failed(self, error: Exception) -> float:
        self.last_fault = error
        log.info("no connection: %s", error)
        return self._backoff.next_ms()

    def _receive(self, data: bytes) -> None:
        try:
            message = self._decode(data)
        except msgspec.DecodeError as error:
            self.unreadable += 1
            log.warning("unreadable frame of %d bytes: %s", len(data), error)
            return
        if message is not None:
            self._on_message(message)

    def _turn(self) -> None:
        self._timer = None
        self._on_turn()
