"""A whole ``livegift serve`` with real processes: it keeps them alive, ends them all, and leaves none behind."""

import contextlib
import http.client
import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.processes import Serving, alive, run_cli, wait_until

Start = Callable[..., Serving]


def get(url: str, path: str) -> tuple[int, str]:
    at = urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_status_names_every_process_and_metrics_every_role(data: Path, serving: Start) -> None:
    server = serving(data, "--workers", "2")
    state = server.wait_ready()
    assert set(state) == {"ready", "version", "commit", "url", "admin_url", "processes"}
    assert sorted(p["role"] for p in state["processes"]) == ["edge", "edge", "flusher", "supervisor", "valkey"]
    assert {p["pid"] for p in state["processes"]} >= {server.process.pid}
    assert all(alive(p["pid"]) for p in state["processes"])
    assert get(state["admin_url"], "/livez") == (200, "ok\n")
    assert get(state["admin_url"], "/readyz")[0] == 200
    status, metrics = get(state["admin_url"], "/metrics")
    assert status == 200
    assert 'livegift_process_ready{index="1",role="edge"} 1.0' in metrics
    assert (data / "serve.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_within_5_s(data: Path, serving: Start, number: int) -> None:
    server = serving(data)
    pids = [process["pid"] for process in server.wait_ready()["processes"]]
    began = time.monotonic()
    assert server.stop(number) == 0
    assert time.monotonic() - began < 5
    assert not [pid for pid in pids if alive(pid)]
    assert not (data / "serve.json").exists()
    assert server.status() == {"ready": False, "url": None, "admin_url": None, "processes": []}


@pytest.mark.parametrize("role", ["edge", "flusher", "valkey"])
def test_a_killed_child_comes_back(data: Path, serving: Start, role: str) -> None:
    server = serving(data)
    state = server.wait_ready()
    (pid,) = [process["pid"] for process in state["processes"] if process["role"] == role]
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        now = server.status()
        return now["ready"] and [p["pid"] for p in now["processes"] if p["role"] == role] not in ([], [pid])

    wait_until(back, timeout_s=10, why=server.errors.read_text())
    assert server.process.pid in server.pids("supervisor")
    assert server.status()["url"] == state["url"]


def test_a_killed_supervisor_leaves_no_process_and_the_next_start_works(data: Path, serving: Start) -> None:
    server = serving(data, "--workers", "2")
    pids = [process["pid"] for process in server.wait_ready()["processes"]]
    server.process.kill()
    wait_until(lambda: not [pid for pid in pids if alive(pid)])
    assert server.status()["ready"] is False  # the record is stale, and is not believed
    serving(data).wait_ready()


def test_a_stopped_child_is_killed_and_the_rest_ends_well(data: Path, serving: Start) -> None:
    server = serving(data)
    pids = [process["pid"] for process in server.wait_ready()["processes"]]
    os.kill(server.pids("edge")[0], signal.SIGSTOP)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5.5
    assert not [pid for pid in pids if alive(pid)]


def test_a_second_serve_on_the_directory_is_refused(data: Path, serving: Start) -> None:
    server = serving(data)
    server.wait_ready()
    second = run_cli("serve", "--data", str(data), "--port", "0", "--admin-port", "0")
    assert second.returncode == 2
    assert "Another livegift is running on" in second.stderr
    assert second.stderr.count("\n") == 1
    assert server.status()["ready"]


@pytest.mark.parametrize("setting", ["port", "admin-port"])
def test_a_port_in_use_is_refused(data: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"port": "0", "admin-port": "0"} | {setting: str(port)}
        words = [word for name, value in ports.items() for word in (f"--{name}", value)]
        refused = run_cli("serve", "--data", str(data), *words)
    assert refused.returncode == 2
    assert f"127.0.0.1:{port} can't be listened on" in refused.stderr
    assert f"--{setting}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_damaged_aof_is_refused(data: Path, serving: Start) -> None:
    server = serving(data)
    server.wait_ready()
    server.stop()
    (aof,) = (data / "valkey" / "appendonlydir").glob("*.incr.aof")
    with aof.open("ab") as file:
        file.write(b"garbage\r\n")
    refused = run_cli("serve", "--data", str(data), "--port", "0", "--admin-port", "0")
    assert refused.returncode == 2
    assert str(aof) in refused.stderr
    assert "valkey-check-aof" in refused.stderr


@pytest.mark.parametrize("book", ["newer", "no book at all"])
def test_a_child_that_can_not_run_ends_everything_with_its_sentence(data: Path, book: str) -> None:
    data.mkdir()
    path = data / "book.sqlite3"
    if book == "newer":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 9999")
    else:
        path.write_bytes(b"no book at all" * 1_000)
    refused = run_cli("serve", "--data", str(data), "--port", "0", "--admin-port", "0", "--log-level", "error")
    assert refused.returncode == 2
    assert refused.stderr.startswith("livegift: ")
    assert refused.stderr.count("\n") == 1
    assert ("9999" if book == "newer" else str(path)) in refused.stderr
    assert not (data / "serve.json").exists()


def test_an_unreachable_redis_is_refused_and_nothing_is_left(data: Path) -> None:
    words = ("--port", "0", "--admin-port", "0", "--redis-url", "redis://:secret@127.0.0.1:1")
    refused = run_cli("serve", "--data", str(data), *words)
    assert refused.returncode == 2
    assert "does not answer" in refused.stderr
    assert "secret" not in refused.stderr
    assert not (data / "serve.json").exists()


def test_the_demo_prints_its_links_one_a_line_and_has_bots(data: Path, serving: Start) -> None:
    server = serving(data, command="demo")
    state = server.wait_ready()
    assert server.process.stdout is not None
    lines = [server.process.stdout.readline().split() for _ in range(5)]
    url = state["url"]
    assert lines[0] == ["viewer", f"{url}/r/r1"]
    assert lines[1] == ["viewer", f"{url}/r/r2"]
    assert lines[2][0] == "studio"
    assert lines[2][1].startswith(f"{url}/studio#token=ey")
    assert lines[2][1].endswith("&room=r1")
    assert lines[3] == ["plug", f"{state['admin_url']}/plug"]
    assert lines[4] == ["admin", f"{state['admin_url']}/status"]
    (bots,) = wait_until(lambda: server.pids("bots"))
    assert server.stop(signal.SIGINT) == 0
    assert not alive(bots)
