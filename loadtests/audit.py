"""The server's own audit, run as a program of its own: a load test judges the books by what a stranger can run."""

import asyncio
import json
import sys
from pathlib import Path

TIMEOUT_S = 120.0
CANNOT_RUN = 2
TRIES = 20
"""A second apart, while the audit can't run: the server may just be restarting."""


async def audit(data: Path) -> tuple[int | None, list[str]]:
    """Return the drift in coins, None if the audit could not be had, and what is wrong in sentences."""
    for _ in range(TRIES):
        code, out, err = await _run("-m", "livegift.cli", "audit", "--json", "--data", str(data))
        if code != CANNOT_RUN:
            break
        await asyncio.sleep(1)
    try:
        answer = json.loads(out)
        drift, findings = int(answer["drift"]), [f"audit: {finding}" for finding in answer.get("findings", [])]
    except (ValueError, KeyError, TypeError):
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["it printed no report"]
        return None, [f"the audit ended with {code}: {last[0]}"]
    if code and not findings and not drift:
        findings = [f"the audit ended with {code}"]
    return drift, findings


async def _run(*words: str) -> tuple[int | None, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None, b"", f"it took longer than {TIMEOUT_S:.0f} s".encode()
    return process.returncode, out, err
