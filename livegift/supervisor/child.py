"""The other side of ``children.py``: what runs in a flusher's or an edge's process.

Kept apart from ``cli`` so that a worker that was killed is back without importing a command line.
"""

import asyncio
import json
import os
import socket
import sys

import structlog
import uvloop

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.lifeline import LifeLine
from livegift.supervisor.children import ORDER
from livegift.telemetry import configure_logs

log = structlog.get_logger()


def run(
    role: str,
    config: Config,
    *,
    listener: socket.socket | None = None,
    life_fd: int | None = None,
    report_fd: int | None = None,
) -> int:
    """Run ``role`` (flusher, or edge with its ``listener``) until it is told to stop, and return its exit code."""
    configure_logs(config.log_level, role)
    from livegift import app

    async def live() -> None:
        with LifeLine(life_fd=life_fd, report_fd=report_fd) as life:
            await (app.run_flusher(config, life) if listener is None else app.run_edge(config, listener, life))

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(live())
    except Exception as error:
        reason = cannot_run(error)
        if reason is None:
            log.exception("process_failed")
            return 1
        sys.stderr.write(f"livegift: {reason}\n")
        return 2
    return 0


def cannot_run(error: BaseException) -> CannotRun | None:
    """Return the ``CannotRun`` that ``error`` is, or that task groups have wrapped in it."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for part in error.exceptions if (found := cannot_run(part))), None)
    return error if isinstance(error, CannotRun) else None


def main() -> int:
    """Read the supervisor's order and follow it."""
    order = json.loads(os.environ.pop(ORDER))
    fd = order["listener_fd"]
    return run(
        order["role"],
        Config.from_json(order["config"]),
        listener=None if fd is None else socket.socket(fileno=fd),
        life_fd=order["life_fd"],
        report_fd=order["report_fd"],
    )


if __name__ == "__main__":
    sys.exit(main())
