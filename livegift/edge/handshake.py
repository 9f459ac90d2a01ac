"""The opening handshake: which path, whether there is room for newcomers, and which of the subprotocols."""

import sys
from typing import Any

from websockets.exceptions import NegotiationError
from websockets.http11 import Request
from websockets.server import ServerProtocol

from livegift.edge.limits import Limits
from livegift.wire.codec import CODECS

PATH = "/v1/ws"
RETRY_S = 5


def handshake_parser(*, frame_bytes_max: int) -> ServerProtocol:
    """Return a parser that reads a request and then frames of at most so many bytes."""
    return ServerProtocol(
        subprotocols=list(CODECS),  # type: ignore[arg-type]
        select_subprotocol=_select_subprotocol,
        max_size=frame_bytes_max,
    )


def answer(parser: ServerProtocol, limits: Limits, peer: str, *, is_draining: bool, base_path: str = "") -> str | None:
    """Answer the request, if all of it has come; the answer's bytes are the parser's to send.

    Returns the address that the connection is counted for, if it is let in.
    """
    for event in parser.events_received():
        if isinstance(event, Request):
            hops = ", ".join(event.headers.get_all("X-Forwarded-For"))
            address = sys.intern(limits.proxies.client_of(peer, hops))
            refusal = _refusal_of(event, limits, address, path=base_path + PATH, is_draining=is_draining)
            response = parser.accept(event) if refusal is None else parser.reject(*refusal)
            if refusal is not None and refusal[0] in (429, 503):
                response.headers["Retry-After"] = str(RETRY_S)
            parser.send_response(response)
            if response.status_code == 101:
                return address
            if refusal is None:
                limits.addresses.leave(address)
    return None


def _refusal_of(
    request: Request, limits: Limits, address: str, *, path: str, is_draining: bool
) -> tuple[int, str] | None:
    """Return status and text with which it is refused, or None: then the address has one connection more."""
    if request.path.partition("?")[0] != path:
        return 404, f"The WebSocket is at {path}.\n"
    if is_draining:
        return 503, "This server is about to stop.\n"
    if not limits.allows_origin(request.headers.get("Origin"), request.headers.get("Host", "")):
        return 403, "Pages of this origin may not connect.\n"
    if limits.connects.wait_ms(address) or not limits.addresses.enter(address):
        return 429, "Too many connections from this address.\n"
    return None


def _select_subprotocol(_: ServerProtocol, offered: Any) -> Any:
    if not offered:
        return None  # the default codec, unnamed
    for name in offered:  # in the client's order
        if name in CODECS:
            return name
    raise NegotiationError(f"the subprotocols are {', '.join(CODECS)}")
