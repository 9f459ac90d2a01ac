"""Leaving: whoever is told to go knows when to come back, accepted gifts are settled and told, and nothing is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets

from loadtests.report import is_clean
from loadtests.steady import Steady
from loadtests.storm import Storm
from tests.e2e.conftest import audit_of
from tests.processes import Serving, run_cli
from tests.wire import Wire, login, wire

Start = Callable[..., Serving]
VIEWERS = 12


async def ready(server: Serving) -> dict[str, Any]:
    return await asyncio.to_thread(server.wait_ready)


def start_again(data: Path, state: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start a server where there was one, on the same ports."""
    port, admin = (state[name].rpartition(":")[2] for name in ("url", "admin_url"))
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "livegift.cli", "serve", "--demo"),
            *("--data", str(data), "--port", port, "--admin-port", admin),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


async def until_closed(client: Wire) -> int | None:
    """Read on to the end of the connection and return its close code."""
    try:
        while True:
            client.pushed.append(await client.receive())
    except websockets.ConnectionClosed:
        return client.socket.close_code


def of_kind(client: Wire, kind: str) -> list[dict[str, Any]]:
    return [message for message in client.pushed if message["type"] == kind]


async def test_sigterm_tells_everyone_settles_what_was_accepted_and_closes_with_1012(
    data: Path, serving: Start
) -> None:
    server = serving(data, "--demo", "--drain-returns-per-s", "10", "--drain-spread-ms-max", "600")
    url = (await ready(server))["url"]
    token, _ = await login(url, "Ann")
    viewers = [wire(url, token) for _ in range(VIEWERS)]
    clients = [await viewer.__aenter__() for viewer in viewers]
    for client in clients:
        await client.ask("subscribe", room="r1")
    sent = [asyncio.create_task(clients[0].gift("r1")) for _ in range(1)]
    accepted = await sent[0]
    server.process.send_signal(signal.SIGTERM)
    codes = await asyncio.gather(*(until_closed(client) for client in clients))
    assert codes == [1012] * VIEWERS
    told = [of_kind(client, "reconnect") for client in clients]
    assert all(len(one) == 1 for one in told)
    moments = sorted(one[0]["after_ms"] for one in told)
    assert moments == [600 * number // VIEWERS for number in range(VIEWERS)]
    settled = [gift for message in of_kind(clients[0], "settled") for gift in message["gifts"]]
    assert [gift["event_id"] for gift in settled] == [accepted["event_id"]]
    assert await asyncio.to_thread(server.process.wait, 10) == 0
    assert (await asyncio.to_thread(audit_of, data))["findings"] == []


async def test_a_patient_edge_serves_who_has_not_left_yet_and_is_not_ready(data: Path, serving: Start) -> None:
    server = serving(data, "--demo", "--drain-returns-per-s", "1", "--drain-spread-ms-max", "2000")
    state = await ready(server)
    url, (edge,) = state["url"], [p["pid"] for p in state["processes"] if p["role"] == "edge"]
    token, _ = await login(url, "Ann")
    async with wire(url, token) as first, wire(url, token) as second, httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{url}/readyz")).status_code == 200
        os.kill(edge, signal.SIGTERM)
        told = [await client.push("reconnect") for client in (first, second)]
        stays = second if told[1]["after_ms"] > told[0]["after_ms"] else first
        assert sorted(one["after_ms"] for one in told) == [0, 1_000]
        assert (await http.get(f"{url}/readyz")).status_code == 503  # on the connection that was open already
        admin = await http.get(f"{state['admin_url']}/readyz")
        assert (admin.status_code, admin.json()["waiting_for"]) in ((503, ["edge 0"]), (200, []))
        answer = await stays.gift("r1")
        assert answer["type"] == "accepted", answer
        assert (await stays.push("settled"))["gifts"][0]["event_id"] == answer["event_id"]
        assert await until_closed(stays) == 1012
    await ready(server)  # the supervisor has started another
    assert await asyncio.to_thread(server.pids, "edge") != [edge]


async def test_edges_are_restarted_one_after_the_other_under_load_and_nothing_is_lost(
    data: Path, serving: Start
) -> None:
    server = serving(data, "--demo", "--workers", "2", "--drain-spread-ms-max", "500")
    state = await ready(server)
    before = set(await asyncio.to_thread(server.pids, "edge"))
    storm = Storm(
        url=state["url"], rooms=2, viewers=40, senders=6, rate=40.0, seconds=2.0, seed=3, strike="drain", data=data
    )
    report = await storm.run()
    assert is_clean(report), report["failures"]
    figures = report["figures"]
    assert (figures["fallen"], figures["back"], figures["recovered"]) == (40, 40, 40)
    assert figures["failed_attempts"] == 0  # there was always somebody to take them in
    after = set(await asyncio.to_thread(server.pids, "edge"))
    assert len(after) == 2
    assert not after & before


async def test_a_successor_that_does_not_come_leaves_the_old_edge_where_it_is(data: Path, serving: Start) -> None:
    server = serving(data, "--demo")
    state = await ready(server)
    (edge,) = [p["pid"] for p in state["processes"] if p["role"] == "edge"]
    secret = data / "secret.key"
    secret.chmod(0o644)  # no process starts with a secret that others can read
    server.process.send_signal(signal.SIGUSR1)
    while "edge_not_replaced" not in server.errors.read_text():
        await asyncio.sleep(0.05)
        assert server.process.poll() is None
    secret.chmod(0o600)
    assert await asyncio.to_thread(server.pids, "edge") == [edge]
    token, _ = await login(state["url"], "Ann")
    async with wire(state["url"], token) as client:
        assert (await client.gift("r1"))["type"] == "accepted"
    done = await asyncio.to_thread(run_cli, "restart-edges", "--data", str(data))
    assert (done.returncode, done.stderr) == (0, "")
    assert await asyncio.to_thread(server.pids, "edge") != [edge]


def test_restarting_the_edges_of_no_server_is_one_sentence(data: Path) -> None:
    refused = run_cli("restart-edges", "--data", str(data))
    assert refused.returncode == 2
    assert "No livegift is ready" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_whole_server_that_is_restarted_under_load_loses_nothing(
    data: Path, serving: Start, number: int
) -> None:
    server = serving(data, "--demo")
    state = await ready(server)
    run = Steady(url=state["url"], rooms=2, viewers=20, senders=8, rate=40.0, seconds=4.5, seed=5)

    async def restart() -> None:
        await asyncio.sleep(1.5)
        assert await asyncio.to_thread(server.stop, number) == 0
        again.append(await asyncio.to_thread(start_again, data, state))

    again: list[subprocess.Popen[bytes]] = []
    run.meanwhile = restart
    try:
        report = await run.run()
        assert is_clean(report), report["failures"]
        assert report["reconnects"] >= 20
        assert (await asyncio.to_thread(audit_of, data))["findings"] == []
    finally:
        for process in again:
            process.terminate()
            process.wait(timeout=10)
