from typing import Any

import pytest

from loadtests.people import FRAMES_MAX, FrameCache
from loadtests.report import Report, is_clean

NO_LATENCY: dict[str, float | None] = {"p50": None, "p99": None, "p999": None, "max": None}


def report(**more: Any) -> Report:
    clean = Report(
        scenario="steady",
        parameters={"viewers": 1},
        version="0.1.0",
        commit="0123456789",
        of_server=True,
        started_at="2026-01-01T00:00:00+00:00",
        sent=1,
        accepted=1,
        settled=1,
        shown=1,
        seen=1,
        lost=0,
        doubled=0,
        out_of_order=0,
        combos_open=0,
        drift=0,
        audited=None,
        latency_ms={"accepted": NO_LATENCY, "settled": NO_LATENCY, "seen": NO_LATENCY},
        bot_limited=False,
        planned=1,
        refused=0,
        late=0,
        reconnects=0,
        seed=1,
        deliveries=1,
        deliveries_per_s=1.0,
        cpu_us_per_delivery=None,
        cpu_us_per_delivery_total=None,
        kb_per_connection=None,
        machine={},
        failures=[],
        notes=[],
        over_time={},
        server_over_time={},
        figures={},
        marks={},
    )
    return {**clean, **more}  # type: ignore[typeddict-item]


def test_a_clean_report_passes_audited_or_not() -> None:
    assert is_clean(report())
    assert is_clean(report(drift=None))


@pytest.mark.parametrize("name", ["lost", "doubled", "out_of_order", "combos_open", "drift"])
def test_any_of_what_must_be_zero_fails_the_run(name: str) -> None:
    assert not is_clean(report(**{name: 1}))
    assert not is_clean(report(drift=-1))


def test_a_failure_in_words_fails_the_run() -> None:
    assert not is_clean(report(failures=["nothing settled"]))


def test_slow_bots_refusals_and_reconnects_fail_nothing() -> None:
    assert is_clean(report(bot_limited=True, refused=3, late=9, reconnects=70, notes=["slower than before"]))


def test_a_room_frame_is_read_once_for_all_viewers_and_the_cache_is_bounded() -> None:
    cache = FrameCache()

    def frame(number: int) -> bytes:
        return b'{"type":"room","room":"r","epoch":"1","offset":%d,"events":[],"totals":null}' % number

    first = cache.decode(frame(0))
    assert cache.decode(frame(0)) is first
    for number in range(FRAMES_MAX):
        cache.decode(frame(number + 1))
    assert cache.decode(frame(0)) is not first
