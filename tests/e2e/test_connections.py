"""What a connection may do and what ends it, over real sockets."""

import asyncio
import json
from typing import Any

import httpx2
import msgpack
import pytest
import websockets
from websockets.frames import Frame, Opcode

from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.wire import JSON, MSGPACK, login, wire

Server = dict[str, Any]


async def close_code(socket: websockets.ClientConnection) -> int | None:
    async with asyncio.timeout(10):
        await socket.wait_closed()
    return socket.close_code


async def test_a_command_before_connect_is_refused_and_the_connection_stays(server: Server) -> None:
    async with wire(server["url"]) as client:
        assert (await client.ask("ping"))["error"]["code"] == "not_connected"
        token, _ = await login(server["url"], "Ann")
        assert (await client.ask("connect", token=token))["type"] == "connected"
        assert (await client.ask("connect", token=token))["error"]["code"] == "bad_request"
        assert (await client.ask("ping"))["type"] == "pong"


async def test_what_follows_connect_at_once_has_its_turn_once_the_token_is_judged(server: Server) -> None:
    token, _ = await login(server["url"], "Ann")
    async with wire(server["url"]) as client:
        for number, command in enumerate(({"type": "connect", "token": token}, {"type": "ping"}, {"type": "ping"})):
            await client.socket.send(json.dumps({"id": number, **command}))
        answers = [await client.receive() for _ in range(3)]
    assert [(answer["type"], answer["id"]) for answer in answers] == [("connected", 0), ("pong", 1), ("pong", 2)]
    async with wire(server["url"]) as client:
        await client.socket.send('{"type":"connect","id":0,"token":"not one of ours"}')
        await client.socket.send('{"type":"ping","id":1}')
        assert (await client.receive())["error"]["code"] == "bad_token"
        assert await close_code(client.socket) == 4401
        with pytest.raises(websockets.ConnectionClosed):
            await client.socket.recv()


@pytest.mark.parametrize(
    ("frame", "code", "number"),
    [
        ("garbage", "bad_request", None),
        ("[]", "bad_request", None),
        ('{"type":"dance","id":4}', "unknown_command", 4),
        ('{"type":"ping","id":"four"}', "bad_request", None),
        ('{"type":"subscribe","id":5}', "bad_request", 5),
        ('{"type":"ping","id":-1}', "bad_request", None),
    ],
)
async def test_an_unreadable_frame_is_a_typed_error(server: Server, frame: str, code: str, number: int | None) -> None:
    async with wire(server["url"]) as client:
        await client.socket.send(frame)
        answer = await client.receive()
        assert (answer["type"], answer["id"], answer["error"]["code"]) == ("error", number, code)


@pytest.mark.parametrize(
    ("frame", "code", "number"),
    [
        (b"\xc1", "bad_request", None),
        (b"\x90", "bad_request", None),
        (msgpack.packb({"type": "dance", "id": 4}), "unknown_command", 4),
        (msgpack.packb({"type": "subscribe", "id": 5}), "bad_request", 5),
        (msgpack.packb({"id": 6, "type": "subscribe", "room": "@@"}).replace(b"@@", b"\xff\xfe"), "bad_request", 6),
    ],
)
async def test_unreadable_messagepack_is_the_same_typed_error(
    server: Server, frame: bytes, code: str, number: int | None
) -> None:
    async with wire(server["url"], subprotocol=MSGPACK) as client:
        await client.socket.send(frame)
        answer = await client.receive()
        assert (answer["type"], answer["id"], answer["error"]["code"]) == ("error", number, code)


@pytest.mark.parametrize(("subprotocol", "frame"), [(JSON, b"{}"), (MSGPACK, "{}")])
async def test_a_frame_of_the_other_codecs_kind_closes_with_1003(
    server: Server, subprotocol: str, frame: str | bytes
) -> None:
    async with wire(server["url"], subprotocol=subprotocol) as client:
        await client.socket.send(frame)
        assert await close_code(client.socket) == 1003


@pytest.mark.parametrize("offered", [[MSGPACK, JSON], [JSON, MSGPACK], ["livegift.v9", MSGPACK]])
async def test_of_several_subprotocols_the_clients_first_that_is_known_is_taken(
    server: Server, offered: list[Any]
) -> None:
    url = server["url"].replace("http", "ws") + "/v1/ws"
    async with websockets.connect(url, subprotocols=offered, proxy=None) as socket:
        assert socket.subprotocol == next(name for name in offered if name in (JSON, MSGPACK))


async def test_ten_unreadable_frames_close_the_connection(server: Server) -> None:
    async with wire(server["url"]) as client:
        for _ in range(10):
            await client.socket.send("garbage")
        for _ in range(10):
            await client.receive()
        assert await close_code(client.socket) == 4400


@pytest.mark.parametrize(("ttl_s", "code"), [(-5, "token_expired"), (60, "bad_token")])
async def test_a_bad_token_is_told_and_closed(server: Server, ttl_s: int, code: str) -> None:
    secret = load_secret(server["data"] / "secret.key") if code == "token_expired" else b"x" * 32
    async with wire(server["url"]) as client:
        answer = await client.ask("connect", token=mint(secret, "u", "U", "viewer", ttl_s))
        assert answer["error"]["code"] == code
        assert await close_code(client.socket) == 4401


