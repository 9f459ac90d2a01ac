"""Frames to commands and messages to frames, for each subprotocol. Pure; every msgspec call on messages is here.

A frame that can't be read is an answer too: ``Unreadable`` carries the code, and the command's id where a second,
lenient look finds one. A further codec is one more entry in ``CODECS``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Codec:
    """One subprotocol."""

    subprotocol: str
    is_text: bool
    encode: Callable[[Message], bytes]
    decode_command: Callable[[bytes], AnyCommand | Unreadable]


def _decode_json(frame: bytes) -> AnyCommand | Unreadable:
    try:
        command: AnyCommand = _command.decode(frame)
        return command
    except msgspec.ValidationError as error:
        return _explain(frame, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Unreadable("bad_request", None, str(error))


def _explain(frame: bytes, detail: str) -> Unreadable:
    command_id, kind = None, ""
    try:
        found = _envelope.decode(frame)
        command_id, kind = found.id, found.type
    except msgspec.MsgspecError:
        try:
            kind = _typed.decode(frame).type
        except msgspec.MsgspecError:
            return Unreadable("bad_request", None, detail)
    if kind and kind not in KNOWN:
        return Unreadable("unknown_command", command_id, f"no command is called {kind[:32]!r}")
    code = next((code for path, code in _FIELD_CODES.items() if f"`{path}`" in detail), "bad_request")
    return Unreadable(code, command_id, detail)


_command = msgspec.json.Decoder(AnyCommand)
_envelope = msgspec.json.Decoder(_Envelope)
_typed = msgspec.json.Decoder(_Typed)
_json = msgspec.json.Encoder()

JSON: Final = Codec("livegift.v1.json", True, _json.encode, _decode_json)
CODECS: Final = {JSON.subprotocol: JSON}
"""Codecs by subprotocol, the default first."""
