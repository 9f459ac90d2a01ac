"""Frames: one encoding for each codec and feed, however many look on, in the kind of frame that the codec has."""

import dataclasses

import pytest

from livegift.hub.frames import Feed, framed
from livegift.hub.room import Room
from livegift.wire.codec import JSON, MSGPACK, Codec
from livegift.wire.folds import Fold
from livegift.wire.messages import Message, Pong, RoomClosed, Totals
from tests.hub_world import cursors

TEXT, BINARY = 0x81, 0x82
"""First byte of a frame that is a whole message, RFC 6455 section 5.2."""
LIMIT = 1_000


class Screen:
    person = "somebody"

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.frames: list[bytes] = []

    def write(self, frame: bytes) -> None:
        self.frames.append(frame)

    def offer(self, frames: bytes, unsent_bytes_max: int) -> bool:
        self.frames.append(frames)
        return True

    def unsent_bytes(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"closed with {code}: {reason}")


def counted(codec: Codec, encoded: list[str]) -> Codec:
    def encode(message: Message) -> bytes:
        encoded.append(codec.subprotocol)
        return codec.encode(message)

    return dataclasses.replace(codec, encode=encode)


@pytest.mark.parametrize(("codec", "first"), [(JSON, TEXT), (MSGPACK, BINARY)])
def test_json_goes_in_text_frames_and_messagepack_in_binary_ones(codec: Codec, first: int) -> None:
    assert framed(codec, Pong(id=1, server_time_ms=2))[0] == first


def test_events_are_encoded_once_for_each_codec_and_feed() -> None:
    encoded: list[str] = []
    codecs = [counted(codec, encoded) for codec in (JSON, MSGPACK)]
    feeds: list[Feed] = ["viewer", "creator"]
    screens = {(codec.subprotocol, feed): [Screen(codec) for _ in range(5)] for codec in codecs for feed in feeds}
    room = Room("r1", cursors.seal)
    room.epoch, room.offset = "5", 0
    for (_, feed), group in screens.items():
        for screen in group:
            room.enter(screen, feed)
    event = RoomClosed(offset=1, event_id="e1", totals=Totals(0, 0, 0))
    room.take(Fold("5", 1, Totals(0, 0, 0), [event]))
    room.begin_pass()
    assert room.write_on(viewers_max=20, buffer_bytes_max=LIMIT) == 20
    assert sorted(encoded) == [JSON.subprotocol] * 2 + [MSGPACK.subprotocol] * 2
    for group in screens.values():
        assert len({id(screen.frames[0]) for screen in group}) == 1, "the same bytes for everyone"
