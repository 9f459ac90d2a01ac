"""Real processes in tests: is it alive, has it happened, run the command line, a server that serves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livegift.supervisor.record import read_record

READY_S = 20.0


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie holds nothing any more and counts as gone."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until(is_true: Callable[[], Any], *, timeout_s: float = 5.0, why: str = "it did not happen in time") -> Any:
    """Return the first true answer."""
    deadline = time.monotonic() + timeout_s
    while not (answer := is_true()):
        assert time.monotonic() < deadline, why
        time.sleep(0.01)
    return answer


def run_cli(*args: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``livegift`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "livegift.cli", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(env or {})},
    )


@dataclass
class Serving:
    """A running ``livegift serve`` and what it says about itself."""

    process: subprocess.Popen[str]
    data: Path
    errors: Path

    def status(self) -> dict[str, Any]:
        said = run_cli("status", "--json", "--data", str(self.data)).stdout
        return dict(json.loads(said))

    def wait_ready(self) -> dict[str, Any]:
        def ready() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.errors.read_text()
            if read_record(self.data) is None:
                return None
            state = self.status()
            return state if state["ready"] else None

        return dict(wait_until(ready, timeout_s=READY_S, why=f"not ready: {self.errors}"))

    def pids(self, *roles: str) -> list[int]:
        processes = self.status()["processes"]
        return [process["pid"] for process in processes if not roles or process["role"] in roles]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=10)
