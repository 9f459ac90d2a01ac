"""Methods, media types and headers of described routes, on an application of a few routes of the test's own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import httpx2
import pytest
from msgspec import Meta, Struct, field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livegift.edge.api.describing import describe, operations_of
from livegift.edge.api.openapi import openapi
from livegift.edge.api.reading import body_of, headers_of, json, query_of, text_in
from livegift.edge.api.resource import accepts, resources
from livegift.edge.deprecation import Deprecation
from livegift.edge.problems import HANDLERS

OLD = Deprecation(
    since=datetime(2026, 11, 1, tzinfo=UTC), sunset=datetime(2027, 11, 1, 12, tzinfo=UTC), link="/docs/versioning"
)


class Inner(Struct):
    names: list[Annotated[str, Meta(max_length=3)]]


class Body(Struct):
    count: Annotated[int, Meta(ge=1)]
    inner: Inner | None = None


class Query(Struct):
    limit: Annotated[int, Meta(ge=1, le=9)] = 5


class Headers(Struct):
    key: Annotated[str, Meta(pattern="^[a-z]+$")] = field(name="X-Key")


class Answer(Struct):
    text: str


@describe(tag="server", answer=Answer, query=Query)
async def look(request: Request) -> Response:
    """Look."""
    return json(Answer(f"{text_in(request, 'name')} {query_of(request, Query).limit}"))


@describe(tag="server", answer=Answer, body=Body, headers=Headers, deprecation=OLD)
async def change(request: Request) -> Response:
    """Change."""
    key = headers_of(request, Headers).key
    return json(Answer(f"{key} {(await body_of(request, Body)).count}"))


@describe(tag="server", answer=None)
async def stream(_: Request) -> Response:
    """Follow."""
    return Response("data: 1\n\n", media_type="text/event-stream")


@describe(tag="server", answer=Answer)
async def bug(_: Request) -> Response:
    """Fail."""
    raise ZeroDivisionError


OPERATIONS = operations_of(
    [
        Route("/v1/things/{name}", look),
        Route("/v1/things/{name}", change, methods=["POST"]),
        Route("/v1/stream", stream),
        Route("/v1/bug", bug),
    ]
)


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=[*resources(OPERATIONS)], exception_handlers=HANDLERS)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://server") as client:
        yield client


async def test_a_method_that_a_path_does_not_take_is_told_which_it_takes(http: httpx2.AsyncClient) -> None:
    for method in ("DELETE", "PATCH", "TRACE", "BREW"):
        answer = await http.request(method, "/v1/things/a")
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
        assert answer.headers["content-type"] == "application/problem+json"
    options = await http.options("/v1/things/a")
    assert (options.status_code, options.headers["allow"], options.content) == (204, "GET, HEAD, OPTIONS, POST", b"")
    assert (await http.head("/v1/things/a")).status_code == 200
    assert (await http.head("/v1/stream")).status_code == 405


async def test_what_is_wrong_is_named(http: httpx2.AsyncClient) -> None:
    async def wrong(method: str, path: str, **how: object) -> list[str]:
        answer = await http.request(method, path, headers={"X-Key": "a", **how.pop("headers", {})}, **how)  # type: ignore
        told = answer.json()
        assert (answer.status_code, told["code"], told["status"]) == (400, "bad_request", 400), told
        assert told["type"] == "/docs/protocol#bad_request"
        return [one["field"] for one in told.get("errors", ())]

    assert await wrong("GET", "/v1/things/a?limit=10") == ["limit"]
    assert await wrong("GET", "/v1/things/a?limit=many") == ["limit"]
    assert await wrong("GET", "/v1/things/%00") == ["name"]
    assert await wrong("GET", f"/v1/things/{'a' * 300}") == ["name"]
    assert await wrong("POST", "/v1/things/a", json={"count": 0}) == ["count"]
    assert await wrong("POST", "/v1/things/a", json={}) == ["count"]
    assert await wrong("POST", "/v1/things/a", json={"count": 1, "inner": {}}) == ["inner.names"]
    assert await wrong("POST", "/v1/things/a", json={"count": 1, "inner": {"names": ["ok", "long"]}}) == [
        "inner.names[1]"
    ]
    assert await wrong("POST", "/v1/things/a", json={"count": 1}, headers={"X-Key": "1"}) == ["X-Key"]
    assert await wrong("POST", "/v1/things/a", content=b"{") == []
    assert await wrong("POST", "/v1/things/a", json=[]) == []


async def test_types_that_can_t_be_served_or_read_are_refused(http: httpx2.AsyncClient) -> None:
    async def ask(accept: str) -> tuple[int, str]:
        answer = await http.get("/v1/things/a", headers={"Accept": accept})
        return answer.status_code, answer.json().get("code", "")

    assert await ask("text/html") == (406, "not_acceptable")
    assert await ask("application/json;q=0, */*") == (406, "not_acceptable")
    assert await ask("text/html, application/json;q=0.1") == (200, "")
    sent = await http.post("/v1/things/a", content="count=1", headers={"Content-Type": "text/plain", "X-Key": "a"})
    assert (sent.status_code, sent.json()["code"]) == (415, "unsupported_type")
    for kind in ("application/json; charset=utf-8", "application/merge-patch+json"):
        sent = await http.post("/v1/things/a", content='{"count":1}', headers={"Content-Type": kind, "X-Key": "a"})
        assert sent.status_code == 200


def test_accept_is_read_as_rfc_9110_says() -> None:
    assert accepts([], "application/json")
    assert accepts([""], "application/json")
    assert accepts(["text/html", "*/*;q=0.8"], "application/json")
    assert accepts(["application/*"], "application/json")
    assert not accepts(["application/*;q=0", "text/html"], "application/json")
    assert accepts(["*/*;q=0, application/json"], "application/json")
    assert not accepts(["text/event-stream"], "application/json")


async def test_a_deprecated_route_says_since_when_until_when_and_where_to_read(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/v1/things/a", json={"count": 1}, headers={"X-Key": "a"})
    assert answer.headers["deprecation"] == "@1793491200"
    assert answer.headers["sunset"] == "Mon, 01 Nov 2027 12:00:00 GMT"
    assert answer.headers["link"] == '</docs/versioning>; rel="deprecation"; type="text/html"'
    assert "deprecation" not in (await http.get("/v1/things/a")).headers
    told = openapi(OPERATIONS, {})["paths"]["/v1/things/{name}"]
    assert (told["post"].get("deprecated"), told["get"].get("deprecated")) == (True, None)


async def test_a_bug_is_a_problem_that_says_nothing_of_it(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/bug")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "Zero" not in answer.text


async def test_a_path_that_is_none_is_a_problem(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")
