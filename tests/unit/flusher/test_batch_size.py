"""How large a transaction may be."""

from livegift.flusher.batch_size import BatchSize


def test_a_time_out_halves_what_was_tried_and_never_ends_at_nothing() -> None:
    size = BatchSize(events_max=8_000, timeout_ms=2_000)
    size.failed(3_000)
    assert size.events == 1_500
    for _ in range(20):
        size.failed(size.events)
    assert size.events == 1


def test_only_a_quick_commit_lets_the_next_one_grow() -> None:
    size = BatchSize(events_max=8_000, timeout_ms=2_000)
    size.failed(4_000)
    size.succeeded(501)
    assert size.events == 2_000
    size.succeeded(500)
    assert size.events == 4_000
    for _ in range(3):
        size.succeeded(1)
    assert size.events == 8_000


def test_a_book_of_any_speed_settles_on_a_size_that_never_times_out_again() -> None:
    for events_per_s in (10, 300, 2_100, 3_999, 50_000):
        size = BatchSize(events_max=128_000, timeout_ms=2_000)
        fates = []
        for _ in range(60):
            took_ms = size.events * 1_000 // events_per_s
            fates.append(took_ms <= 2_000)
            size.succeeded(took_ms) if fates[-1] else size.failed(size.events)
        assert all(fates[20:]), events_per_s
