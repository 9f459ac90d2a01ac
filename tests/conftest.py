"""What every kind of test may ask for: a Valkey, a data directory, a real server with its processes."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings

from livegift.ledger.embedded import EmbeddedServer
from tests.postgres import PostgresServer, running_postgres
from tests.processes import Serving

# How long an example takes says more of what else the machine does than of us.
settings.register_profile("livegift", deadline=None)
settings.load_profile("livegift")


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a private Valkey (appendfsync everysec) that lives as long as the session; it dies with it."""
    server = EmbeddedServer(tmp_path_factory.mktemp("valkey"))
    # In a thread of its own: a loop that was run and closed here would be in the way of pytest-asyncio's.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, server.start()).result()
        try:
            yield server.url
        finally:
            thread.submit(asyncio.run, server.stop()).result()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL that lives as long as the session."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    """Each of the two books, as in the setting ``store``: whoever asks for it is run on both."""
    if request.param == "sqlite":
        return "sqlite"
    server: PostgresServer = request.getfixturevalue("postgres")
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(server.create).result()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Return how to start a server on free ports: ``serving(data, "--workers", "2", command="demo")``."""
    started: list[Serving] = []

    def start(data: Path, *args: str, command: str = "serve") -> Serving:
        errors = tmp_path / f"serve-{len(started)}.log"
        port = () if "--port" in args else ("--port", "0")
        words = [command, "--data", str(data), *port, "--admin-port", "0", *args]
        with errors.open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "livegift.cli", *words],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        started.append(Serving(process, data, errors))
        return started[-1]

    yield start
    for server in started:
        with server.process as process:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=8)
                except subprocess.TimeoutExpired:
                    process.kill()
