"""What a report must name so that somebody else can judge it: versions, commit, machine, and when it began."""

import asyncio
import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

import httpx2

GIT_S = 5.0
UNKNOWN = "unknown"


class Provenance(TypedDict):
    """``version`` is the server's where it tells, else that of the livegift these bots came with; ``commit`` likewise.

    ``of_server`` says which of both it is.
    """

    version: str
    commit: str
    of_server: bool
    started_at: str


def machine() -> dict[str, object]:
    """Return what the bots run on."""
    return {
        "cores": os.cpu_count(),
        "arch": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


async def provenance(data: Path | None) -> Provenance:
    """Return what can be known; what can't is said to be unknown."""
    found = await _of_server(data) if data is not None else None
    own = found or {"version": _own_version(), "commit": await commit(Path(__file__).parent)}
    return Provenance(
        version=own["version"],
        commit=own["commit"],
        of_server=found is not None,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


async def _of_server(data: Path) -> dict[str, str] | None:
    """Ask the server's admin port; one that is older than this question says nothing."""
    try:
        record = json.loads((data / "serve.json").read_text())
        async with httpx2.AsyncClient(base_url=record["admin_url"], trust_env=False) as http:
            status = (await http.get("/status")).json()
        return {"version": status["version"], "commit": status["commit"] or UNKNOWN}
    except (OSError, ValueError, KeyError, httpx2.HTTPError):
        return None


def _own_version() -> str:
    try:
        return version("livegift")
    except PackageNotFoundError:
        return UNKNOWN


async def commit(folder: Path) -> str:
    """Return the short commit that is checked out there, with ``+`` if files differ; unknown without git."""
    head = await _git(folder, "rev-parse", "--short=10", "HEAD")
    if not head:
        return UNKNOWN
    return head + ("+" if await _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


async def _git(folder: Path, *words: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", "-C", str(folder), *words), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(GIT_S):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return out.decode(errors="replace").strip() if not process.returncode else ""
