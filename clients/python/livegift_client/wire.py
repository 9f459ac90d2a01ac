"""The WebSocket under a client: websockets' connection, whose frames go straight to the session.

``websockets`` hands messages over through a queue and a task switch each. The session is synchronous and never
waits, so frames are given to it where they are parsed; that is several times cheaper, and there is no queue to bound.
"""

from collections.abc import Callable
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from livegift_client.codec import Codec

MESSAGE_BYTES_MAX = 32 * 1024 * 1024
"""Largest message taken: a reply to ``subscribe`` may carry the whole history. Beyond it the connection closes 1009."""
PING_S = 20.0
"""Interval of our pings, and how long a pong may take before the connection counts as dead."""
CLOSE_S = 2.0
"""How long a closing handshake may take."""
DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class Wire(ClientConnection):
    """One connection. ``on_message`` gets every whole message as bytes; if it raises, the connection ends."""

    def __init__(
        self, protocol: ClientProtocol, *, on_message: Callable[[bytes], None], is_text: bool, **options: Any
    ) -> None:
        super().__init__(protocol, **options)
        self._send_frame = protocol.send_text if is_text else protocol.send_binary
        self._on_message = on_message
        self._parts: list[bytes] = []
        self._is_held = False

    def process_event(self, event: Any) -> None:
        """Take data frames; everything else is websockets' business."""
        if not isinstance(event, Frame) or event.opcode not in DATA:
            super().process_event(event)
        elif event.fin and not self._parts:
            self._on_message(bytes(event.data))
        else:
            self._parts.append(bytes(event.data))
            if event.fin:
                whole, self._parts = b"".join(self._parts), []
                self._on_message(whole)

    def transmit(self, frame: bytes) -> None:
        """Write a frame of the codec's kind now; on a closing connection it is left out: the next repeats it."""
        try:
            self._send_frame(frame)
        except InvalidState:
            return
        self.send_data()

    def hold(self, is_held: bool) -> None:
        """Let the network hold back the server, or not; safe to repeat."""
        if is_held == self._is_held or self.transport.is_closing():
            return
        self._is_held = is_held
        if is_held:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()


async def open_wire(
    url: str, on_message: Callable[[bytes], None], *, codec: Codec, open_timeout_s: float, proxy: bool, ssl: Any
) -> Wire:
    """Connect to ``url`` (``ws:`` or ``wss:``). Raises what websockets raises: ``OSError``, ``InvalidHandshake``, …"""

    def create(protocol: ClientProtocol, **options: Any) -> Wire:
        return Wire(protocol, on_message=on_message, is_text=codec.is_text, **options)

    # permessage-deflate stays off: frames are small, and the server writes the same bytes to every viewer.
    connection = await connect(
        url,
        subprotocols=[Subprotocol(codec.subprotocol)],
        compression=None,
        create_connection=cast(type[ClientConnection], create),
        proxy=True if proxy else None,
        open_timeout=open_timeout_s,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        close_timeout=CLOSE_S,
        max_size=MESSAGE_BYTES_MAX,
        **({"ssl": ssl} if ssl is not None else {}),
    )
    assert isinstance(connection, Wire)
    return connection
