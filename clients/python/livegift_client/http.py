"""The HTTP calls a client needs beside its WebSocket. JSON in and out; errors are RFC 9457 problem documents."""

from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2
import msgspec
from msgspec import Struct

from livegift_client.errors import HttpFailed, Unreachable
from livegift_client.events import User
from livegift_client.urls import http_url

TIMEOUT_S = 15.0
"""How long one call may take."""
PAGE_ROOMS = 500
"""As many as the server gives at once."""


class Login(Struct, frozen=True):
    """A demo person. ``token`` goes into ``connect``; ``user_id`` is theirs."""

    token: str
    user_id: str
    name: str


class Gift(Struct, frozen=True):
    """A gift that can be sent. ``tier`` 1 (tray) to 4 (full screen)."""

    id: str
    name: str
    price_coins: int
    tier: int = 1
    streakable: bool = False
    image: str | None = None


class Room(Struct, frozen=True):
    """A live room. ``state`` is open or closed. A room that was just made says only its id."""

    id: str
    title: str = ""
    state: str = "open"
    creator: User | None = None
    viewers: int = 0


class Wallet(Struct, frozen=True):
    """``balance`` in coins; below zero after a chargeback."""

    balance: int


class _Problem(Struct):
    code: str | None = None
    title: str | None = None
    detail: str | None = None


class Api:
    """One server's HTTP API, used as ``async with Api(url) as api``.

    Every call raises ``HttpFailed`` for an answer other than 2xx and ``Unreachable`` when there is none.
    """

    def __init__(self, url: str, *, proxy: bool = True, timeout_s: float = TIMEOUT_S) -> None:
        self._http = httpx2.AsyncClient(base_url=http_url(url), trust_env=proxy, timeout=timeout_s)

    async def __aenter__(self) -> Self:
        """Open the pool of connections."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self._http.__aexit__(kind, error, trace)

    async def demo_login(self, name: str, role: str = "viewer") -> Login:
        """Make a new demo person; ``role`` is viewer or creator. Only on servers that run as a demo."""
        answer = await self._call("POST", "/v1/demo/login", {"name": name, "role": role})
        return Login(answer["token"], answer["user"]["id"], answer["user"]["name"])

    async def catalogue(self) -> list[Gift]:
        """Return the gifts that can be sent now."""
        return msgspec.convert((await self._call("GET", "/v1/catalogue"))["gifts"], list[Gift])

    async def rooms(self) -> list[Room]:
        """Return the open rooms, oldest first, however many pages they are."""
        found: list[Room] = []
        path = f"/v1/rooms?limit={PAGE_ROOMS}"
        while True:
            page = await self._call("GET", path)
            found += msgspec.convert(page["rooms"], list[Room])
            if page.get("next") is None:
                return found
            path = f"/v1/rooms?limit={PAGE_ROOMS}&cursor={quote(page['next'], safe='')}"

    async def create_room(self, token: str, title: str) -> Room:
        """Open a room of the creator whose ``token`` it is."""
        return msgspec.convert(await self._call("POST", "/v1/rooms", {"title": title}, token), Room)

    async def close_room(self, token: str, room_id: str) -> None:
        """Close a room; gifts accepted before are still announced."""
        await self._call("POST", f"/v1/rooms/{room_id}/close", {}, token)

    async def wallet(self, token: str) -> Wallet:
        """Return the wallet of the person whose ``token`` it is."""
        return msgspec.convert(await self._call("GET", "/v1/wallet", None, token), Wallet)

    async def _call(
        self, method: str, path: str, body: dict[str, str] | None = None, token: str | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            response = await self._http.request(method, path, json=body, headers=headers)
        except httpx2.TransportError as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error
        if not response.is_success:
            raise _failure(response)
        answer: dict[str, Any] = msgspec.json.decode(response.content) if response.content else {}
        return answer


def _failure(response: httpx2.Response) -> HttpFailed:
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem(detail=response.text[:200])
    retry_after = response.headers.get("Retry-After", "")
    wait_s = float(retry_after) if retry_after.isdigit() else None
    return HttpFailed(response.status_code, problem.code, problem.detail or problem.title or "", retry_after_s=wait_s)


async def demo_login(url: str, name: str, role: str = "viewer") -> Login:
    """Make a new demo person; see ``Api.demo_login``."""
    async with Api(url) as api:
        return await api.demo_login(name, role)


async def catalogue(url: str) -> list[Gift]:
    """Return the gifts that can be sent now; see ``Api.catalogue``."""
    async with Api(url) as api:
        return await api.catalogue()


async def rooms(url: str) -> list[Room]:
    """Return the open rooms; see ``Api.rooms``."""
    async with Api(url) as api:
        return await api.rooms()


async def create_room(url: str, token: str, title: str) -> Room:
    """Open a room; see ``Api.create_room``."""
    async with Api(url) as api:
        return await api.create_room(token, title)


async def close_room(url: str, token: str, room_id: str) -> None:
    """Close a room; see ``Api.close_room``."""
    async with Api(url) as api:
        await api.close_room(token, room_id)


async def wallet(url: str, token: str) -> Wallet:
    """Return a wallet; see ``Api.wallet``."""
    async with Api(url) as api:
        return await api.wallet(token)
