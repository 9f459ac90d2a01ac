"""Over how long a draining edge spreads its viewers."""

from livegift.edge.drain import spread_of


def test_the_spread_grows_with_the_viewers_up_to_its_bound() -> None:
    assert [spread_of(viewers, per_s=1_500, ms_max=10_000) for viewers in (0, 3, 1_500, 15_000, 100_000)] == [
        *(0, 2, 1_000, 10_000, 10_000)
    ]
