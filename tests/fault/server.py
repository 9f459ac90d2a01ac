"""The server under attack: its processes by role and id, its socket to Valkey, its end and its return.

It is started as an operator would, by ``livegift serve`` on fixed ports, so that those who lost it find it again.
"""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from redis import exceptions as redis_errors
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

ROLES = ("valkey", "flusher", "edge")
READY_S = 40.0
POLL_S = 0.02
STOP_S = 15.0
STATUS_S = 2.0


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on; all at once, or the same could come twice."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


@dataclass
class Server:
    """One ``livegift serve`` and its children. ``env`` are additions to its environment."""

    data: Path
    env: Mapping[str, str]
    workers: int = 2
    starts: int = 0
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    @property
    def log_path(self) -> Path:
        return self.data.parent / "serve.log"

    async def start(self) -> None:
        """Start it and return when everything is ready."""
        self.starts += 1
        with self.log_path.open("a") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "livegift.cli", "serve", "--demo", "--data", str(self.data)),
                *("--port", str(self.ports[0]), "--admin-port", str(self.ports[1])),
                *("--workers", str(self.workers)),
                stdout=log,
                stderr=log,
                env={**os.environ, **self.env},
            )
        await self.ready()

    async def ready(self) -> None:
        """Return when all its processes are ready."""
        assert self.process is not None
        async with asyncio.timeout(READY_S):
            while not (await self.status())["ready"]:
                assert self.process.returncode is None, f"the server ended: {self.log_path.read_text()[-2_000:]}"
                await asyncio.sleep(POLL_S)

    async def status(self) -> dict[str, Any]:
        """Return what the admin port says."""
        return await asyncio.to_thread(self._status)

    def _status(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[1], timeout=STATUS_S)
        try:
            connection.request("GET", "/status")
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, http.client.HTTPException, ValueError):
            return {"ready": False, "processes": []}
        finally:
            connection.close()

    async def pids(self, *roles: str) -> list[int]:
        """Return the ids of the processes of these roles that run now; waits until each role has one."""
        async with asyncio.timeout(READY_S):
            while True:
                found = [(p["role"], p["pid"]) for p in (await self.status())["processes"] if p["role"] in roles]
                if {role for role, _ in found} == set(roles):
                    return [pid for _, pid in found]
                await asyncio.sleep(POLL_S)

    async def kill(self, *roles: str) -> int:
        """Kill -9 every process of these roles, at once; returns how many those were."""
        pids = await self.pids(*roles)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    async def kill_all(self) -> int:
        """Kill -9 everything, the supervisor first, as if the power had gone; nobody has time to tidy up."""
        assert self.process is not None
        children = await self.pids(*ROLES)
        everyone = [self.process.pid, *children]
        for pid in everyone:  # stopped first: whoever saw another die would begin to flush and save
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        for pid in everyone:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()
        async with asyncio.timeout(STOP_S):
            while any(_holds_on(pid) for pid in children):  # noqa: ASYNC110 - children of another process
                await asyncio.sleep(POLL_S)
        return len(everyone)

    async def stop(self) -> None:
        """End it, whatever state it is in."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()  # its children end with it
            await self.process.wait()

    @property
    def redis_url(self) -> str:
        """Where its Valkey answers."""
        return str(msgspec.json.decode((self.data / "serve.json").read_bytes())["redis_url"])

    @property
    def redis_socket(self) -> Path:
        return Path(self.redis_url.removeprefix("unix://"))

    @contextlib.asynccontextmanager
    async def redis(self) -> Any:
        """A client of its Valkey, which may be on its way back."""
        retry = Retry(ConstantBackoff(0.05), 200)
        errors = [redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.BusyLoadingError]
        client = Redis.from_url(
            self.redis_url, socket_timeout=5.0, decode_responses=True, retry=retry, retry_on_error=errors
        )
        try:
            yield client
        finally:
            await client.aclose()

    def durable_files(self) -> list[Path]:
        """Files that a power cut may shorten."""
        return [*self.data.glob("book.sqlite3*"), *self.data.glob("valkey/**/*.aof")]


def _holds_on(pid: int) -> bool:
    """Whether a killed process still has its files open; a zombie has not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
