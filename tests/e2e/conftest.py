"""One real demo server with two edge workers for all tests of this folder; each makes its own people and rooms."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, Page, async_playwright

from livegift.edge.pages import WEB
from tests.processes import Serving
from tests.wire import login

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "the tests need Debian's chromium: apt-get install chromium"
    assert WEB.is_dir(), "the pages are not built: make test builds them"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGS)
        yield browser
        await browser.close()


class Tab:
    """A page that remembers what went wrong in it and what it asked of strangers."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.strangers: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: self._note(request.url, origin))

    def _note(self, url: str, origin: str) -> None:
        if not url.startswith((origin, "data:", "blob:", origin.replace("http", "ws"))):
            self.strangers.append(url)
