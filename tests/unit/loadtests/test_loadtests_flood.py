"""What a flood adds to a report."""

from types import SimpleNamespace
from typing import Any

from loadtests.flood import Meter, add_flood
from tests.unit.loadtests.test_loadtests_report import report


def meter(frames: int, size: int) -> Meter:
    bot: Any = SimpleNamespace(frames=7, bytes=1_000)
    measured = Meter(bot, 10.0)
    bot.frames, bot.bytes = 7 + frames, 1_000 + size
    measured.stop(12.0)
    return measured


def test_the_busiest_viewer_counts_from_when_it_was_metered() -> None:
    told = report()
    add_flood(told, [meter(50, 8_000), meter(40, 9_000)], frames_max=25, bytes_max=4_500)
    assert told["figures"] == {"viewer_frames_per_s": 25.0, "viewer_bytes_per_s": 4_500}
    assert told["failures"] == []


def test_beyond_a_bound_the_run_fails() -> None:
    told = report(failures=[])
    add_flood(told, [meter(51, 8_000)], frames_max=25, bytes_max=3_999)
    assert told["failures"] == [
        "a viewer got 25.5 frames a second, the bound is 25",
        "a viewer got 4000 bytes a second, the bound is 3999",
    ]
