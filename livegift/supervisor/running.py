"""What the command line asks of a server that runs beside it, or of its books while none does."""

import http.client
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from livegift.config import Config
from livegift.errors import CannotRun
from livegift.ledger.data_lock import is_served
from livegift.ledger.embedded import EmbeddedServer
from livegift.supervisor.edges import RESTART_EDGES
from livegift.supervisor.record import read_record

STATUS_TIMEOUT_S = 2.0
EDGE_RESTART_S = 60.0
"""How long the restart of one edge is waited for."""
RESTART_POLL_S = 0.2


async def audited(config: Config) -> dict[str, object]:
    """Run the audit against the engine that belongs to the book; raises ``CannotRun`` or ``Unavailable``."""
    if config.store == "sqlite" and not config.book_path.exists():
        raise CannotRun(f"There is no book in {config.data}; name its directory with --data.")
    from livegift.app import run_audit

    live = is_served(config.data)
    if config.redis_url is not None:
        return await run_audit(config, live=live)
    if live:
        record = read_record(config.data)
        if record is None:
            raise CannotRun(f"The livegift on {config.data} is starting or ending; try again in a moment.")
        return await run_audit(replace(config, redis_url=record.redis_url), live=True)
    valkey = EmbeddedServer(config.data, appendfsync=config.appendfsync)
    try:
        await valkey.start()
        return await run_audit(replace(config, redis_url=valkey.url), live=False)
    finally:
        await valkey.stop()


def restart_edges(data: Path) -> bool:
    """Let the edges of the server of that directory be restarted one after the other; True once all have been.

    Raises ``CannotRun`` if none runs.
    """
    record, before = read_record(data), running_state(data)
    if record is None or not before["ready"]:
        raise CannotRun(f"No livegift is ready on {data}; name its directory with --data.")
    old = _edges(before)
    os.kill(record.pid, RESTART_EDGES)
    deadline = time.monotonic() + len(old) * EDGE_RESTART_S
    while time.monotonic() < deadline:
        now = running_state(data)
        if now["ready"] and len(_edges(now)) == len(old) and not old & _edges(now):
            return True
        time.sleep(RESTART_POLL_S)
    return False


def _edges(state: dict[str, Any]) -> set[int]:
    return {process["pid"] for process in state["processes"] if process["role"] == "edge"}


def running_state(data: Path) -> dict[str, Any]:
    """Return what the server's /status says, or that none answers."""
    record = read_record(data)
    nothing: dict[str, Any] = {"ready": False, "url": None, "admin_url": None, "processes": []}
    if record is None or not is_served(data):
        return nothing
    at = urlsplit(record.admin_url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=STATUS_TIMEOUT_S)
    try:
        connection.request("GET", "/status")
        state: dict[str, Any] = orjson.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError):
        return {**nothing, "url": record.url, "admin_url": record.admin_url}
    finally:
        connection.close()
    return state
