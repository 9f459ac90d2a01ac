"""The storm against a real server: everybody is back, with all that they missed and nothing twice."""

from typing import Any

from loadtests.report import is_clean
from loadtests.storm import Storm


async def test_all_come_back_and_nothing_is_lost_or_doubled(server: dict[str, Any]) -> None:
    storm = Storm(url=server["url"], rooms=2, viewers=40, senders=4, rate=20.0, seconds=2.0, seed=7)
    report = await storm.run()
    assert is_clean(report), report["failures"]
    figures = report["figures"]
    assert (figures["fallen"], figures["back"], figures["recovered"]) == (40, 40, 40)
    assert figures["all_back_ms"] is not None
    assert report["reconnects"] == 0  # senders keep their connections
    assert report["latency_ms"]["accepted_in_calm"]["p99"] is not None
    assert list(report["marks"]) == ["storm"]
    assert (report["scenario"], report["parameters"]["viewers"]) == ("storm", 40)
