"""uvicorn's HTTP protocol: it waits for nobody's request for ever, and weighs little once it speaks WebSocket."""

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from livegift.clock import monotonic_ms
from livegift.edge.problems import MEDIA_TYPE, problem_response
from livegift.edge.wheel import Wheel

Address = tuple[str, int]


class HttpProtocol(HttpToolsProtocol):
    """Reads a connection's requests up to its upgrade. ``own`` and ``peer`` are the addresses of its two ends.

    A request, and the silence before the first one, may take ``request_ms``; uvicorn sees to the silence between two.
    """

    transport: asyncio.Transport | None = None  # type: ignore[assignment]
    """None before the connection is made, and once it speaks WebSocket."""

    def __init__(self, *, own: Address, peer: Address, wheel: Wheel, request_ms: int, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self.server, self.client = own, peer
        self._wheel, self._request_ms = wheel, request_ms
        self._due_ms: int | None = None
        """When the request under way must have come; None between two."""
        self._place: int | None = None
        """In the wheel, while it is watched."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, as uvicorn does, but without asking the transport for addresses: it would keep a copy for good."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.scheme = "http"
        self._wait()

    def on_message_begin(self) -> None:
        """A request's first bytes have come."""
        super().on_message_begin()
        self._wait()

    def on_message_complete(self) -> None:
        """All of it has."""
        self._due_ms = None
        super().on_message_complete()

    def _wait(self) -> None:
        self._due_ms = monotonic_ms() + self._request_ms
        if self._place is None:
            self._place = self._wheel.add(self, self._due_ms)

    def tick(self, now_ms: int) -> int | None:
        """Close the connection if its request has taken too long."""
        self._place = None
        if self.transport is None or self._due_ms is None or self.transport.is_closing():
            return None
        if now_ms >= self._due_ms:
            self.transport.abort()
        else:
            self._place = self._wheel.add(self, self._due_ms)
        return None

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem document, like every other refusal, and close."""
        body = bytes(problem_response("bad_request", f"This is no HTTP request: {msg}").body)
        head = (
            b"HTTP/1.1 400 Bad Request\r\n",
            *(name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers),
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode(),
        )
        assert self.transport is not None
        self.transport.write(b"".join((*head, body)))
        self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        """Hand the transport over and drop what was read.

        Parser and protocol refer to each other: without this they lie about, with the request, until the oldest
        garbage is collected.
        """
        super().handle_websocket_upgrade()
        if self._place is not None:
            self._wheel.drop(self, self._place)
        vars(self).clear()
