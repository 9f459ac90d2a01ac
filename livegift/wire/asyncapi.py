"""The AsyncAPI 3 document of the WebSocket protocol, made from the structs and the code tables. Pure."""

from typing import Any

import msgspec

from livegift.wire import messages as wire
from livegift.wire.codec import CODECS
from livegift.wire.codes import CLOSE, REFUSALS, TEMPORARY

COMMANDS = tuple(wire.AnyCommand.__args__)
PUSHES = (
    wire.Connected,
    wire.Subscribed,
    wire.Unsubscribed,
    wire.Refreshed,
    wire.Pong,
    wire.Accepted,
    wire.Settled,
    wire.RoomFrame,
    wire.Missed,
    wire.SnapshotPush,
    wire.ViewersPush,
    wire.WalletPush,
    wire.Reconnect,
    wire.Error,
)


def asyncapi() -> dict[str, Any]:
    """Return the document."""
    schemas, components = msgspec.json.schema_components(
        [*COMMANDS, *PUSHES], ref_template="#/components/schemas/{name}"
    )
    named = dict(zip([*COMMANDS, *PUSHES], schemas, strict=True))
    messages = {
        struct.__struct_config__.tag: {
            "name": struct.__struct_config__.tag,
            "summary": (struct.__doc__ or "").split("\n")[0],
            "payload": named[struct],
        }
        for struct in named
    }
    refs = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    channel = "#/channels/ws"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "livegift WebSocket protocol",
            "version": "1",
            "description": "Commands carry an integer id that the reply echoes; pushes have none. "
            f"Subprotocols: {', '.join(CODECS)}.",
        },
        "channels": {"ws": {"address": "/v1/ws", "messages": refs}},
        "operations": {
            "command": {
                "action": "receive",
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{s.__struct_config__.tag}"} for s in COMMANDS],
            },
            "push": {
                "action": "send",
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{s.__struct_config__.tag}"} for s in PUSHES],
            },
        },
        "components": {"messages": messages, "schemas": components},
        "x-error-codes": {
            code: {"temporary": code in TEMPORARY, "description": text} for code, text in (REFUSALS | TEMPORARY).items()
        },
        "x-close-codes": {str(code): text for code, text in CLOSE.items()},
    }
