"""Frame boundaries, against frames that websockets itself has made."""

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from livegift.edge.framing import HEADER_BYTES_MAX, whole_frames

LIMIT = 65_536
sizes = st.one_of(st.integers(0, 130), st.sampled_from([125, 126, 127, 65_535, 65_536]))


def frame(size: int, *, mask: bool = True) -> bytes:
    return bytes(Frame(Opcode.TEXT, b"x" * size).serialize(mask=mask))


@given(st.lists(sizes, max_size=4), st.data())
def test_any_prefix_ends_at_the_last_whole_frame(payloads: list[int], data: st.DataObject) -> None:
    frames = [frame(size) for size in payloads]
    stream = b"".join(frames)
    cut = data.draw(st.integers(0, len(stream)))
    expected, end = 0, 0
    for one in frames:
        end += len(one)
        if end <= cut:
            expected = end
    assert whole_frames(stream[:cut], payload_bytes_max=LIMIT) == expected


def test_a_header_that_announces_too_much_counts_as_whole_at_once() -> None:
    header = frame(LIMIT + 1)[:HEADER_BYTES_MAX]
    assert whole_frames(header, payload_bytes_max=LIMIT) == len(header)
    assert whole_frames(frame(3) + header, payload_bytes_max=LIMIT) == len(frame(3)) + len(header)


def test_an_unmasked_frame_has_a_shorter_header() -> None:
    assert whole_frames(frame(5, mask=False), payload_bytes_max=LIMIT) == 7
