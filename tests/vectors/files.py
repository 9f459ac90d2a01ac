"""The golden frames' files: one JSON object a line, each frame in each codec."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from livegift.wire.codec import CODECS, JSON
from tests.vectors.commands import COMMANDS, UNREADABLE, encoder_of
from tests.vectors.messages import MESSAGES

FOLDER = Path(__file__).parent.parent.parent / "clients" / "vectors"
Line = dict[str, Any]


def files() -> dict[str, str]:
    """Return every file's text, made anew from the server's codecs."""
    made = {"commands.jsonl": _commands(), "messages.jsonl": _messages(), "unreadable.jsonl": _unreadable()}
    return {
        name: "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines) for name, lines in made.items()
    }


def read(name: str) -> list[Line]:
    """Return a committed file's lines."""
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="ascii").splitlines()]


def _commands() -> Iterator[Line]:
    for name, plain in COMMANDS.items():
        for subprotocol in CODECS:
            yield _line(name, subprotocol, encoder_of(subprotocol)(plain)) | {"message": plain}


def _messages() -> Iterator[Line]:
    for name, message in MESSAGES.items():
        plain = json.loads(JSON.encode(message))
        for subprotocol, codec in CODECS.items():
            yield _line(name, subprotocol, codec.encode(message)) | {"message": plain}


def _unreadable() -> Iterator[Line]:
    for name, frame in UNREADABLE.items():
        for subprotocol in CODECS:
            data = frame.make(encoder_of(subprotocol))
            yield _line(name, subprotocol, data) | {"error": {"code": frame.code, "id": frame.id}}


def _line(name: str, subprotocol: str, frame: bytes) -> Line:
    return {"name": name, "subprotocol": subprotocol, "frame": b64encode(frame).decode()}
