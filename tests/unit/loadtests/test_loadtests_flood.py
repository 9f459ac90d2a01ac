"""What a flood adds to a report."""

from loadtests.flood import add_flood
from tests.unit.loadtests.test_loadtests_following import told
from tests.unit.loadtests.test_loadtests_report import report


def test_the_busiest_viewer_of_all_processes_counts() -> None:
    found = report()
    add_flood(
        found,
        [told(frames_per_s=25.04, bytes_per_s=4_000.0), told(frames_per_s=20.0, bytes_per_s=4_500.4)],
        frames_max=26,
        bytes_max=4_501,
    )
    figures = found["figures"]
    assert (figures["viewer_frames_per_s"], figures["viewer_bytes_per_s"]) == (25.0, 4_500)
    assert found["failures"] == []


def test_beyond_a_bound_the_run_fails() -> None:
    found = report(failures=[])
    add_flood(found, [told(frames_per_s=25.5, bytes_per_s=4_000.0)], frames_max=25, bytes_max=3_999)
    assert found["failures"] == [
        "a viewer got 25.5 frames a second, the bound is 25",
        "a viewer got 4000 bytes a second, the bound is 3999",
    ]
