"""The lines of docs/server-api.md, run by a shell with real curl against a real server, from top to bottom."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.conftest import audit_of

PAGE = (Path(__file__).parents[2] / "docs/server-api.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_a_whole_evening_with_curl_alone(serving: Any, tmp_path: Path) -> None:
    assert len(BLOCKS) == 6
    own = serving(tmp_path / "data", "--demo")  # of its own: the page reads events from the oldest on
    url = own.wait_ready()["url"]
    livegift = tmp_path / "livegift"
    livegift.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m livegift.cli "$@"\n')
    livegift.chmod(0o755)
    done = subprocess.run(
        ["/bin/bash", "-e", "-x", "-c", "\n".join(BLOCKS)],
        env={
            **os.environ,
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "URL": url,
            "DATA": str(own.data),
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert audit_of(own.data)["findings"] == []


def test_every_route_of_the_page_is_one() -> None:
    from livegift.edge.api import operations

    known = {(one.method, one.path) for one in operations()}
    named = re.findall(r"^\| `([A-Z]+) (/v1/[^ ?`]*)", PAGE, re.MULTILINE)
    assert len(named) == 10
    assert set(named) <= known
