"""The two ways to carry wire protocol v1: JSON in text frames, MessagePack in binary ones. Same messages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from livegift_client.commands import Command, encode_json, encode_msgpack
from livegift_client.messages import AnyMessage
from livegift_client.reading import decode, decode_msgpack

CodecName = Literal["json", "msgpack"]


@dataclass(frozen=True, slots=True)
class Codec:
    """One subprotocol. ``decode`` returns None for a message type that this client doesn't know."""

    subprotocol: str
    is_text: bool
    encode: Callable[[Command], bytes]
    decode: Callable[[bytes], AnyMessage | None]


CODECS: dict[CodecName, Codec] = {
    "json": Codec("livegift.v1.json", True, encode_json, decode),
    "msgpack": Codec("livegift.v1.msgpack", False, encode_msgpack, decode_msgpack),
}
