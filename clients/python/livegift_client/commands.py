"""What a client sends in wire protocol v1. Every command carries a number that its reply echoes."""

import msgspec
from msgspec import UNSET, Struct, UnsetType

from livegift_client.events import FeedKind


class Since(Struct, frozen=True):
    """Where a client is: the last event it has applied; in the creator's feed also the last cursor."""

    epoch: str
    offset: int
    cursor: str | UnsetType = UNSET


class Command(Struct, tag_field="type", kw_only=True, frozen=True):
    """What every command has: a number that the reply echoes."""

    id: int


class Connect(Command, tag="connect", frozen=True):
    """First command of every connection."""

    token: str


class Subscribe(Command, tag="subscribe", frozen=True):
    """Follow a room, from ``since`` if given."""

    room: str
    since: Since | UnsetType | None = UNSET
    feed: FeedKind = "viewer"


class Unsubscribe(Command, tag="unsubscribe", frozen=True):
    """Stop following a room."""

    room: str


class Refresh(Command, tag="refresh", frozen=True):
    """Replace the connection's token by a newer one."""

    token: str


class Send(Command, tag="send", frozen=True):
    """Send ``count`` gifts; a resend repeats every field but ``id``."""

    room: str
    gift_event_id: str
    gift: str
    price_coins: int
    count: int = 1
    to: str | None = None
    message: str | None = None
    anonymous: bool = False


encode_json = msgspec.json.Encoder().encode
encode_msgpack = msgspec.msgpack.Encoder().encode
