"""The golden frames are what the server's codecs write and read today, and another library agrees."""

import json
from base64 import b64decode
from typing import Any

import msgpack
import msgspec
import pytest

from livegift.wire.asyncapi import COMMANDS, PUSHES
from livegift.wire.codec import CODECS, JSON, Unreadable
from livegift.wire.messages import AnyCommand, AnyEvent
from tests.vectors.files import FOLDER, files, read

MESSAGES, SENT, BROKEN = read("messages.jsonl"), read("commands.jsonl"), read("unreadable.jsonl")


def named(line: dict[str, Any]) -> str:
    return f"{line['subprotocol']} {line['name']}"


def judged(line: dict[str, Any]) -> Any:
    frame = b64decode(line["frame"])
    return json.loads(frame) if line["subprotocol"] == JSON.subprotocol else msgpack.unpackb(frame)


def test_the_files_are_up_to_date() -> None:
    for name, text in files().items():
        assert (FOLDER / name).read_text(encoding="ascii") == text, f"{name}: run python -m tests.vectors"


def test_every_message_command_and_event_has_a_golden_frame_in_both_codecs() -> None:
    for subprotocol in CODECS:
        ours = [line["message"] for line in MESSAGES + SENT if line["subprotocol"] == subprotocol]
        found = {message["type"] for message in ours}
        found |= {event["type"] for message in ours for event in message.get("events", ())}
        assert found == {struct.__struct_config__.tag for struct in (*COMMANDS, *PUSHES, *AnyEvent.__args__)}


@pytest.mark.parametrize("line", MESSAGES + SENT, ids=named)
def test_another_library_reads_a_golden_frame_as_its_message(line: dict[str, Any]) -> None:
    assert judged(line) == line["message"]


@pytest.mark.parametrize("line", SENT, ids=named)
def test_the_server_reads_a_golden_command(line: dict[str, Any]) -> None:
    found = CODECS[line["subprotocol"]].decode_command(b64decode(line["frame"]))
    assert found == msgspec.convert(line["message"], AnyCommand)


@pytest.mark.parametrize("line", BROKEN, ids=named)
def test_the_server_refuses_a_golden_frame_that_is_no_command(line: dict[str, Any]) -> None:
    found = CODECS[line["subprotocol"]].decode_command(b64decode(line["frame"]))
    assert isinstance(found, Unreadable)
    assert {"code": found.code, "id": found.id} == line["error"]
