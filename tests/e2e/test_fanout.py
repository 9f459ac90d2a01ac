"""The fan-out scenario against a real server: every event reaches every viewer once, and the figures are there."""

from typing import Any

from loadtests.fanout import Fanout


async def test_a_small_crowd_sees_everything_once(server: dict[str, Any]) -> None:
    run = Fanout(url=server["url"], data=server["data"], viewers=30, rate=10.0, burst=4, seconds=1.0)
    report = await run.run()
    assert (report["sent"], report["lost"], report["doubled"]) == (40, 0, 0)
    assert report["deliveries"] == 40 * 30
    assert report["machine"]["viewers_closed"] == 0
    assert report["cpu_us_per_delivery_total"] is not None
    assert report["latency_ms"]["seen"]["p99"] is not None
