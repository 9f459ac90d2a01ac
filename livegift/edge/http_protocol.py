"""uvicorn's HTTP protocol, which weighs little once its connection speaks WebSocket."""

import asyncio
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Address = tuple[str, int]


class HttpProtocol(HttpToolsProtocol):
    """Reads a connection's requests up to its upgrade. ``own`` and ``peer`` are the addresses of its two ends."""

    def __init__(self, *, own: Address, peer: Address, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self.server, self.client = own, peer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, as uvicorn does, but without asking the transport for addresses: it would keep a copy for good."""
        self.connections.add(self)
        self.transport = transport
        self.flow = FlowControl(transport)
        self.scheme = "http"

    def handle_websocket_upgrade(self) -> None:
        """Hand the transport over and drop what was read.

        Parser and protocol refer to each other: without this they lie about, with the request, until the oldest
        garbage is collected.
        """
        super().handle_websocket_upgrade()
        vars(self).clear()
