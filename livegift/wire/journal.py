"""What a journal entry carries of each event, packed by the edge or the inbox and read by the flusher. Pure.

``gift.lua`` and ``apply.lua`` pass these bytes through; what they computed stands beside them in the entry's
field name: ``g <seq> <balance> <earned>`` for a gift, ``a <seq> <number> <outcome> <balance>`` for an inbox entry.
"""

import msgspec
from msgspec import Struct


class GiftEntry(Struct, frozen=True, array_like=True):
    """A gift as it was sent. ``id`` is 32 hex digits; names are for the room only, the book joins them itself."""

    id: str
    digest: str
    sender_id: str
    sender_name: str
    receiver_id: str
    receiver_name: str
    room_id: str
    gift_id: str
    gift_name: str
    tier: int
    streakable: bool
    catalogue_version: int
    rate_version: int
    price_coins: int
    count: int
    coins: int
    anonymous: bool
    message: str | None


class MovementEntry(Struct, frozen=True, array_like=True):
    """An inbox entry: whose wallet, why, and how many coins (signed for an adjustment)."""

    user_id: str
    kind: str
    coins: int


_encoder = msgspec.msgpack.Encoder()
_gift = msgspec.msgpack.Decoder(GiftEntry)
_movement = msgspec.msgpack.Decoder(MovementEntry)


def pack(entry: GiftEntry | MovementEntry) -> bytes:
    """Return the payload of one event."""
    return _encoder.encode(entry)


def unpack_gift(payload: bytes) -> GiftEntry:
    """Read a gift's payload; raises ``msgspec.MsgspecError`` on bytes we did not write."""
    return _gift.decode(payload)


def unpack_movement(payload: bytes) -> MovementEntry:
    """Read an inbox entry's payload; raises ``msgspec.MsgspecError`` on bytes we did not write."""
    return _movement.decode(payload)
