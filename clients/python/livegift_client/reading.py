"""How a frame is read: fast when every type in it is known, patiently when a newer server sends something new.

Unknown fields, message types and event types are ignored, so an older client works with a newer server.
"""

from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from livegift_client.events import AnyEvent, OtherEvent
from livegift_client.messages import (
    Accepted,
    AnyMessage,
    Connected,
    Error,
    Pong,
    Reconnect,
    Refreshed,
    RoomFrame,
    Settled,
    SnapshotPush,
    Subscribed,
    Unsubscribed,
    WalletPush,
)


class _Head(Struct):
    type: str
    events: list[Raw] = []


_decode_message: Callable[[bytes], AnyMessage] = msgspec.json.Decoder(AnyMessage).decode
_decode_event: Callable[[Raw], AnyEvent] = msgspec.json.Decoder(AnyEvent).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_sketch = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_int = msgspec.json.Decoder(int).decode


def decode(frame: bytes) -> AnyMessage | None:
    """Read one frame; None for a message type that this client doesn't know.

    Raises ``msgspec.ValidationError`` for a known type with fields that don't fit, ``msgspec.DecodeError`` for a
    frame that is no JSON.
    """
    try:
        return _decode_message(frame)
    except msgspec.ValidationError:
        head = _decode_head(frame)
        if head.type not in _TYPES:
            return None
        if not head.events:
            raise
        # An unknown event type is rare, so only then is the frame read a second time, event by event.
        sketch = _decode_sketch(frame)
        sketch["events"] = Raw(msgspec.json.encode([_known(raw) for raw in head.events]))
        return _decode_message(msgspec.json.encode(sketch))


_TYPES = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (
        *(Connected, Subscribed, Accepted, Settled, RoomFrame, SnapshotPush),
        *(Error, WalletPush, Reconnect, Refreshed, Unsubscribed, Pong),
    )
)


def _known(raw: Raw) -> AnyEvent:
    try:
        return _decode_event(raw)
    except msgspec.ValidationError:
        return OtherEvent(offset=_decode_int(_decode_sketch(raw)["offset"]))
