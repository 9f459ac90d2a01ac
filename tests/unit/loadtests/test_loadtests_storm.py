"""What a storm adds to a report, and how its viewers keep book."""

import json
from typing import Any, cast

from loadtests.return_frames import ReturnPlan, Told, read_frame
from loadtests.returning import Party
from loadtests.schedule import Planned
from loadtests.storm import add_storm
from loadtests.tally import Gift
from tests.unit.loadtests.test_loadtests_report import report


def told(**changes: Any) -> Told:
    numbers = ("live", "back", "recovered", "holes", "doubled", "ended", "failed", "refused")
    plain: dict[str, Any] = dict.fromkeys(numbers, 0) | {"viewers": 2, "fallen": 2, "join_s": 1.0}
    plain |= {"join_ms": [], "back_ms": [], "away_ms": [], "closed": {}, "places": {}, "viewers_shown": {}}
    plain |= {"cpu_share": 0.1, "lag_p99_ms": 1.0, "is_limited": False}
    return cast(Told, plain | changes)


def gift(planned_ms: float, took_ms: float | None) -> Gift:
    planned = Planned(0, 0.0, 0, "rose", 1)
    return Gift(planned, "r", 0, planned_ms, accepted_ms=None if took_ms is None else planned_ms + took_ms)


def test_returns_are_added_up_and_gifts_are_in_the_storm_until_all_are_back() -> None:
    made = report(latency_ms={})
    crowd = [told(live=2, back=2, recovered=1, back_ms=[100.0, 400.0]), told(live=2, back=2, recovered=2, failed=3)]
    gifts = [gift(900.0, 1.0), gift(1_200.0, 30.0), gift(1_300.0, None), gift(2_000.0, 2.0)]
    add_storm(made, crowd, gifts, struck_ms=1_000.0, calm_ms=1_400.0)
    assert made["figures"] == {
        "fallen": 4,
        "back": 4,
        "recovered": 3,
        "snapshots": 1,
        "failed_attempts": 3,
        "refused_attempts": 0,
        "all_back_ms": 400.0,
        "gifts_in_storm": 1,
    }
    assert made["latency_ms"]["back_after_storm"]["max"] == 400.0
    assert made["latency_ms"]["accepted_in_storm"]["max"] == 30.0
    assert made["latency_ms"]["accepted_in_calm"]["max"] == 2.0
    assert made["failures"] == []


def test_who_never_comes_back_or_has_a_hole_fails_the_run() -> None:
    made = report(latency_ms={})
    add_storm(made, [told(live=1, back=1, holes=1)], [gift(7_000.0, 5.0)], struck_ms=1_000.0, calm_ms=None)
    assert made["figures"]["all_back_ms"] is None
    assert made["figures"]["gifts_in_storm"] == 1  # the storm never ended
    assert made["failures"] == ["1 of 2 viewers never came back"]
    assert made["out_of_order"] == 1


def frame(kind: str, epoch: str, offsets: list[int], **more: Any) -> bytes:
    events = [{"type": "gift", "offset": offset, "event_id": f"e{offset}"} for offset in offsets]
    at = {"epoch": epoch, "offset": offsets[-1] if offsets else more.pop("offset")}
    return json.dumps({"type": kind, "room": "r"} | at | more | {"events": events}, separators=(",", ":")).encode()


async def test_a_viewer_notes_holes_and_repeats() -> None:
    plan = ReturnPlan(host="h", port=1, path="/", addresses=[], people=[("t", "r")])
    party = Party(plan)
    [viewer] = party.viewers

    def take(payload: bytes) -> tuple[int, int, int]:
        viewer.take(read_frame(payload))
        return viewer.offset, viewer.holes, viewer.doubled

    assert take(frame("subscribed", "5", [], offset=7, recovered=False)) == (7, 0, 0)
    assert take(frame("room", "5", [8, 9])) == (9, 0, 0)
    assert take(frame("room", "5", [11])) == (11, 1, 0)
    assert take(frame("room", "5", [11])) == (11, 1, 1)
    assert take(frame("room", "6", [12])) == (12, 2, 1)
    assert take(frame("subscribed", "6", [13, 14], recovered=True)) == (14, 2, 1)
    assert take(frame("subscribed", "6", [], offset=20, recovered=True)) == (14, 3, 1)
