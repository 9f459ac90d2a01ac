"""How a frame is read: fast when every type in it is known, patiently when a newer server sends something new.

Unknown fields, message types and event types are ignored, so an older client works with a newer server.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from livegift_client.events import AnyEvent, OtherEvent
from livegift_client.messages import (
    Accepted,
    AnyMessage,
    Connected,
    Error,
    Missed,
    Pong,
    Reconnect,
    Refreshed,
    RoomFrame,
    Settled,
    SnapshotPush,
    Subscribed,
    Unsubscribed,
    ViewersPush,
    WalletPush,
)

_Decoder = type[msgspec.json.Decoder[Any]] | type[msgspec.msgpack.Decoder[Any]]


class _Head(Struct):
    type: str
    events: list[Raw] = []


_TYPES = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (
        *(Connected, Subscribed, Accepted, Settled, RoomFrame, Missed, SnapshotPush, ViewersPush),
        *(Error, WalletPush, Reconnect, Refreshed, Unsubscribed, Pong),
    )
)


class _Reader:
    """Reads the frames of one codec: msgspec's ``json`` or ``msgpack``."""

    def __init__(self, decoder: _Decoder, encode: Callable[[Any], bytes]) -> None:
        self._message: Callable[[bytes], AnyMessage] = decoder(AnyMessage).decode
        self._event: Callable[[Raw], AnyEvent] = decoder(AnyEvent).decode
        self._head: Callable[[bytes], _Head] = decoder(_Head).decode
        self._sketch: Callable[[bytes | Raw], dict[str, Raw]] = decoder(dict[str, Raw]).decode
        self._int: Callable[[Raw], int] = decoder(int).decode
        self._encode = encode

    def __call__(self, frame: bytes) -> AnyMessage | None:
        try:
            return self._message(frame)
        except msgspec.ValidationError:
            head = self._head(frame)
            if head.type not in _TYPES:
                return None
            if not head.events:
                raise
            # An unknown event type is rare, so only then is the frame read a second time, event by event.
            sketch = self._sketch(frame)
            sketch["events"] = Raw(self._encode([self._known(raw) for raw in head.events]))
            return self._message(self._encode(sketch))

    def _known(self, raw: Raw) -> AnyEvent:
        try:
            return self._event(raw)
        except msgspec.ValidationError:
            offset = self._sketch(raw).get("offset")
            return OtherEvent(offset=self._int(offset) if offset is not None else 0)


decode = _Reader(msgspec.json.Decoder, msgspec.json.encode)
"""Read one JSON frame; None for a message type that this client doesn't know.

Raises ``msgspec.ValidationError`` for a known type with fields that don't fit, ``msgspec.DecodeError`` for a frame
that is no JSON.
"""
decode_msgpack = _Reader(msgspec.msgpack.Decoder, msgspec.msgpack.encode)
"""The same for a MessagePack frame."""
