"""What a big room's fan-out does to the gifts of another: `steady` alone, then beside `fanout`, in turn.

``nice`` gives priorities of the edges to compare, since flusher and Valkey share the machine with them: were they kept
from their work, `settled` less `accepted` would grow with the fan-out and shrink as the edges step back.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtests.usage import Processes
from tests.fault.server import Server

EDGES = 2
STEADY = ("--viewers", "100", "--senders", "50", "--rate", "100", "--seconds", "15")
FANOUT_SECONDS = "10"


async def run(
    folder: Path, *, viewers: int, rate: float, burst: int, nice: Iterable[int], rounds: int
) -> dict[str, Any]:
    """Measure gifts alone once, then ``rounds`` times beside the fan-out at each niceness of the edges."""
    fanout = ("--viewers", str(viewers), "--rate", str(rate), "--burst", str(burst), "--seconds", FANOUT_SECONDS)
    return {
        "alone": await _measure(folder, 0, None),
        "beside": [await _measure(folder, one, fanout) for _ in range(rounds) for one in nice],
    }


async def _measure(folder: Path, nice: int, fanout: tuple[str, ...] | None) -> dict[str, Any]:
    data = Path(tempfile.mkdtemp(dir=folder)) / "data"
    server = Server(data, {}, workers=EDGES)
    await server.start()
    try:
        for pid in (await Processes.of(data)).of_role("edge"):
            os.setpriority(os.PRIO_PROCESS, pid, nice)
        loads = [_load("steady", "--url", server.url, "--data", str(data), *STEADY)]
        if fanout is not None:
            loads.append(_load("fanout", "--url", server.url, *fanout))
        steady, *others = await asyncio.gather(*loads)
    finally:
        await server.stop()
    found = {"nice": nice, "lost": steady["lost"], "bot_limited": steady["bot_limited"], "gifts": steady["latency_ms"]}
    beside = [{key: one[key] for key in ("deliveries_per_s", "latency_ms", "bot_limited")} for one in others]
    return found | {"fanout": beside[0] if beside else None}


async def _load(*words: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests", *words, "--json"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    out, _ = await process.communicate()
    report: dict[str, Any] = json.loads(out)
    return report
