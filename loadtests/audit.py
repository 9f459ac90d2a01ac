"""The server's own audit, run as a program of its own: a load test judges the books by what a stranger can run."""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT_S = 120.0
CANNOT_RUN = 2
TRIES = 20
"""A second apart, while the audit can't run: the server may just be restarting."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What the audit said; ``drift`` is in coins, None if there was no audit, and ``failures`` are sentences."""

    drift: int | None
    rows: int = 0
    wallets: int = 0
    failures: list[str] = field(default_factory=list)


async def audit(data: Path) -> Audited:
    """Audit the books of a server by its data directory."""
    for _ in range(TRIES):
        code, out, err = await _run("-m", "livegift.cli", "audit", "--json", "--data", str(data))
        if code != CANNOT_RUN:
            break
        await asyncio.sleep(1)
    try:
        answer = json.loads(out)
        drift, rows, wallets = (int(answer[name]) for name in ("drift", "rows", "wallets"))
        failures = [f"audit: {finding}" for finding in answer.get("findings", [])]
    except (ValueError, KeyError, TypeError):
        last = err.decode(errors="replace").strip().splitlines()[-1:] or ["it printed no report"]
        return Audited(None, failures=[f"the audit ended with {code}: {last[0]}"])
    if code and not failures and not drift:
        failures = [f"the audit ended with {code}"]
    return Audited(drift, rows, wallets, failures)


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
