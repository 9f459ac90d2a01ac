"""What a storm adds to a report."""

from typing import cast

from loadtests.people import Bot, Join
from loadtests.schedule import Planned
from loadtests.storm import add_storm
from loadtests.tally import Gift
from tests.unit.loadtests.test_loadtests_report import report


class Fallen:
    """A bot of which only its joins matter."""

    def __init__(self, *joins: Join) -> None:
        self.joins = list(joins)

    first_join_after = Bot.first_join_after


def fallen(*joins: Join) -> Bot:
    return cast(Bot, Fallen(Join(1.0, is_recovered=False), *joins))


def gift(planned_ms: float, took_ms: float | None) -> Gift:
    planned = Planned(0, 0.0, 0, "rose", 1)
    return Gift(planned, "r", 0, planned_ms, accepted_ms=None if took_ms is None else planned_ms + took_ms)


def test_the_first_return_after_the_storm_counts() -> None:
    told = report(latency_ms={})
    back = [
        fallen(Join(1_100.0, is_recovered=True), Join(9_000.0, is_recovered=False)),
        fallen(Join(1_400.0, is_recovered=False)),
    ]
    gifts = [gift(900.0, 1.0), gift(1_200.0, 30.0), gift(1_300.0, None), gift(2_000.0, 2.0)]
    add_storm(told, back, gifts, struck_ms=1_000.0)
    assert told["figures"] == {
        "fallen": 2,
        "back": 2,
        "recovered": 1,
        "snapshots": 1,
        "all_back_ms": 400.0,
        "gifts_in_storm": 1,
    }
    assert told["latency_ms"]["accepted_in_storm"]["max"] == 30.0
    assert told["latency_ms"]["accepted_in_calm"]["max"] == 2.0
    assert told["failures"] == []


def test_who_never_comes_back_fails_the_run() -> None:
    told = report(latency_ms={})
    add_storm(told, [fallen(), fallen(Join(1_400.0, is_recovered=True))], [gift(7_000.0, 5.0)], struck_ms=1_000.0)
    assert told["figures"]["all_back_ms"] is None
    assert told["figures"]["gifts_in_storm"] == 1  # the storm never ended
    assert told["failures"] == ["1 of 2 viewers never came back from the storm"]
