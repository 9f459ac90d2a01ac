"""A bare client of wire protocol v1 for tests: it knows nothing but frames, so it may also send wrong ones."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import msgpack
import websockets
from uuid_utils import uuid7

WAIT_S = 10.0
JSON = "livegift.v1.json"
MSGPACK = "livegift.v1.msgpack"


class Wire:
    """One connection. ``ask`` sends a command and returns its reply; pushes are kept in ``pushed``."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self.pushed: list[dict[str, Any]] = []
        self._id = 0

    async def receive(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            frame = await self.socket.recv()
        # Text is JSON and binary is MessagePack: the kind of frame that came is judged with its content.
        return dict(json.loads(frame) if isinstance(frame, str) else msgpack.unpackb(frame))

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any]:
        self._id += 1
        number = fields.pop("id", self._id)
        command = {"type": kind, "id": number, **fields}
        is_binary = self.socket.subprotocol == MSGPACK
        await self.socket.send(msgpack.packb(command) if is_binary else json.dumps(command))
        return await self.reply(number)

    async def reply(self, number: int | None) -> dict[str, Any]:
        while True:
            message = await self.receive()
            if "id" in message and message["id"] == number:
                return message
            self.pushed.append(message)

    async def push(self, kind: str, *, among: str | None = None) -> dict[str, Any]:
        """Return the next push of that type; with ``among``, the next that carries an event of that type."""
        while True:
            for place, message in enumerate(self.pushed):
                if message["type"] == kind and (
                    among is None or any(event["type"] == among for event in message["events"])
                ):
                    return self.pushed.pop(place)
            self.pushed.append(await self.receive())

    async def gift(self, room: str, gift: str = "rose", price_coins: int = 1, **fields: Any) -> dict[str, Any]:
        fields.setdefault("gift_event_id", str(uuid7()))
        return await self.ask("send", room=room, gift=gift, price_coins=price_coins, **fields)


async def login(url: str, name: str, role: str = "viewer") -> tuple[str, str]:
    """Return (token, user id) of a new person."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        response = await http.post("/v1/demo/login", json={"name": name, "role": role})
        assert response.status_code == 200, response.text
        return response.json()["token"], response.json()["user"]["id"]


@asynccontextmanager
async def wire(url: str, token: str | None = None, subprotocol: str = JSON) -> AsyncIterator[Wire]:
    """Open a connection; with a token, connected."""
    async with websockets.connect(
        url.replace("http", "ws") + "/v1/ws",
        subprotocols=[subprotocol],  # type: ignore[list-item]
        proxy=None,
        close_timeout=3,
    ) as socket:
        client = Wire(socket)
        if token is not None:
            assert (await client.ask("connect", token=token))["type"] == "connected"
        yield client
