"""What a request is called, in its answer and in the log."""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from livegift.edge.problems import HANDLERS
from livegift.edge.request_ids import HEADER, RequestIds

log = structlog.get_logger(__name__)


async def fine(_: Request) -> Response:
    log.info("asked")
    return PlainTextResponse("fine")


async def broken(_: Request) -> Response:
    raise RuntimeError("a bug")


@pytest.fixture
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs(processors=[merge_contextvars]) as entries:
        yield entries


async def answered(path: str, **headers: str) -> httpx2.Response:
    routes = [Route("/fine", fine), Route("/broken", broken)]
    app = Starlette(routes=routes, middleware=[Middleware(RequestIds)], exception_handlers=HANDLERS)
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://livegift.test") as http:
        return await http.get(path, headers=headers)


async def test_a_name_that_is_given_is_kept_in_answer_and_log(lines: list[MutableMapping[str, Any]]) -> None:
    assert (await answered("/fine", **{HEADER: "proxy-1:a.b_c"})).headers[HEADER] == "proxy-1:a.b_c"
    assert [line["request"] for line in lines] == ["proxy-1:a.b_c"]


@pytest.mark.parametrize("bad", ["", "two words", "x" * 65, 'a"b', "a\tb"])
async def test_what_is_no_name_is_replaced(lines: list[MutableMapping[str, Any]], bad: str) -> None:
    names = {(await answered("/fine", **{HEADER: bad})).headers[HEADER] for _ in range(2)}
    assert len(names) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    assert {line["request"] for line in lines} == names


async def test_a_bug_and_a_path_that_is_none_have_a_name_too(lines: list[MutableMapping[str, Any]]) -> None:
    answer = await answered("/broken", **{HEADER: "r1"})
    assert (answer.status_code, answer.headers[HEADER], answer.json()["code"]) == (500, "r1", "internal")
    assert [(line["event"], line["request"]) for line in lines] == [("request_failed", "r1")]
    assert (await answered("/nowhere", **{HEADER: "r2"})).headers[HEADER] == "r2"