async def test_a_token_that_ends_closes_and_a_refreshed_one_does_not(server: Server) -> None:
    secret = load_secret(server["data"] / "secret.key")
    short, long = (mint(secret, "u", "U", "viewer", ttl) for ttl in (2, 60))
    async with wire(server["url"], short) as ended, wire(server["url"], short) as refreshed:
        assert (await refreshed.ask("refresh", token=long))["type"] == "refreshed"
        assert (await refreshed.ask("refresh", token="nonsense"))["error"]["code"] == "bad_token"
        assert await close_code(ended.socket) == 4502
        assert (await refreshed.ask("ping"))["type"] == "pong"


async def test_a_frame_over_the_limit_closes_with_1009(server: Server) -> None:
    async with wire(server["url"]) as client:
        await client.socket.send("x" * 65_537)
        assert await close_code(client.socket) == 1009


async def test_frames_may_come_in_pieces_and_messages_in_fragments(server: Server) -> None:
    token, _ = await login(server["url"], "Bea")
    async with wire(server["url"]) as client:
        text = json.dumps({"type": "connect", "id": 1, "token": token})
        await client.socket.send([text[:5], text[5:9], text[9:]])
        assert (await client.reply(1))["type"] == "connected"
    async with wire(server["url"], subprotocol=MSGPACK) as client:
        packed = msgpack.packb({"type": "connect", "id": 1, "token": token})
        await client.socket.send([packed[:5], packed[5:9], packed[9:]])
        assert (await client.reply(1))["type"] == "connected"


async def test_a_message_of_very_many_empty_fragments_holds_nobody_up(server: Server) -> None:
    token, _ = await login(server["url"], "Flo")
    async with wire(server["url"], token) as client:
        nothing = Frame(Opcode.CONT, b"", fin=False).serialize(mask=True)
        start = Frame(Opcode.TEXT, b'{"type":"ping",', fin=False).serialize(mask=True)
        end = Frame(Opcode.CONT, b'"id":77}').serialize(mask=True)
        client.socket.transport.write(start + nothing * 100 + end)
        assert (await client.reply(77))["type"] == "pong"
        client.socket.transport.write(start + nothing * 200_000)
        assert await close_code(client.socket) == 4400


async def test_a_burst_of_commands_is_answered_whole_and_in_order(server: Server) -> None:
    token, _ = await login(server["url"], "Burst")
    async with wire(server["url"], token) as client:
        for number in range(2_000):
            await client.socket.send(json.dumps({"type": "ping", "id": 10_000 + number}))
        answers = [await client.receive() for _ in range(2_000)]
    assert [answer["id"] for answer in answers] == [10_000 + number for number in range(2_000)]


async def test_another_path_or_subprotocol_is_no_websocket(server: Server) -> None:
    base = server["url"].replace("http", "ws")
    with pytest.raises(websockets.InvalidStatus, match="404"):
        await websockets.connect(base + "/elsewhere", proxy=None)
    with pytest.raises(websockets.InvalidStatus, match="400"):
        await websockets.connect(base + "/v1/ws", subprotocols=["other"], proxy=None)  # type: ignore[list-item]


async def test_only_the_creator_gets_the_creators_feed(server: Server) -> None:
    token, _ = await login(server["url"], "Cy")
    async with wire(server["url"], token) as client:
        assert (await client.ask("subscribe", room="r1", feed="creator"))["error"]["code"] == "not_allowed"
        assert (await client.ask("subscribe", room="nowhere"))["error"]["code"] == "unknown_room"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/demo/login", "{", 400, "bad_request"),
        ("POST", "/v1/demo/login", '{"name":""}', 400, "bad_request"),
        ("POST", "/v1/demo/login", '{"name":"A","role":"king"}', 400, "bad_request"),
        ("POST", "/v1/demo/login", '"' + "x" * 70_000 + '"', 413, "too_large"),
        ("POST", "/v1/rooms", '{"title":"T"}', 401, "bad_token"),
        ("GET", "/v1/wallet", None, 401, "bad_token"),
        ("GET", "/v1/rooms/nowhere", None, 404, "unknown_room"),
        ("GET", "/v1/nothing", None, 404, "unknown_route"),
        ("DELETE", "/v1/rooms", None, 405, "method_not_allowed"),
    ],
)
async def test_a_bad_request_is_a_problem_document(
    server: Server, method: str, path: str, body: str | None, status: int, code: str
) -> None:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
        response = await http.request(method, path, content=body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


async def test_the_asyncapi_document_names_every_message_and_code(server: Server) -> None:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
        document = (await http.get("/v1/asyncapi.json")).json()
    assert document["asyncapi"] == "3.0.0"
    assert {"connect", "send", "accepted", "settled", "room", "snapshot", "error"} <= set(
        document["components"]["messages"]
    )
    assert "insufficient_coins" in document["x-error-codes"]
