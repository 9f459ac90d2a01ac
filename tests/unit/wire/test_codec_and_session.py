"""Codec and session: every frame has exactly one typed answer, whatever its bytes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegift.wire.codec import JSON, Unreadable
from livegift.wire.codes import REFUSALS
from livegift.wire.messages import AnyCommand, Connect, Error, Message, Ping, Send
from livegift.wire.session import ABUSE_FRAMES, ABUSE_MS, Authenticate, Close, Perform, Reply, Session

integers = st.integers(-(2**63), 2**64 - 1)  # what both codecs can carry
json_values = st.recursive(
    st.none() | st.booleans() | integers | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
near_commands = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["connect", "send", "ping", "subscribe", "dance"]) | json_values,
        "id": integers | json_values,
        "room": st.text(max_size=70) | json_values,
        "gift": st.text(max_size=70),
        "gift_event_id": st.text(max_size=40) | json_values,
        "price_coins": integers | json_values,
        "count": integers | st.floats() | json_values,
        "token": st.text(max_size=20) | json_values,
    },
)


def decode(value: object) -> AnyCommand | Unreadable:
    return JSON.decode_command(msgspec.json.encode(value))


@given(st.binary(max_size=300) | near_commands.map(msgspec.json.encode) | json_values.map(msgspec.json.encode))
def test_any_bytes_are_a_command_or_a_typed_refusal(frame: bytes) -> None:
    found = JSON.decode_command(frame)
    if isinstance(found, Unreadable):
        assert found.code in REFUSALS
        assert found.id is None or isinstance(found.id, int)
    assert Session().receive(found, now_ms=0)


@pytest.mark.parametrize(
    ("value", "code", "number"),
    [
        ({"type": "ping"}, "bad_request", None),
        ({"type": "ping", "id": 2**53}, "bad_request", None),
        ({"type": "ping", "id": 10**30}, "bad_request", None),
        ({"type": "fly", "id": 3}, "unknown_command", 3),
        ({"id": 3}, "bad_request", 3),
        ({"type": "send", "id": 3, "room": "r", "gift": "g", "gift_event_id": "x", "price_coins": 1, "count": 1.5},
         "bad_count", 3),
        ({"type": "send", "id": 3, "room": "r", "gift": "g", "gift_event_id": 5, "price_coins": 1}, "bad_id", 3),
    ],
)  # fmt: skip
def test_a_wrong_field_has_its_own_code(value: object, code: str, number: int | None) -> None:
    found = decode(value)
    assert isinstance(found, Unreadable)
    assert (found.code, found.id) == (code, number)


def test_unknown_fields_are_ignored() -> None:
    assert decode({"type": "ping", "id": 1, "colour": "blue"}) == Ping(id=1)


def test_a_send_has_its_defaults() -> None:
    found = decode({"type": "send", "id": 1, "room": "r", "gift_event_id": "x", "gift": "rose", "price_coins": 1})
    assert isinstance(found, Send)
    assert (found.count, found.to, found.message, found.anonymous) == (1, None, None, False)


def codes(effects: list[object]) -> list[str | int]:
    found: list[str | int] = []
    for effect in effects:
        if isinstance(effect, Close):
            found.append(effect.code)
        else:
            assert isinstance(effect, Reply)
            message: Message = effect.message
            assert isinstance(message, Error)
            found.append(message.error.code)
    return found


def test_the_first_command_must_be_connect() -> None:
    session, connect = Session(), Connect(id=1, token="t")
    assert codes(list(session.receive(Ping(id=0), now_ms=0))) == ["not_connected"]
    assert session.receive(connect, now_ms=0) == [Authenticate(connect)]
    assert session.receive(Ping(id=2), now_ms=0) == [Perform(Ping(id=2))]
    assert session.refusal_of(Ping(id=1)) == "not_connected"
    assert codes(list(session.receive(connect, now_ms=0))) == ["bad_request"]
    session.authenticated()
    assert session.refusal_of(Ping(id=1)) is None
    assert session.receive(Ping(id=3), now_ms=0) == [Perform(Ping(id=3))]
    assert codes(list(session.receive(connect, now_ms=0))) == ["bad_request"]


def test_a_bad_token_is_told_and_closed() -> None:
    session, connect = Session(), Connect(id=1, token="t")
    session.receive(connect, now_ms=0)
    assert codes(list(session.refused(connect, "token_expired"))) == ["token_expired", 4401]


def test_ten_unreadable_frames_within_ten_seconds_close_and_slower_ones_do_not() -> None:
    bad = Unreadable("bad_request", None, "")
    session = Session()
    for _ in range(ABUSE_FRAMES - 1):
        assert codes(list(session.receive(bad, now_ms=0))) == ["bad_request"]
    assert codes(list(session.receive(bad, now_ms=ABUSE_MS))) == ["bad_request", 4400]
    patient = Session()
    for turn in range(50):
        assert codes(list(patient.receive(bad, now_ms=turn * ABUSE_MS // 5))) == ["bad_request"]
