import msgspec
import pytest
from livegift_client.events import GiftEvent, OtherEvent
from livegift_client.messages import Accepted, RoomFrame
from livegift_client.reading import decode

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


def frame(*events: object, **more: object) -> bytes:
    totals = {"coins": 1, "gifts": 1, "senders": 1}
    return msgspec.json.encode(
        {"type": "room", "room": "r1", "epoch": "1", "offset": 2, "events": events, "totals": totals, **more}
    )


def test_unknown_fields_are_ignored() -> None:
    message = decode(frame({**GIFT, "sparkle": [1, {}]}, weather="fine"))
    assert isinstance(message, RoomFrame)
    assert isinstance(message.events[0], GiftEvent)


def test_an_unknown_event_type_counts_in_the_sequence_and_spares_its_neighbours() -> None:
    message = decode(frame(GIFT, {"type": "revoked", "offset": 2, "event_id": "k2", "of": "k1"}))
    assert isinstance(message, RoomFrame)
    assert isinstance(message.events[0], GiftEvent)
    assert message.events[1] == OtherEvent(offset=2)


def test_an_unknown_message_type_is_nothing() -> None:
    assert decode(b'{"type":"fireworks","size":3}') is None


def test_a_known_type_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"type":"accepted","gift_event_id":7}')


def test_an_absent_optional_field_has_its_default() -> None:
    message = decode(b'{"type":"accepted","id":3,"gift_event_id":"g","event_id":"k","balance":9}')
    assert message == Accepted(id=3, gift_event_id="g", event_id="k", balance=9, replayed=False, settled=False)
