"""Popularity, and what is told apart by it."""

from collections import Counter

from loadtests.schedule import Planned, plan, zipf
from loadtests.tally import Gift
from loadtests.zipf import add_zipf, groups
from tests.unit.loadtests.test_loadtests_report import report


def test_the_first_hundredth_is_hot_and_the_rear_half_is_cold() -> None:
    assert groups(1_000) == {"hot": range(10), "cold": range(500, 1_000)}
    assert groups(2) == {"hot": range(1), "cold": range(1, 2)}


def test_gifts_choose_rooms_by_their_popularity() -> None:
    sends = plan(seed=1, rate=200, seconds=50, senders=20, coins_each=100_000, popularity=zipf(100))
    count = Counter(send.room for send in sends)
    hottest = count.most_common(1)[0][0]
    assert hottest == 0
    share = count[0] / len(sends)
    assert 0.15 < share < 0.24  # 1 / (1 + 1/2 + … + 1/100) = 0.193
    assert len(count) > 80


def test_accepted_gifts_are_timed_by_the_room_they_went_to() -> None:
    told = report(latency_ms={})
    gifts = [
        Gift(Planned(0, 0.0, 0, "rose", 1), room, 0, planned_ms=100.0, accepted_ms=accepted_ms)
        for room, accepted_ms in (("a", 110.0), ("c", 500.0), ("c", None), ("b", 900.0))
    ]
    add_zipf(told, gifts, ["a", "b", "c"], {"hot": range(1), "cold": range(2, 3)})
    assert told["latency_ms"]["accepted_hot"]["max"] == 10.0
    assert told["latency_ms"]["accepted_cold"]["max"] == 400.0
    assert told["figures"] == {"hot_rooms": 1, "gifts_to_hot_rooms": 1, "cold_rooms": 1, "gifts_to_cold_rooms": 2}
