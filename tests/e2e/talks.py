"""WebSocket clients that others wrote, each behind the same three calls: open, send a frame, receive one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, Protocol

import aiohttp
import picows
import websocket
import websockets

WAIT_S = 10.0
Frame = str | bytes
"""Of a text frame, or of a binary one."""


class Talk(Protocol):
    """An open connection; ``subprotocol`` is what the server chose."""

    subprotocol: str | None

    async def send(self, frame: Frame) -> None: ...

    async def receive(self) -> Frame: ...


class _Websockets:
    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket, self.subprotocol = socket, socket.subprotocol

    async def send(self, frame: Frame) -> None:
        await self.socket.send(frame)

    async def receive(self) -> Frame:
        return await self.socket.recv()


@asynccontextmanager
async def over_websockets(url: str, subprotocol: str) -> AsyncIterator[Talk]:
    async with websockets.connect(url, subprotocols=[subprotocol], proxy=None) as socket:  # type: ignore[list-item]
        yield _Websockets(socket)


class _Aiohttp:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket, self.subprotocol = socket, socket.protocol

    async def send(self, frame: Frame) -> None:
        await (self.socket.send_str(frame) if isinstance(frame, str) else self.socket.send_bytes(frame))

    async def receive(self) -> Frame:
        message = await self.socket.receive()
        assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
        return message.data


@asynccontextmanager
async def over_aiohttp(url: str, subprotocol: str) -> AsyncIterator[Talk]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=[subprotocol]) as socket:
        yield _Aiohttp(socket)


class _Picows(picows.WSListener):
    def __init__(self, response: picows.WSUpgradeResponse) -> None:
        self.subprotocol = response.headers.get("Sec-WebSocket-Protocol")
        self.frames: asyncio.Queue[Frame] = asyncio.Queue()
        self.transport: picows.WSTransport | None = None

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.TEXT:
            self.frames.put_nowait(frame.get_payload_as_utf8_text())
        elif frame.msg_type == picows.WSMsgType.BINARY:
            self.frames.put_nowait(frame.get_payload_as_bytes())

    async def send(self, frame: Frame) -> None:
        assert self.transport is not None
        kind = picows.WSMsgType.TEXT if isinstance(frame, str) else picows.WSMsgType.BINARY
        self.transport.send(kind, frame.encode() if isinstance(frame, str) else frame)

    async def receive(self) -> Frame:
        return await self.frames.get()


@asynccontextmanager
async def over_picows(url: str, subprotocol: str) -> AsyncIterator[Talk]:
    headers = {"Sec-WebSocket-Protocol": subprotocol}
    transport, talk = await picows.ws_connect(lambda _, response: _Picows(response), url, extra_headers=headers)
    assert isinstance(talk, _Picows)
    try:
        yield talk
    finally:
        transport.send_close(picows.WSCloseCode.OK)
        async with asyncio.timeout(WAIT_S):
            await transport.wait_disconnected()


class _WebsocketClient:
    """It blocks, so each call has a thread for as long as it takes."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self.socket, self.subprotocol = socket, socket.getsubprotocol()

    async def send(self, frame: Frame) -> None:
        opcode = websocket.ABNF.OPCODE_TEXT if isinstance(frame, str) else websocket.ABNF.OPCODE_BINARY
        await asyncio.to_thread(self.socket.send, frame, opcode)

    async def receive(self) -> Frame:
        return await asyncio.to_thread(self.socket.recv)


@asynccontextmanager
async def over_websocket_client(url: str, subprotocol: str) -> AsyncIterator[Talk]:
    socket = await asyncio.to_thread(
        websocket.create_connection, url, timeout=WAIT_S, subprotocols=[subprotocol], http_no_proxy=["*"]
    )
    try:
        yield _WebsocketClient(socket)
    finally:
        await asyncio.to_thread(socket.close)


Opening = Callable[[str, str], AbstractAsyncContextManager[Talk]]
TALKS: Final[dict[str, Opening]] = {
    "websockets": over_websockets,
    "aiohttp": over_aiohttp,
    "picows": over_picows,
    "websocket-client": over_websocket_client,
}
