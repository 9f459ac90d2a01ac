"""What a delivery costs from 100 viewers of one room to 15,000, and with 1 to 4 edges at the same load.

Each line has a server of its own. The rhythm falls as the viewers grow, so that the machine is never full: ``rate`` is
at most 20 a second, and rate times viewers about the same everywhere. Edges share the viewers as the kernel spreads
their connections.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtests.fanout import Fanout
from tests.fault.server import Server

VIEWERS = (100, 300, 1_000, 3_000, 5_000, 10_000, 15_000)
EDGES = (1, 2, 4)
RATE_MAX = 20.0
KEPT = (
    *("viewers", "rate", "deliveries", "deliveries_per_s", "lost", "doubled", "bot_limited"),
    *("cpu_us_per_delivery", "cpu_us_per_delivery_in_hub", "cpu_us_per_event_before_hub", "cpu_us_per_gift"),
    *("cpu_us_per_delivery_total", "kb_per_connection", "latency_ms"),
)


async def run(
    folder: Path, *, deliveries_per_s: float, seconds: float, viewers: Iterable[int], edges_viewers: int
) -> dict[str, Any]:
    """Measure ``viewers`` with one edge, then ``edges_viewers`` with 1, 2 and 4."""
    by_viewers = [await _measure(folder, count, 1, deliveries_per_s, seconds) for count in viewers]
    by_edges = [await _measure(folder, edges_viewers, edges, deliveries_per_s, seconds) for edges in EDGES]
    return {"by_viewers": by_viewers, "by_edges": by_edges}


async def _measure(folder: Path, viewers: int, edges: int, deliveries_per_s: float, seconds: float) -> dict[str, Any]:
    data = Path(tempfile.mkdtemp(dir=folder)) / "data"
    server = Server(data, {}, workers=edges)
    await server.start()
    try:
        rate = max(1.0, min(RATE_MAX, round(deliveries_per_s / viewers, 1)))
        found = await Fanout(url=server.url, data=data, viewers=viewers, rate=rate, burst=1, seconds=seconds).run()
    finally:
        await server.stop()
    return {"edges": edges, **{key: found[key] for key in KEPT}}  # type: ignore[literal-required]
