"""The embedded Valkey, with the real binary: one a directory, no orphans, no half-opened AOF."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from livegift.errors import CannotRun
from livegift.ledger import embedded
from livegift.ledger.data_lock import DataLock
from livegift.ledger.embedded import DamagedAof, EmbeddedServer, find_binary
from livegift.ledger.engine_check import check_engine, plain_url
from tests.processes import alive, wait_until

PARENT = """
import asyncio, sys
from pathlib import Path
from redis.asyncio import Redis
from livegift.ledger.embedded import EmbeddedServer

async def main():
    server = EmbeddedServer(Path(sys.argv[1]), appendfsync="always")
    await server.start()
    client = Redis.from_url(server.url)
    await client.set("coins", 7)
    await client.aclose()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def running(data: Path, **settings: str) -> AsyncIterator[tuple[EmbeddedServer, "Redis"]]:
    server = EmbeddedServer(data, **settings)
    await server.start()
    client = Redis.from_url(server.url, decode_responses=True)
    try:
        yield server, client
    finally:
        await client.aclose()
        await server.stop()


def server_of_a_killed_parent(data: Path, *, stopped: bool = False) -> int:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(data)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if stopped:
            os.kill(pid, signal.SIGSTOP)  # so that it can't end when its parent does
        parent.kill()
    return pid


def increment(data: Path) -> Path:
    (path,) = (data / "valkey" / "appendonlydir").glob("*.incr.aof")
    return path


async def test_it_is_what_the_ledger_needs(data: Path) -> None:
    async with running(data) as (server, client):
        await check_engine(server.url, timeout_ms=1_000)
        assert (await client.config_get("appendfsync"))["appendfsync"] == "everysec"
        assert (await client.config_get("appendonly"))["appendonly"] == "yes"
        assert (data / "valkey.sock").stat().st_mode & 0o777 == 0o700
        assert server.pid is not None
        assert alive(server.pid)
    assert server.pid is None
    assert not (data / "valkey.sock").exists()


async def test_a_second_start_on_the_directory_is_refused(data: Path) -> None:
    async with running(data):
        with pytest.raises(CannotRun, match="Another livegift is running on"):
            await EmbeddedServer(data).start()
    async with running(data):
        pass


async def test_data_survive_a_kill_of_the_server_and_the_url_stays(data: Path) -> None:
    async with running(data, appendfsync="always") as (server, client):
        url, pid = server.url, server.pid
        assert pid is not None
        for n in range(100):
            await client.set(f"k{n}", n)
        os.kill(pid, signal.SIGKILL)
        assert await server.wait() == -signal.SIGKILL
        await server.start()
        assert server.url == url
        assert server.pid != pid
        assert await client.dbsize() == 100


async def test_a_stop_saves_everything(data: Path) -> None:
    async with running(data) as (_, client):
        await client.set("coins", 7)
    async with running(data) as (_, client):
        assert await client.get("coins") == "7"


async def test_no_server_outlives_a_killed_parent_and_its_data_are_there(data: Path) -> None:
    pid = server_of_a_killed_parent(data)
    wait_until(lambda: not alive(pid))
    async with running(data) as (_, client):
        assert await client.get("coins") == "7"


async def test_a_start_right_after_a_kill_waits_for_the_dying_server(data: Path) -> None:
    server_of_a_killed_parent(data)
    async with running(data) as (_, client):
        assert await client.get("coins") == "7"


def test_an_orphan_still_holds_the_lock(data: Path) -> None:
    pid = server_of_a_killed_parent(data, stopped=True)
    try:
        with pytest.raises(CannotRun):
            DataLock(data).acquire(wait_s=0)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not alive(pid))
    with DataLock(data):
        pass


async def test_a_server_that_ignores_sigterm_is_killed(data: Path) -> None:
    async with running(data) as (server, _):
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await server.stop(timeout_s=0.1)
        assert not alive(pid)
        await server.stop()


async def test_a_truncated_tail_loads(data: Path) -> None:
    async with running(data) as (_, client):
        await client.set("coins", 7)
        await client.set("more", 8)
    os.truncate(increment(data), increment(data).stat().st_size - 5)
    async with running(data) as (_, client):
        assert await client.get("coins") == "7"
        assert await client.get("more") is None


@pytest.mark.parametrize("where", ["tail", "middle", "manifest"])
async def test_garbage_in_the_aof_is_refused_with_what_to_do(data: Path, where: str) -> None:
    async with running(data) as (_, client):
        for n in range(50):
            await client.set(f"k{n}", "x" * 20)
    path = data / "valkey" / "appendonlydir" / "appendonly.aof.manifest" if where == "manifest" else increment(data)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes({"tail": whole, "middle": whole[:middle], "manifest": b""}[where] + b"\x00garbage\r\n" * 20)
    with pytest.raises(DamagedAof) as refused:
        await EmbeddedServer(data).start()
    assert str(path) in str(refused.value)
    assert "valkey-check-aof" in str(refused.value)
    assert "\n" not in str(refused.value)
    path.write_bytes(whole)
    async with running(data) as (_, client):  # nothing was left behind, the lock neither
        assert await client.dbsize() == 50


async def test_a_long_data_path_gets_a_short_socket_path(tmp_path: Path) -> None:
    data = tmp_path / ("d" * 90) / ("e" * 90)
    async with running(data) as (server, client):
        path = Path(server.url.removeprefix("unix://"))
        assert len(os.fsencode(path)) <= embedded.SOCKET_PATH_BYTES_MAX
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert await client.ping()
    assert not path.parent.exists()


async def test_a_path_may_hold_spaces_quotes_and_umlauts(tmp_path: Path) -> None:
    async with running(tmp_path / 'my "gift\'s" späße') as (server, client):
        assert await client.ping()
        assert server.aof.is_dir()


async def test_a_server_that_ends_while_starting_says_why(data: Path) -> None:
    with pytest.raises(CannotRun, match=r"valkey\.log"):
        await EmbeddedServer(data, appendfsync="sometimes").start()
    with DataLock(data):
        pass


async def test_without_any_binary_it_says_what_to_install(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(data))
    with pytest.raises(CannotRun, match="install valkey-server or redis-server"):
        await EmbeddedServer(data).start()


def test_a_server_on_the_path_must_be_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\necho 'Server v=6.2.1 sha=0:0'\n")
    program.chmod(0o755)
    with pytest.raises(CannotRun, match="older"):
        find_binary()
    program.write_text("#!/bin/sh\necho 'Valkey server v=8.0.1 sha=0:0'\n")
    assert find_binary() == program


async def test_an_evicting_engine_is_refused(data: Path) -> None:
    async with running(data) as (server, client):
        await client.config_set("maxmemory-policy", "allkeys-lru")
        with pytest.raises(CannotRun, match="set it to noeviction"):
            await check_engine(server.url, timeout_ms=1_000)


async def test_an_engine_that_does_not_answer_is_refused_without_its_password() -> None:
    with pytest.raises(CannotRun, match="does not answer") as refused:
        await check_engine("redis://user:secret@127.0.0.1:1/0", timeout_ms=500)
    assert "secret" not in str(refused.value)
    assert plain_url("rediss://u:p@h:1/2") == "rediss://h:1/2"
    with pytest.raises(CannotRun, match="not a Redis URL"):
        await check_engine("http://localhost", timeout_ms=500)


async def test_the_session_fixture_answers(valkey: str) -> None:
    client = Redis.from_url(valkey)
    try:
        assert await client.ping()
        with pytest.raises(ResponseError):
            await client.execute_command("NOSUCH")
    finally:
        await client.aclose()
