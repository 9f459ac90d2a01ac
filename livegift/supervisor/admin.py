"""The admin port: /livez, /readyz, /status and /metrics of all processes, served in the supervisor's own loop.

It has no authentication and gives nothing away that needs one; keep it off the public network all the same. Only the
demo changes anything here (``plug_http.py``).
"""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from livegift.build import commit, version
from livegift.edge.problems import HANDLERS
from livegift.telemetry import ProcessCollector, ProcessReport


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process as the supervisor sees it; ``pid`` is None while it is being started again."""

    role: str
    index: int
    pid: int | None
    is_ready: bool
    starts: int
    report: ProcessReport
    is_changing: bool = False
    """An edge that leaves while another of its index serves, or is not yet in its place."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server answers."""

    url: str
    admin_url: str


States = Callable[[], Sequence[ProcessState]]


def make_app(
    addresses: Addresses, states: States, is_ready: Callable[[], bool], beside: Sequence[BaseRoute] = ()
) -> Starlette:
    """Return the admin application; ``is_ready`` answers for all processes, ``beside`` are the demo's routes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ProcessCollector(lambda: [_with_usage(state) for state in states() if not state.is_changing]))

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        waiting = [f"{state.role} {state.index}" for state in states() if not state.is_ready]
        ready = is_ready()
        return JSONResponse({"ready": ready, "waiting_for": waiting}, status_code=200 if ready else 503)

    build = {"version": version, "commit": commit()}  # read now: a later checkout is not what runs

    async def status(_: Request) -> Response:
        processes = [{"role": s.role, "pid": s.pid} for s in states() if s.pid is not None]
        return JSONResponse(
            {
                "ready": is_ready(),
                **build,
                "url": addresses.url,
                "admin_url": addresses.admin_url,
                "processes": processes,
            }
        )

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": content_type})

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/status", status),
            Route("/metrics", metrics),
            *beside,
        ],
        exception_handlers=HANDLERS,
    )


class AdminServer(uvicorn.Server):
    """uvicorn inside a loop that already has an owner: it takes no signals for itself."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to the supervisor."""
        yield


HELPS = {
    "process_ready": "1 if the process said within the last 5 s that it is ready",
    "process_restarts_total": "Starts of the process after its first",
    "process_cpu_seconds_total": "CPU time of the process, user and system",
    "process_resident_bytes": "Resident memory of the process",
}
"""What the supervisor and the kernel tell of every process."""


def _with_usage(state: ProcessState) -> ProcessReport:
    """Return the process' own report and what the supervisor and the kernel know of it."""
    known: dict[str, float] = {"process_ready": int(state.is_ready), "process_restarts_total": max(0, state.starts - 1)}
    if state.pid is not None:
        known |= _usage(state.pid)
    report = state.report
    return ProcessReport(state.role, state.index, {**report.metrics, **known}, {**report.helps, **HELPS})


def _usage(pid: int) -> dict[str, float]:
    """Return CPU time and memory of a process where the kernel tells them in /proc, else nothing."""
    try:
        # The name, in brackets, may hold anything: count fields behind it (proc(5): 14 utime, 15 stime, 24 rss).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return {}
    return {
        "process_cpu_seconds_total": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        "process_resident_bytes": int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
    }
