"""What cheap viewers count, however the bytes are cut."""

import pytest

from loadtests.crowd import text_frame
from loadtests.fanout import count_up
from loadtests.watching import Counted, Tally, read_frames

EVENT = b'{"event_id":"e","message":"t=00000000000000000012"}'


def frame(payload: bytes) -> bytes:
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return b"\x81" + size + payload


@pytest.mark.parametrize("cut", range(200))
def test_frames_cut_anywhere_are_counted_once(cut: int) -> None:
    data = frame(EVENT) + b"\x89\x00" + frame(EVENT + b"," + EVENT + b" " * 100)
    first = read_frames(data[:cut])
    second = read_frames(first.rest + data[cut:])
    assert (first.events + second.events, first.pings + second.pings, second.rest) == (3, 1, b"")
    assert first.planned_ns + second.planned_ns == (12, 12, 12)


def test_the_same_bytes_are_read_once() -> None:
    tally = Tally()
    assert tally.read(frame(EVENT)) is tally.known[frame(EVENT)]


def test_a_clients_frame_is_masked_with_zeros() -> None:
    assert text_frame("hi") == b"\x81\x82\0\0\0\0hi"
    assert text_frame("x" * 300) == b"\x81\xfe\x01\x2c\0\0\0\0" + b"x" * 300


def test_processes_are_added_up() -> None:
    one = Counted(
        viewers=2,
        events=10,
        reads=5,
        bytes=1_000,
        closed=0,
        times_ns=[2_000_000],
        cpu_share=0.1,
        lag_p99_ms=1.0,
        is_limited=False,
        over_time={"at_s": [0.5], "seen": [20.0]},
    )
    report = count_up([one, {**one, "is_limited": True}], seconds=2.0)
    assert (report["viewers"], report["deliveries"], report["deliveries_per_s"]) == (4, 20, 10.0)
    assert (report["events_per_read"], report["bytes_per_event"], report["bot_limited"]) == (2.0, 100.0, True)
    assert report["latency_ms"]["seen"]["max"] == 2.0
    assert report["over_time"] == {"at_s": [0.5], "seen": [40.0]}
