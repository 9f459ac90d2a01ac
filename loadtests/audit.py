"""The server's own audit, run as a program of its own: a load test judges the books by what a stranger can run."""

import asyncio
import json
import sys
from pathlib import Path

AUDIT_TIMEOUT_S = 120.0


async def audit(data: Path) -> tuple[int | None, list[str]]:
    """Return the drift in coins, None if the audit could not be had, and what is wrong in sentences."""
    words = ("-m", "livegift.cli", "audit", "--json", "--data", str(data))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(AUDIT_TIMEOUT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None, [f"the audit took longer than {AUDIT_TIMEOUT_S:.0f} s"]
    try:
        answer = json.loads(out)
        drift, findings = int(answer["drift"]), [f"audit: {finding}" for finding in answer.get("findings", [])]
    except (ValueError, KeyError, TypeError):
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["it printed no report"]
        return None, [f"the audit ended with {process.returncode}: {last[0]}"]
    if process.returncode and not findings and not drift:
        findings = [f"the audit ended with {process.returncode}"]
    return drift, findings
