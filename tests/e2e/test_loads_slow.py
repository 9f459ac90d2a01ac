"""Slow viewers against a real server: whoever reads again at the end has the right totals."""

from typing import Any

from loadtests.report import is_clean
from loadtests.slow import Slow


async def test_slow_and_stuck_viewers_end_on_the_right_totals(server: dict[str, Any]) -> None:
    slow = Slow(url=server["url"], viewers=8, slow=2, stuck=2, senders=4, rate=20.0, seconds=2.0, pairs=1, seed=3)
    report = await slow.run()
    assert is_clean(report), report["failures"]
    assert report["sent"] == 80
    assert report["figures"]["p99_ratio"] is not None
    assert report["latency_ms"]["seen_with_slow"]["p99"] is not None
    assert report["parameters"]["stuck"] == 2
