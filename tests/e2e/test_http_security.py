"""What every HTTP answer carries, and what no request gets past: docs/asvs.md names these."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.async_api import Browser, expect
from uuid_utils import uuid7

from tests.e2e.conftest import Tab, open_room
from tests.e2e.test_server_api import made_key
from tests.wire import login, wire

Server = dict[str, Any]
HTML = '<img src=x onerror="document.title=1"><b>"\'`${1}{{1}}'


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False, timeout=30) as client:
        yield client


async def raw(server: Server, request: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes, or is silent for a while."""
    at = urlsplit(server["url"])
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(request)
    answer = b""
    try:
        async with asyncio.timeout(2):
            while piece := await reader.read(65_536):
                answer += piece
    except TimeoutError:
        pass  # it has said all it had to say, and keeps the connection
    writer.transport.abort()
    return answer


PATHS = ["/", "/docs", "/r/r1", "/v1/catalogue", "/v1/nothing", "/livegift.js", "/assets/icon.svg"]


@pytest.mark.parametrize("path", PATHS)
async def test_every_answer_tells_browsers_what_they_may_do(http: httpx2.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    policy = headers["content-security-policy"]
    for rule in ("default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'self'"):
        assert rule in policy
    assert "unsafe-eval" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers
    assert "set-cookie" not in headers


async def test_answers_about_people_are_kept_by_nobody(http: httpx2.AsyncClient, server: Server) -> None:
    token, _ = await login(server["url"], "Ann")
    bearer = {"Authorization": f"Bearer {token}"}
    for path in ("/v1/wallet", "/v1/rooms", "/v1/wallet?limit=0"):
        answer = await http.get(path, headers=bearer)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"].startswith(("application/json", "application/problem+json"))


async def test_a_token_in_the_address_opens_nothing(http: httpx2.AsyncClient, server: Server) -> None:
    token, _ = await login(server["url"], "Ann")
    for name in ("token", "access_token", "Authorization"):
        answer = await http.get("/v1/wallet", params={name: token})
        assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")


async def test_each_sees_their_own_wallet_whatever_they_ask_for(
    http: httpx2.AsyncClient, server: Server, room: tuple[str, str]
) -> None:
    ann, ann_id = await login(server["url"], "Ann")
    ben, _ = await login(server["url"], "Ben")
    async with wire(server["url"], ann) as client:
        await client.gift(room[0])
        await client.push("settled")
    bearer = {"Authorization": f"Bearer {ben}"}
    wallet = (await http.get("/v1/wallet", params={"user": ann_id, "user_id": ann_id}, headers=bearer)).json()
    assert [row["kind"] for row in wallet["rows"]] == ["promo"]
    foreign = await http.get(f"/v1/users/{ann_id}", headers=bearer)
    assert (foreign.status_code, foreign.json()["code"]) == (401, "bad_token")
    closed = await http.post(f"/v1/rooms/{room[0]}/close", headers=bearer)
    assert (closed.status_code, closed.json()["code"]) == (403, "not_allowed")


async def test_fields_that_nobody_asked_for_change_nothing(http: httpx2.AsyncClient, server: Server) -> None:
    key = {"Authorization": f"Bearer {made_key(server, 'users:write', 'users:read')}"}
    user = f"u-{uuid7().hex[-12:]}"
    more = {"balance": 10**9, "coins": 10**9, "id": "luna", "scopes": ["coins:move"], "__proto__": {"role": "creator"}}
    assert (await http.put(f"/v1/users/{user}", json={"name": "Ann", **more}, headers=key)).status_code == 201
    told = (await http.get(f"/v1/users/{user}", headers=key)).json()
    assert told == {"id": user, "name": "Ann", "role": "viewer", "balance": 0}
    wrong = await http.put(f"/v1/users/{user}", json={"name": ["Ann"], "role": "viewer"}, headers=key)
    assert wrong.json()["errors"][0]["field"] == "name"


async def test_text_stays_text_in_sql_json_and_pages(
    http: httpx2.AsyncClient, server: Server, browser: Browser
) -> None:
    token, _ = await login(server["url"], "Luna", "creator")
    room = await open_room(server["url"], token)
    fan, _ = await login(server["url"], HTML[:32])
    context = await browser.new_context(locale="en-US")
    tab = Tab(await context.new_page(), server["url"])
    await tab.page.goto(f"{server['url']}/r/{room}")
    await tab.page.get_by_test_id("name-input").fill("Watcher")
    await tab.page.get_by_test_id("join").click()
    await expect(tab.page.get_by_test_id("connection")).to_have_text("connected")
    async with wire(server["url"], fan) as client:
        assert (await client.gift(room, message=HTML))["type"] == "accepted"
        assert (await client.gift(room, message="'; DROP TABLE person; --"))["type"] == "accepted"
    feed = tab.page.get_by_test_id("feed-item")
    await expect(feed.filter(has_text="DROP TABLE")).to_be_visible()
    await expect(feed.filter(has_text="onerror=").first).to_be_visible()
    assert await tab.page.evaluate("document.querySelectorAll('img[src=x], [onerror]').length") == 0
    assert await tab.page.title() != "1"
    assert tab.errors == []
    await context.close()
    assert (await http.get("/v1/rooms")).status_code == 200


async def test_methods_that_nobody_needs_are_refused_also_trace(server: Server) -> None:
    for method in (b"TRACE", b"CONNECT", b"PATCH", b"PROPFIND"):
        head = b" /v1/catalogue HTTP/1.1\r\nHost: x\r\nCookie: secret\r\nConnection: close\r\n\r\n"
        answer = await raw(server, method + head)
        assert answer.split(b" ")[1] in (b"400", b"405"), answer
        assert b"secret" not in answer


async def test_a_request_has_one_length(server: Server) -> None:
    body = b"0\r\n\r\nGET /v1/wallet HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /v1/demo/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    both = head + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    twice = head + b"Content-Length: 4\r\nContent-Length: 40\r\n\r\n" + body
    unknown = head + b"Transfer-Encoding: xchunked\r\n\r\n" + body
    for request in (both, twice, unknown):
        answer = await raw(server, request)
        assert answer.startswith(b"HTTP/1.1 400"), answer
        assert answer.count(b"HTTP/1.1") == 1


OTHERS = [
    *("/assets/", "/assets/gifts/", "/assets/../index.html", "/assets/..%2f..%2fconfig.py"),
    *("/assets/%2e%2e/%2e%2e/secret.key", "/..%2f..%2fetc/passwd", "/.git/config", "/livegift/config.py"),
]


@pytest.mark.parametrize("path", OTHERS)
async def test_only_what_is_built_is_served_and_no_listing(server: Server, path: str) -> None:
    answer = await raw(server, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in (b"404", b"400", b"405"), answer[:300]
    assert b"<li>" not in answer


def logged(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (server["data"].parent / "serve.log").read_text().splitlines()]


async def test_who_leaves_amid_a_body_is_no_bug(server: Server, http: httpx2.AsyncClient) -> None:
    head = b"POST /v1/demo/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"
    at = urlsplit(server["url"])
    for _ in range(3):
        _, writer = await asyncio.open_connection(at.hostname, at.port)
        writer.write(head + b'{"name":')
        await writer.drain()
        await http.get("/v1/catalogue")
        writer.transport.abort()
    for _ in range(8):  # two edges: by then both have heard that the others have gone
        await http.get("/v1/catalogue")
    assert [line for line in logged(server) if line.get("event") == "request_failed"] == []


async def test_a_log_line_is_one_whatever_a_name_holds(server: Server, http: httpx2.AsyncClient) -> None:
    forged = '{"level":"error","event":"forged"}'
    await http.post("/v1/demo/login", json={"name": f"A\n{forged}"})
    await http.get(f"/v1/rooms/%0a{forged}", headers={"Authorization": f"Bearer x\t{forged}"})
    assert "forged" not in [line.get("event") for line in logged(server)]
