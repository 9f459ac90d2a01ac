"""One real demo server with two edge workers for all tests of this folder; each makes its own people and rooms."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.processes import Serving
from tests.wire import login


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What ``livegift status`` says of the running server, and its ``data``."""
    folder = tmp_path_factory.mktemp("e2e")
    data, errors = folder / "data", folder / "serve.log"
    words = ["serve", "--demo", "--data", str(data), "--port", "0", "--admin-port", "0", "--workers", "2"]
    with errors.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "livegift.cli", *words],
            stdout=subprocess.DEVNULL,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    serving = Serving(process, data, errors)
    try:
        yield serving.wait_ready() | {"data": data}
    finally:
        process.terminate()
        process.wait(timeout=10)
    bugs = [line for line in errors.read_text().splitlines() if json.loads(line).get("level") == "error"]
    assert bugs == [], "the server logged errors"


@pytest.fixture
async def room(server: dict[str, Any]) -> tuple[str, str]:
    """Return (room id, creator's token) of a new room."""
    token, _ = await login(server["url"], "Creator", "creator")
    return await open_room(server["url"], token), token


async def open_room(url: str, token: str) -> str:
    """Open a room and return its id."""
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        response = await http.post("/v1/rooms", json={"title": "A test"}, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])


def audit_of(data: Path) -> dict[str, Any]:
    """Return the audit's report beside the running server."""
    done = subprocess.run(
        [sys.executable, "-m", "livegift.cli", "audit", "--json", "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout, done.stderr
    return dict(json.loads(done.stdout))
