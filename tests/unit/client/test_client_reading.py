"""Reading is the same in both codecs: what a newer server adds is ignored, what doesn't fit is an error."""

import json

import msgpack
import msgspec
import pytest
from livegift_client.codec import CODECS, Codec
from livegift_client.commands import Send
from livegift_client.events import GiftEvent, OtherEvent
from livegift_client.messages import Accepted, AnyMessage, RoomFrame

GIFT = {
    "type": "gift",
    "offset": 1,
    "event_id": "k1",
    "ts_ms": 1,
    "sender": {"id": "u", "name": "Ada", "anonymous": False, "coins_total": 1},
    "receiver": {"id": "c", "name": "Cy"},
    "gift": {"id": "rose", "name": "Rose", "price_coins": 1, "tier": 1},
    "count": 1,
    "coins": 1,
    "points": 1,
    "combo": None,
    "message": None,
    "test": False,
}


@pytest.fixture(params=list(CODECS.values()), ids=list(CODECS))
def codec(request: pytest.FixtureRequest) -> Codec:
    return request.param


def decode(codec: Codec, message: object) -> AnyMessage | None:
    return codec.decode(json.dumps(message).encode() if codec.is_text else msgpack.packb(message))


def frame(*events: object, **more: object) -> dict[str, object]:
    totals = {"coins": 1, "gifts": 1, "senders": 1}
    return {"type": "room", "room": "r1", "epoch": "1", "offset": 2, "events": events, "totals": totals, **more}


def test_unknown_fields_are_ignored(codec: Codec) -> None:
    message = decode(codec, frame({**GIFT, "sparkle": [1, {}]}, weather="fine"))
    assert isinstance(message, RoomFrame)
    assert isinstance(message.events[0], GiftEvent)


def test_an_unknown_event_type_counts_in_the_sequence_and_spares_its_neighbours(codec: Codec) -> None:
    message = decode(codec, frame(GIFT, {"type": "revoked", "offset": 2, "event_id": "k2", "of": "k1"}))
    assert isinstance(message, RoomFrame)
    assert isinstance(message.events[0], GiftEvent)
    assert message.events[1] == OtherEvent(offset=2)


def test_an_unknown_message_type_is_nothing(codec: Codec) -> None:
    assert decode(codec, {"type": "fireworks", "size": 3}) is None


def test_a_known_type_that_does_not_fit_is_an_error(codec: Codec) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(codec, {"type": "accepted", "gift_event_id": 7})


def test_a_frame_of_the_other_codec_is_an_error(codec: Codec) -> None:
    with pytest.raises(msgspec.DecodeError):
        codec.decode(msgpack.packb({"type": "pong"}) if codec.is_text else b'{"type":"pong"}')


def test_an_absent_optional_field_has_its_default(codec: Codec) -> None:
    message = decode(codec, {"type": "accepted", "id": 3, "gift_event_id": "g", "event_id": "k", "balance": 9})
    assert message == Accepted(id=3, gift_event_id="g", event_id="k", balance=9, replayed=False, settled=False)


def test_a_command_is_a_map_of_its_fields_with_its_type(codec: Codec) -> None:
    written = codec.encode(Send(id=1, room="r1", gift_event_id="g", gift="rose", price_coins=2**40, message="für dich"))
    assert (json.loads(written) if codec.is_text else msgpack.unpackb(written)) == {
        "type": "send",
        "id": 1,
        "room": "r1",
        "gift_event_id": "g",
        "gift": "rose",
        "price_coins": 2**40,
        "count": 1,
        "to": None,
        "message": "für dich",
        "anonymous": False,
    }
