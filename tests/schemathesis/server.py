"""A demo server of the run's own: without limits of rate, so that every answer is the route's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import Serving


@dataclass(frozen=True, slots=True)
class DemoServer:
    """Where it answers, where its data is, and what it has logged."""

    url: str
    data: Path
    log: Path

    def errors(self) -> int:
        """Print the bugs that it has logged, and return how many."""
        bugs = [line for line in self.log.read_text().splitlines() if json.loads(line).get("level") == "error"]
        for bug in bugs:
            print(f"the server logged: {bug}")
        return len(bugs)


HOOK_SECRET = "a secret of the test"


def _hooks(folder: Path) -> Path:
    """A file that describes one hook, ``owncast``, of Luna's server."""
    (folder / "owncast.secret").write_text(HOOK_SECRET)
    path = folder / "hooks.toml"
    path.write_text('[owncast]\nkind = "owncast"\ncreator = "luna"\nsecret_file = "owncast.secret"\n')
    return path


@contextmanager
def demo_server(folder: Path, *more: str) -> Iterator[DemoServer]:
    """A server until the end of the block."""
    data, log = folder / "data", folder / "serve.log"
    words = ["serve", "--demo", "--data", str(data), "--port", "0", "--admin-port", "0", "--user-requests-per-s", "0"]
    words += ["--hooks", str(_hooks(folder)), *more]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "livegift.cli", *words],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    try:
        yield DemoServer(str(Serving(process, data, log).wait_ready()["url"]), data, log)
    finally:
        process.terminate()
        process.wait(timeout=10)
