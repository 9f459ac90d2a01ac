"""What reads a connection's requests knows both ends, and is gone once the connection speaks WebSocket."""

import asyncio
import contextlib
import gc
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from livegift.clock import monotonic_ms
from livegift.edge.http_protocol import HttpProtocol
from livegift.edge.wheel import Wheel

OWN, PEER = ("192.0.2.1", 8000), ("198.51.100.7", 4711)
TAKEN_OVER = b"taken over"
UPGRADE = b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


class Spoken(asyncio.Protocol):
    """Takes a connection over from HTTP."""

    def __init__(self, **_: Any) -> None:
        self.heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.transport.write(TAKEN_OVER)


async def app(scope: Any, _: Any, send: Any) -> None:
    text = repr((scope["server"], scope["client"], scope["scheme"])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(text))]})
    await send({"type": "http.response.body", "body": text})


@pytest.fixture
def config() -> uvicorn.Config:
    config = uvicorn.Config(app, ws=Spoken, http=HttpProtocol, lifespan="off", log_config=None)  # type: ignore[arg-type]
    config.load()
    return config


@pytest.fixture
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def talk(config: uvicorn.Config, wheel: Wheel, request: bytes, answer: bytes) -> asyncio.StreamWriter:
    """Send a request to a protocol of our own; returns the client's end once that answer has come."""

    def protocol() -> HttpProtocol:
        return HttpProtocol(
            **{"own": OWN, "peer": PEER, "wheel": wheel, "request_ms": 10_000},  # type: ignore[arg-type]
            config=config,
            server_state=ServerState(),
            app_state={},
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(request)
    await reader.readuntil(answer)
    server.close()
    return writer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_request_knows_both_ends_as_they_were_given(config: uvicorn.Config) -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    writer = await talk(config, Wheel(monotonic_ms()), request, repr((OWN, PEER, "http")).encode())
    await hang_up(writer)


async def test_what_is_no_http_is_answered_with_a_problem_document(config: uvicorn.Config) -> None:
    head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"
    for garbage in (b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n"):
        for told in (head, b'"code":"bad_request"}'):
            writer = await talk(config, Wheel(monotonic_ms()), garbage, told)
            await hang_up(writer)


async def test_nothing_of_http_is_kept_for_a_connection_that_was_upgraded(
    config: uvicorn.Config, no_collections: None
) -> None:
    wheel = Wheel(monotonic_ms())
    writer = await talk(config, wheel, UPGRADE, TAKEN_OVER)
    spoken = [one for one in gc.get_objects() if isinstance(one, Spoken)]
    assert [b"websocket" in one.heard for one in spoken] == [True]
    assert [one for one in gc.get_objects() if isinstance(one, HttpProtocol)] == []
    await hang_up(writer)
