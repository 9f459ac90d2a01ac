"""Error and close codes of wire protocol v1. They are API: documented in docs/protocol.md, never renamed."""

from typing import Final

REFUSALS: Final = {
    "bad_request": "The frame could not be read as this command.",
    "unknown_command": "No command has this type.",
    "not_connected": "The first command must be connect.",
    "bad_token": "The token is not one of ours, or is malformed.",
    "token_expired": "The token has expired; get a new one.",
    "unknown_room": "There is no such room.",
    "unknown_user": "There is no such user.",
    "room_closed": "The room is closed; it takes no more gifts.",
    "unknown_gift": "The catalogue has no such gift.",
    "gift_unavailable": "The gift is in the catalogue but cannot be sent now.",
    "price_changed": "The price is not the one the client saw.",
    "bad_count": "The count must be a whole number within the limits.",
    "bad_id": "The gift_event_id must be a UUIDv7 of about now.",
    "mismatch": "This gift_event_id was used before with another content.",
    "expired": "The gift_event_id is too old and was never charged; nothing happened.",
    "self_gift": "A creator cannot send gifts to themselves.",
    "unknown_receiver": "The receiver is not in this room.",
    "not_allowed": "This user may not do this.",
    "banned": "This user is banned here.",
    "muted": "This user may send gifts here, but no messages.",
    "not_wanted": "The creator does not take this gift.",
    "adults_only": "Only who is known to be of age may do this.",
    "insufficient_coins": "The wallet holds fewer coins than the gift costs.",
    "frozen": "The wallet is frozen.",
    "limit": "A spending limit is reached.",
}
"""Codes with ``temporary: false``: sending the same again gives the same answer."""

TEMPORARY: Final = {
    "rate_limited": "Too many commands; try again after retry_after_ms.",
    "busy": "A bound is reached or the partition is being recovered; send the same id again.",
    "unavailable": "A part of the server does not answer; send the same id again.",
}
"""Codes with ``temporary: true``: they carry ``retry_after_ms``, and the same id may be sent again."""

HTTP: Final = {
    "unknown_route": "There is nothing at this path.",
    "method_not_allowed": "The path does not take this method; Allow names those that it takes.",
    "not_acceptable": "The answer is of a type that Accept rules out.",
    "unknown_hook": "There is no hook of this name.",
    "erased": "This person was erased; their id is never used again.",
    "too_large": "The body is larger than the server reads.",
    "unsupported_type": "The body must be JSON, and Content-Type say so if it says anything.",
    "internal": "The server has a bug; it has been logged.",
}
"""Codes that only HTTP has."""

CLOSE: Final = {
    1009: "A frame was larger than 64 KiB; don't reconnect.",
    1012: "The server restarts; reconnect with jitter.",
    4400: "Protocol abuse; don't reconnect.",
    4401: "Bad token; don't reconnect.",
    4403: "Banned; don't reconnect.",
    4408: "No connect within 5 s; don't reconnect.",
    4409: "Kicked; don't reconnect.",
    4500: "Drain; reconnect with jitter.",
    4501: "The creator feed was too slow, or has met a hole; reconnect and resume.",
    4502: "The token ended; get a new one and reconnect.",
}
"""WebSocket close codes of ours, and those of RFC 6455 that the server uses."""
