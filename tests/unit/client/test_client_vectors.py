"""The SDK reads every golden frame as its message, whichever the codec, and writes commands with the same values."""

import json
from base64 import b64decode
from typing import Any

import msgpack
import msgspec
import pytest
from livegift_client.codec import CODECS, Codec
from livegift_client.commands import Connect, Refresh, Send, Subscribe, Unsubscribe
from livegift_client.messages import AnyMessage

from tests.vectors.files import read

BY_SUBPROTOCOL = {codec.subprotocol: codec for codec in CODECS.values()}
MESSAGES = read("messages.jsonl")
WRITTEN = Connect | Subscribe | Unsubscribe | Refresh | Send
SENT = [line for line in read("commands.jsonl") if line["message"]["type"] != "ping" and "nobody" not in line["name"]]


def named(line: dict[str, Any]) -> str:
    return f"{line['subprotocol']} {line['name']}"


def covered(golden: Any, ours: Any) -> Any:
    """Return of what the SDK holds that which the golden message speaks of."""
    if isinstance(golden, dict):
        return {key: covered(golden[key], ours[key]) for key in golden}
    if isinstance(golden, list):
        assert len(golden) == len(ours)
        return [covered(one, other) for one, other in zip(golden, ours, strict=True)]
    return ours


@pytest.mark.parametrize("line", MESSAGES, ids=named)
def test_the_sdk_reads_a_golden_frame_as_its_message(line: dict[str, Any]) -> None:
    read = BY_SUBPROTOCOL[line["subprotocol"]].decode(b64decode(line["frame"]))
    assert read is not None
    assert read == msgspec.convert(line["message"], AnyMessage)
    assert covered(line["message"], msgspec.to_builtins(read)) == line["message"]


@pytest.mark.parametrize("line", SENT, ids=named)
def test_the_sdk_writes_a_golden_command_with_the_same_values(line: dict[str, Any]) -> None:
    codec: Codec = BY_SUBPROTOCOL[line["subprotocol"]]
    frame = codec.encode(msgspec.convert(line["message"], WRITTEN))
    plain = json.loads(frame) if codec.is_text else msgpack.unpackb(frame)
    assert {key: plain[key] for key in line["message"]} == line["message"]
