"""Frames to commands and messages to frames, for each subprotocol. Pure; every msgspec call on messages is here.

Both carry the same messages, made of the same structs: JSON in text frames, MessagePack in binary ones. A frame that
can't be read is an answer too: ``Unreadable`` carries the code, and the command's id where a second, lenient look
finds one; the codes don't depend on the codec. A further codec is one more entry in ``CODECS``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from livegift.wire.messages import AnyCommand, CommandId, Message


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that is no command. ``id`` is None if it could not be read either."""

    code: str
    id: int | None
    detail: str


class _Envelope(msgspec.Struct):
    id: CommandId | None = None
    type: str = ""


class _Typed(msgspec.Struct):
    type: str = ""


KNOWN: Final = frozenset(struct.__struct_config__.tag for struct in AnyCommand.__args__)
_FIELD_CODES: Final = {"$.count": "bad_count", "$.gift_event_id": "bad_id"}
# The lenient look goes through fields that the first one did not reach, and they may be as bad: text that is not
# UTF-8 (JSON frames were checked before), or lists in lists in lists.
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_Decoder = type[msgspec.json.Decoder[Any]] | type[msgspec.msgpack.Decoder[Any]]


@dataclass(frozen=True, slots=True)
class Codec:
    """One subprotocol."""

    subprotocol: str
    is_text: bool
    encode: Callable[[Message], bytes]
    decode_command: Callable[[bytes], AnyCommand | Unreadable]


class _Reader:
    """Reads commands of one codec: msgspec's ``json`` or ``msgpack``."""

    __slots__ = ("_command", "_envelope", "_typed")

    def __init__(self, decoder: _Decoder) -> None:
        self._command: Callable[[bytes], AnyCommand] = decoder(AnyCommand).decode
        self._envelope: Callable[[bytes], _Envelope] = decoder(_Envelope).decode
        self._typed: Callable[[bytes], _Typed] = decoder(_Typed).decode

    def __call__(self, frame: bytes) -> AnyCommand | Unreadable:
        try:
            return self._command(frame)
        except (msgspec.ValidationError, UnicodeDecodeError) as error:
            return self._explain(frame, str(error))
        except (msgspec.DecodeError, RecursionError) as error:
            return Unreadable("bad_request", None, str(error))

    def _explain(self, frame: bytes, detail: str) -> Unreadable:
        command_id, kind = None, ""
        try:
            found = self._envelope(frame)
            command_id, kind = found.id, found.type
        except _UNREADABLE:
            try:
                kind = self._typed(frame).type
            except _UNREADABLE:
                return Unreadable("bad_request", None, detail)
        if kind and kind not in KNOWN:
            return Unreadable("unknown_command", command_id, f"no command is called {kind[:32]!r}")
        code = next((code for path, code in _FIELD_CODES.items() if f"`{path}`" in detail), "bad_request")
        return Unreadable(code, command_id, detail)


JSON: Final = Codec("livegift.v1.json", True, msgspec.json.Encoder().encode, _Reader(msgspec.json.Decoder))
MSGPACK: Final = Codec("livegift.v1.msgpack", False, msgspec.msgpack.Encoder().encode, _Reader(msgspec.msgpack.Decoder))
EVENT_STREAM: Final = Codec("event-stream", True, JSON.encode, JSON.decode_command)
"""JSON as server-sent events: no subprotocol, and nothing is read."""
CODECS: Final = {codec.subprotocol: codec for codec in (JSON, MSGPACK)}
"""Codecs by subprotocol, the default first."""
