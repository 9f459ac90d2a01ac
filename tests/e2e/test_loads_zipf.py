"""Many rooms of unlike popularity against a real server: the hot and the cold ones are told apart."""

from typing import Any

from loadtests.report import is_clean
from loadtests.zipf import Zipf


async def test_hot_and_cold_rooms_are_timed_apart_and_all_is_exact(server: dict[str, Any]) -> None:
    run = Zipf(url=server["url"], rooms=12, viewers=40, senders=8, rate=25.0, seconds=2.0, processes=2, seed=4)
    report = await run.run()
    assert is_clean(report), report["failures"]
    assert report["settled"] == report["sent"] == 50
    figures = report["figures"]
    assert (figures["hot_rooms"], figures["cold_rooms"]) == (1, 6)
    assert (figures["gifts_to_hot_rooms"] or 0) > (figures["gifts_to_cold_rooms"] or 0) / 6 * 2
    assert report["latency_ms"]["accepted_hot"]["p99"] is not None
    assert report["latency_ms"]["seen_hot"]["p99"] is not None
