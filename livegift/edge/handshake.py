"""The opening handshake: which path, whether there is room for newcomers, and which of the subprotocols."""

from typing import Any

from websockets.exceptions import NegotiationError
from websockets.http11 import Request
from websockets.server import ServerProtocol

from livegift.wire.codec import CODECS

PATH = "/v1/ws"


def handshake_parser(*, frame_bytes_max: int) -> ServerProtocol:
    """Return a parser that reads a request and then frames of at most so many bytes."""
    return ServerProtocol(
        subprotocols=list(CODECS),  # type: ignore[arg-type]
        select_subprotocol=_select_subprotocol,
        max_size=frame_bytes_max,
    )


def answer(parser: ServerProtocol, *, is_draining: bool) -> None:
    """Answer the request, if all of it has come; the answer's bytes are the parser's to send."""
    for event in parser.events_received():
        if isinstance(event, Request):
            if event.path.partition("?")[0] != PATH:
                response = parser.reject(404, "The WebSocket is at /v1/ws.\n")
            elif is_draining:
                response = parser.reject(503, "This server is about to stop.\n")
            else:
                response = parser.accept(event)
            parser.send_response(response)


def _select_subprotocol(_: ServerProtocol, offered: Any) -> Any:
    if not offered:
        return None  # the default codec, unnamed
    for name in offered:  # in the client's order
        if name in CODECS:
            return name
    raise NegotiationError(f"the subprotocols are {', '.join(CODECS)}")
