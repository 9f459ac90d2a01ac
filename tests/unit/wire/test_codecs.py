"""The two codecs carry the same messages; the ``msgpack`` package, which is not what they are made of, is the judge."""

import json
import operator
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegift.wire.asyncapi import PUSHES
from livegift.wire.codec import JSON, MSGPACK, Codec, Unreadable
from livegift.wire.folds import parse_fold
from livegift.wire.messages import Message, Ping, RoomFrame
from livegift.wire.session import Session
from tests.unit.wire.strategies import values_of
from tests.unit.wire.test_codec_and_session import near_commands
from tests.vectors.commands import COMMANDS

messages = st.one_of([values_of(kind) for kind in PUSHES])
commands_with_a_change = st.builds(operator.or_, st.sampled_from(list(COMMANDS.values())), near_commands)
SEND = {"type": "send", "id": 3, "room": "r", "gift": "rose", "gift_event_id": "x", "price_coins": 1}


def found_by(codec: Codec, frame: bytes) -> Any:
    """Return the command, or what makes two refusals the same."""
    found = codec.decode_command(frame)
    return (found.code, found.id) if isinstance(found, Unreadable) else found


@given(messages)
def test_a_message_is_the_same_values_in_both_codecs(message: Message) -> None:
    plain = json.loads(JSON.encode(message))
    assert msgpack.unpackb(MSGPACK.encode(message), strict_map_key=True) == plain
    assert list(msgpack.unpackb(MSGPACK.encode(message))) == list(plain), "fields in another order"


@given(near_commands | commands_with_a_change)
def test_a_command_is_read_the_same_in_both_codecs_or_refused_with_the_same_code(fields: dict[str, Any]) -> None:
    assert found_by(MSGPACK, msgpack.packb(fields)) == found_by(JSON, msgspec.json.encode(fields))


@given(st.binary(max_size=300) | near_commands.map(msgpack.packb), st.data())
def test_a_broken_frame_is_a_command_or_a_typed_refusal(frame: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(frame)))
    found = MSGPACK.decode_command(frame[:place] + data.draw(st.binary(max_size=4)) + frame[place + 1 :])
    assert Session().receive(found, now_ms=0)


def test_a_folds_events_are_maps_of_messagepack_and_no_embedded_json() -> None:
    fact = {
        "event_id": "k1",
        "ts_ms": 1,
        "sender": {"id": "u", "name": "Åsa"},
        "receiver": {"id": "c", "name": "Cy"},
        "gift": {"id": "rose", "name": "Rose", "price_coins": 1, "tier": 1},
        "count": 2,
        "coins": 2,
        "points": 2,
        "message": None,
    }
    line = b"g 7 5000000000 k0 4 4 9 8 7 6 " + msgspec.json.encode(fact)
    fold = parse_fold(b"5 7 2 2 1\n" + line + b"\n")
    frame = RoomFrame(room="r", epoch=fold.epoch, offset=7, events=fold.events, totals=fold.totals)
    [event] = msgpack.unpackb(MSGPACK.encode(frame))["events"]
    assert event["sender"] == {"id": "u", "name": "Åsa", "anonymous": False, "coins_total": 5_000_000_000}
    assert event["combo"] == {"id": "k0", "total": 4, "coins_total": 4}


@pytest.mark.parametrize(
    ("frame", "code", "number"),
    [
        (b"", "bad_request", None),
        (b"\xc1", "bad_request", None),
        (b"\x93\x01\x02\x03", "bad_request", None),
        (b'{"type":"ping","id":1}', "bad_request", None),
        (msgpack.packb({"type": "ping", "id": 1})[:-1], "bad_request", None),
        (msgpack.packb({"type": "ping", "id": 1}) + b"\x00", "bad_request", None),
        (b"\xdf\xff\xff\xff\xff", "bad_request", None),
        (msgpack.packb(SEND | {"room": b"r"}), "bad_request", 3),
        (msgpack.packb(SEND).replace(b"rose", b"\xff\xfe\xfd\xfc"), "bad_request", 3),
        (msgpack.packb({"id": "x"} | SEND).replace(b"send", b"\xff\xfe\xfd\xfc"), "bad_request", None),
        (msgpack.packb({3: "an integer key"} | SEND), "bad_request", None),
        (msgpack.packb(SEND | {"type": "fly"}), "unknown_command", 3),
        (msgpack.packb(SEND | {"count": "2"}), "bad_count", 3),
        (msgpack.packb(SEND | {"gift_event_id": None}), "bad_id", 3),
    ],
)
def test_messagepack_that_is_no_command_has_the_codes_of_json(frame: bytes, code: str, number: int | None) -> None:
    assert found_by(MSGPACK, frame) == (code, number)


def test_types_that_json_does_not_have_are_ignored_where_nobody_reads_them() -> None:
    unknown = {"at": msgpack.Timestamp(1), "more": msgpack.ExtType(5, b"x"), "bytes": b"\xff"}
    assert MSGPACK.decode_command(msgpack.packb({"type": "ping", "id": 1} | unknown)) == Ping(id=1)


@pytest.mark.parametrize(
    ("codec", "frame"),
    [
        (JSON, b'{"type":"ping","id":"x","z":' + b"[" * 30_000 + b"]" * 30_000 + b"}"),
        (MSGPACK, msgpack.packb({"type": "ping", "id": "x", "z": 0})[:-1] + b"\x91" * 60_000 + b"\x00"),
    ],
    ids=["json", "msgpack"],
)
def test_lists_in_lists_behind_a_bad_field_are_a_refusal_like_any_other(codec: Codec, frame: bytes) -> None:
    assert found_by(codec, frame) == ("bad_request", None)
