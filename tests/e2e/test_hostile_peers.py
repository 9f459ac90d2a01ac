"""Peers that ask too much, too slowly or not at all, against a server with small limits."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from websockets.frames import Frame, Opcode

from tests.processes import Serving
from tests.wire import login, wire

SMALL = {
    "connections_max": 12,
    "address_connections_max": 6,
    "user_connections_max": 2,
    "user_requests_per_s": 2,
    "frames_per_s": 10,
    "request_ms": 1_500,
    "trusted_proxies": "127.0.0.1",
    "allowed_origins": "https://shop.example",
}
HEAD = b"GET /v1/catalogue HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    import os
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("limits")
    words = ["serve", "--demo", "--data", str(folder / "data"), "--port", "0", "--admin-port", "0"]
    words += [part for name, value in SMALL.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "livegift.cli", *words],
            stdout=subprocess.DEVNULL,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    try:
        yield Serving(process, folder / "data", folder / "log").wait_ready()
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture
async def url(small: dict[str, Any]) -> str:
    """The server's, once nobody of the test before is left."""
    url = str(small["url"])
    for _ in range(100):
        async with httpx2.AsyncClient(base_url=small["admin_url"], trust_env=False) as http:
            text = (await http.get("/metrics")).text
        if sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("livegift_connections{")) == 0:
            return url
        await asyncio.sleep(0.1)
    raise AssertionError("connections are left")


async def opened(url: str, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    return reader, writer


async def drip(writer: asyncio.StreamWriter, piece: bytes) -> None:
    with_errors = (ConnectionError, RuntimeError)
    try:
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.1)
    except with_errors:
        return


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b""),
        (b"GET /v1/cata", b""),
        (HEAD, b"X-Slow: 1\r\n"),
        (b"POST /v1/demo/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n", b"x"),
        (HEAD + b"\r\n" + HEAD, b"X-Slow: 1\r\n"),
    ],
    ids=["silent", "half a line", "slow head", "slow body", "slow second request"],
)
async def test_who_is_silent_or_slow_is_closed(url: str, first: bytes, piece: bytes) -> None:
    reader, writer = await opened(url, first)
    dripping = asyncio.create_task(drip(writer, piece)) if piece else None
    async with asyncio.timeout(8):
        try:
            while await reader.read(65_536):
                pass
        except ConnectionError:
            pass
    if dripping is not None:
        dripping.cancel()
    writer.close()


async def test_a_full_process_says_so_and_has_room_again(url: str) -> None:
    silent = [await opened(url, b"") for _ in range(SMALL["connections_max"])]  # type: ignore[arg-type]
    await asyncio.sleep(0.3)
    reader, writer = await opened(url, HEAD + b"\r\n")
    answer = await reader.read(1_000)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5")
    writer.close()
    for _, one in silent:
        one.close()
    await asyncio.sleep(0.3)
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        assert (await http.get("/v1/catalogue")).status_code == 200


async def refused(url: str, **headers: str) -> int:
    """Return the status with which a handshake is refused, 101 if it is not."""
    try:
        async with websockets.connect(
            url.replace("http", "ws") + "/v1/ws", proxy=None, additional_headers=headers, close_timeout=1
        ):
            return 101
    except websockets.InvalidStatus as error:
        return error.response.status_code


async def test_an_address_has_its_share_and_proxies_name_it(url: str) -> None:
    address = f"{url.replace('http', 'ws')}/v1/ws"
    many = [
        await websockets.connect(address, proxy=None, additional_headers={"X-Forwarded-For": "203.0.113.1"})
        for _ in range(6)
    ]
    assert await refused(url, **{"X-Forwarded-For": "203.0.113.1"}) == 429
    assert await refused(url, **{"X-Forwarded-For": "203.0.113.1, 203.0.113.2"}) == 101
    for one in many:
        await one.close()
    for _ in range(50):
        if await refused(url, **{"X-Forwarded-For": "203.0.113.1"}) == 101:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("who has left is still counted")


async def test_pages_of_strangers_may_not_connect(url: str) -> None:
    assert await refused(url, Origin="https://evil.example") == 403
    assert await refused(url, Origin="https://shop.example") == 101
    assert await refused(url, Origin=url) == 101
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        for origin, allowed in (("https://shop.example", "https://shop.example"), ("https://evil.example", None)):
            answer = await http.get("/v1/catalogue", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == allowed


async def test_a_user_has_some_connections_and_may_ask_so_often(url: str) -> None:
    token, _ = await login(url, "Ann")
    async with wire(url, token), wire(url, token), wire(url) as third:
        answer = await third.ask("connect", token=token)
        assert (answer["error"]["code"], answer["error"]["temporary"]) == ("rate_limited", True)
        other, _ = await login(url, "Ben")
        assert (await third.ask("connect", token=other))["type"] == "connected"
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        headers = {"Authorization": f"Bearer {token}"}
        answers = [await http.get("/v1/wallet", headers=headers) for _ in range(14)]
        assert {answer.status_code for answer in answers[:10]} == {200}
        late = answers[-1]
        assert (late.status_code, late.headers["content-type"]) == (429, "application/problem+json")
        assert int(late.headers["retry-after"]) >= 1
        assert late.json()["code"] == "rate_limited"
        assert (await http.get("/v1/catalogue")).status_code == 200


async def test_too_many_commands_are_refused_one_by_one_and_sends_have_their_own_limit(url: str) -> None:
    token, _ = await login(url, "Ann")
    async with wire(url, token) as client:
        for number in range(100, 170):
            await client.socket.send(json.dumps({"type": "ping", "id": number}))
        answers = [await client.receive() for _ in range(70)]
        kinds = [answer["type"] for answer in answers]
        assert kinds[:40] == ["pong"] * 40
        assert answers[-1]["error"]["code"] == "rate_limited"
        assert 0 < answers[-1]["error"]["retry_after_ms"] <= 1_000
        assert (await client.gift("nowhere"))["error"]["code"] == "unknown_room"


Flood = Callable[[websockets.ClientConnection], Awaitable[None]]


async def pings(socket: websockets.ClientConnection) -> None:
    for _ in range(200):
        socket.transport.write(Frame(Opcode.PING, b"x").serialize(mask=True))


async def crumbs(socket: websockets.ClientConnection) -> None:
    socket.transport.write(Frame(Opcode.TEXT, b"", fin=False).serialize(mask=True))
    for _ in range(200):
        socket.transport.write(Frame(Opcode.CONT, b"", fin=False).serialize(mask=True))


@pytest.mark.parametrize("flood", [pings, crumbs])
async def test_floods_of_pings_and_of_crumbs_are_closed(url: str, flood: Flood) -> None:
    async with wire(url) as client:
        await flood(client.socket)
        async with asyncio.timeout(5):
            await client.socket.wait_closed()
        assert client.socket.close_code == 4400


def test_a_network_that_is_none_is_a_sentence_at_the_start(serving: Callable[..., Serving], data: Path) -> None:
    server = serving(data, "--trusted-proxies", "proxy.example")
    assert server.process.wait(timeout=20) == 2
    assert "trusted_proxies" in server.errors.read_text()
