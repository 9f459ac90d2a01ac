"""A small flood against a real server: frames stay near the ticks, and every total is exact."""

from typing import Any

from loadtests.flood import Flood
from loadtests.report import is_clean


async def test_a_viewer_gets_few_frames_and_exact_totals(server: dict[str, Any]) -> None:
    flood = Flood(
        url=server["url"], viewers=4, senders=16, rate=80.0, seconds=2.0, frames_max=60.0, bytes_max=200_000.0, seed=5
    )
    report = await flood.run()
    assert is_clean(report), report["failures"]
    assert report["settled"] == report["sent"] == 160
    assert 0 < (report["figures"]["viewer_frames_per_s"] or 0) < 60
    assert (report["figures"]["viewer_bytes_per_s"] or 0) > 0
