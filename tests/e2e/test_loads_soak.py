"""A very short soak against a real server, with viewers in two processes: every process of the server is looked at."""

from typing import Any

from loadtests.report import is_clean
from loadtests.soak import Soak


async def test_every_process_is_looked_at_and_viewers_elsewhere_see_all(server: dict[str, Any]) -> None:
    run = Soak(
        url=server["url"],
        data=server["data"],
        rooms=2,
        viewers=24,
        senders=4,
        rate=15.0,
        seconds=3.0,
        growth_mb_per_hour=32.0,
        processes=2,
        seed=6,
    )
    report = await run.run()
    assert is_clean(report), report["failures"]
    assert report["settled"] == report["sent"] == 45
    assert report["seen"] == 45 * 11  # half of the viewers are in the gift's room, one of them sent it
    curves = report["server_over_time"]
    assert len(set(map(len, curves.values()))) == 1
    assert {"edge 1 rss_mb", "edge 2 descriptors", "flusher cpu_percent", "valkey rss_mb"} <= curves.keys()
    assert {"edge_1_rss_mb_per_hour", "flusher_descriptors_per_hour"} <= report["figures"].keys()
    assert report["cpu_us_per_delivery"] is not None
    assert report["machine"]["followers_lag_p99_ms"]
