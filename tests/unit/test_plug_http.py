"""The plug's API without processes: what it does, whom it refuses, and that ``serve`` has none of it."""

from collections.abc import Coroutine
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from livegift.supervisor import plug_http
from livegift.supervisor.admin import Addresses, ProcessState, make_app
from livegift.supervisor.plug import ROLES, Plug
from livegift.supervisor.plug_lines import BotsLaunch, Progress
from livegift.telemetry import ProcessReport

OWN = "http://127.0.0.1:8001"
HEADERS = {"Origin": OWN, "Content-Type": "application/json"}
ADDRESSES = Addresses("http://127.0.0.1:8000", OWN)


class Desk:
    """A plug whose bots are only said to be there, and whose strikes are only noted."""

    def __init__(self, *roles: str) -> None:
        self.roles = roles
        self.struck: list[str] = []
        self.started = 0
        self.is_up = True
        self.plug = Plug(ADDRESSES.url, BotsLaunch(("bots",)), states=self.states, strike=self.strike, spawn=self.spawn)

    def states(self) -> list[ProcessState]:
        return [ProcessState(role, 0, 7, True, 1, ProcessReport(role, 0)) for role in ("supervisor", *self.roles)]

    def strike(self, role: str) -> int | None:
        self.struck.append(role)
        return 7 if self.is_up else None

    def spawn(self, run: Coroutine[Any, Any, None]) -> Any:
        run.close()
        self.started += 1

    def gift(self) -> None:
        """As if the bots had said that they gift."""
        assert self.plug._run is not None
        self.plug._run.hear(Progress("gifting", 100.0, sent=20, shown=18))

    def app(self) -> Starlette:
        return make_app(ADDRESSES, self.states, lambda: True, plug_http.routes(self.plug, host="livegift.test"))

    async def ask(self, method: str, path: str, app: Starlette | None = None, **how: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(app or self.app())
        async with httpx2.AsyncClient(transport=transport, base_url=OWN) as http:
            return await http.request(method, path, **{"headers": HEADERS, **how})


@pytest.fixture
def desk() -> Desk:
    return Desk(*ROLES)


async def test_bots_start_once_and_their_words_are_the_state(desk: Desk) -> None:
    assert (await desk.ask("GET", "/plug/state")).json()["phase"] == "idle"
    assert (await desk.ask("POST", "/plug/start", content="{}")).json()["phase"] == "joining"
    again = await desk.ask("POST", "/plug/start", content="{}")
    assert (again.status_code, again.json()["detail"]) == (409, "The bots are at it already.")
    assert desk.started == 1
    desk.gift()
    state = (await desk.ask("GET", "/plug/state")).json()
    assert (state["phase"], state["figures"]["sent"], state["samples"]) == ("gifting", 20, [[100.0, 20, 18]])
    assert [event["kind"] for event in state["events"]] == ["joining", "gifting"]
    assert [process["role"] for process in state["processes"]] == list(ROLES)
    assert (await desk.ask("GET", "/plug/state?after=1")).json()["samples"] == []


@pytest.mark.parametrize("role", ROLES)
async def test_a_kill_while_bots_gift_is_done_and_logged(desk: Desk, role: str) -> None:
    desk.plug.start()
    desk.gift()
    answer = await desk.ask("POST", "/plug/kill", json={"role": role})
    assert (answer.status_code, answer.json(), desk.struck) == (200, {"role": role, "pid": 7}, [role])
    event = (await desk.ask("GET", "/plug/state")).json()["events"][-1]
    assert (event["kind"], event["role"], event["pid"], event["seen_after_ms"]) == ("kill", role, 7, None)


async def test_what_is_down_already_is_not_killed_and_not_logged(desk: Desk) -> None:
    desk.plug.start()
    desk.gift()
    desk.is_up = False
    answer = await desk.ask("POST", "/plug/kill", json={"role": "edge"})
    assert answer.status_code == 409
    assert "being started again" in answer.json()["detail"]
    assert [event["kind"] for event in (await desk.ask("GET", "/plug/state")).json()["events"]] == [
        "joining",
        "gifting",
    ]


@pytest.mark.parametrize("path", ["/plug/kill", "/plug/finish"])
async def test_without_bots_that_gift_nothing_is_killed_or_finished(desk: Desk, path: str) -> None:
    assert (await desk.ask("POST", path, json={"role": "edge"})).status_code == 409
    desk.plug.start()
    assert (await desk.ask("POST", path, json={"role": "edge"})).status_code == 409
    assert desk.struck == []


@pytest.mark.parametrize("body", [{"role": "supervisor"}, {"role": "king"}, {"role": 7}, {}, {"role": "x" * 2_000}])
async def test_another_role_is_a_problem_that_names_what_may_be_killed(desk: Desk, body: dict[str, Any]) -> None:
    desk.plug.start()
    desk.gift()
    answer = await desk.ask("POST", "/plug/kill", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    if isinstance(body.get("role"), str) and len(body["role"]) < 100:
        assert "it must be one of valkey, flusher, edge" in answer.json()["detail"]
    assert desk.struck == []


async def test_a_redis_of_somebody_elses_is_left_alone() -> None:
    desk = Desk("flusher", "edge")
    desk.plug.start()
    desk.gift()
    answer = await desk.ask("POST", "/plug/kill", json={"role": "valkey"})
    assert (answer.status_code, desk.struck) == (400, [])


@pytest.mark.parametrize("path", ["/plug/start", "/plug/kill", "/plug/finish"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8000"}, 403),  # our own edge's pages hold what viewers wrote
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "file://127.0.0.1:8001"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),  # DNS rebinding
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
async def test_another_page_can_not_pull_the_plug(desk: Desk, path: str, headers: dict[str, str], status: int) -> None:
    desk.plug.start()
    desk.gift()
    answer = await desk.ask("POST", path, headers=HEADERS | headers, json={"role": "edge"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (desk.struck, desk.started) == ([], 1)


async def test_a_link_can_not_pull_the_plug(desk: Desk) -> None:
    desk.plug.start()
    desk.gift()
    refused = await desk.ask("GET", "/plug/kill")
    assert (refused.status_code, refused.json()["code"], refused.headers["allow"]) == (
        405,
        "method_not_allowed",
        "POST",
    )
    assert desk.struck == []


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("127.0.0.1:8001", True),
        ("localhost:8001", True),
        ("LOCALHOST", True),
        ("[::1]:8001", True),
        ("192.168.1.5:8001", True),
        ("livegift.test:8001", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example:8001", False),
        ("localhost.evil.example", False),
        ("user@127.0.0.1.evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_an_own_host_is_an_address_or_a_name_that_was_given(name: str, is_own: bool) -> None:
    assert plug_http.is_own(name, "livegift.test") is is_own


async def test_the_page_has_the_headers_of_the_edges_pages(desk: Desk) -> None:
    answer = await desk.ask("GET", "/plug/state")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert (await desk.ask("GET", "/")).headers["location"] == "/plug"


@pytest.mark.parametrize("path", ["/plug", "/plug/state", "/plug/start", "/plug/kill", "/", "/assets/icon.svg"])
async def test_a_server_that_is_no_demo_has_no_plug(desk: Desk, path: str) -> None:
    plain = make_app(ADDRESSES, desk.states, lambda: True)
    for method in ("GET", "POST"):
        missing = await desk.ask(method, path, plain)
        assert (missing.status_code, missing.json()["code"]) == (404, "unknown_route")
    assert (await desk.ask("GET", "/livez", plain)).status_code == 200
