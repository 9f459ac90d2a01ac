"""Commands for the golden frames, as clients may say them, and frames that are none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tests.vectors.messages import COINS_MAX, CURSOR, EPOCH, GIFT_ID

Plain = dict[str, Any]
ROSE: Final[Plain] = {
    "type": "send",
    "id": 3,
    "room": "r1",
    "gift_event_id": GIFT_ID,
    "gift": "rose",
    "price_coins": 1,
}

COMMANDS: Final[dict[str, Plain]] = {
    "connect": {"type": "connect", "id": 0, "token": "header.claims.signature"},
    "connect: a long token": {"type": "connect", "id": 0, "token": "t" * 4_096},
    "subscribe: since and feed are absent": {"type": "subscribe", "id": 1, "room": "r1"},
    "subscribe: since is null": {"type": "subscribe", "id": 1, "room": "r1", "since": None, "feed": "viewer"},
    "subscribe: since an offset beyond 2**32": {
        "type": "subscribe",
        "id": 1,
        "room": "r1",
        "since": {"epoch": EPOCH, "offset": 2**40},
    },
    "subscribe: the creator's feed": {"type": "subscribe", "id": 2, "room": "r1", "feed": "creator"},
    "subscribe: the creator's feed since a cursor": {
        "type": "subscribe",
        "id": 2,
        "room": "r1",
        "since": {"epoch": EPOCH, "offset": 57, "cursor": CURSOR},
        "feed": "creator",
    },
    "send: optional fields are absent": ROSE,
    "send: optional fields are null": ROSE | {"to": None, "message": None},
    "send: every field": ROSE
    | {
        "count": 999,
        "to": "019b3f00-0000-7000-8000-00000000c001",
        "message": 'Für "dich" 🌹 李\n',
        "anonymous": True,
    },
    "send: the highest price": ROSE | {"gift": "castle", "price_coins": COINS_MAX},
    "send: a message of 200 characters": ROSE | {"message": "🌹" * 200},
    "send: fields in another order": dict(reversed(ROSE.items())),
    "send: fields that nobody knows are ignored": ROSE | {"colour": "blue", "tags": [1, {"a": None}], "weight": 1.5},
    "refresh": {"type": "refresh", "id": 4, "token": "header.claims.signature"},
    "unsubscribe": {"type": "unsubscribe", "id": 5, "room": "r1"},
    "ping: the largest id": {"type": "ping", "id": 2**53 - 1},
}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A frame that is answered with an error of that code and id; ``make`` gets the codec's encoder."""

    code: str
    id: int | None
    make: Callable[[Callable[[Any], bytes]], bytes]


def _of(code: str, command_id: int | None, plain: Any) -> Unreadable:
    return Unreadable(code, command_id, lambda encode: encode(plain))


UNREADABLE: Final[dict[str, Unreadable]] = {
    "nothing at all": Unreadable("bad_request", None, lambda _: b""),
    "one byte that is no map": Unreadable("bad_request", None, lambda _: b"@"),
    "a command that breaks off": Unreadable("bad_request", None, lambda encode: encode(ROSE)[:-1]),
    "a command and more": Unreadable("bad_request", None, lambda encode: encode(ROSE) * 2),
    "null": _of("bad_request", None, None),
    "a list": _of("bad_request", None, [ROSE]),
    "no type": _of("bad_request", 3, {"id": 3}),
    "no id": _of("bad_request", None, {"type": "ping"}),
    "an id below zero": _of("bad_request", None, {"type": "ping", "id": -1}),
    "an id beyond 2**53 - 1": _of("bad_request", None, {"type": "ping", "id": 2**53}),
    "an id that is text": _of("bad_request", None, {"type": "ping", "id": "3"}),
    "an id that has a fraction": _of("bad_request", None, {"type": "ping", "id": 3.5}),
    "a type that nobody knows": _of("unknown_command", 3, {"type": "fly", "id": 3}),
    "a type that nobody knows, and an id below zero": _of("unknown_command", None, {"type": "fly", "id": -3}),
    "no room": _of("bad_request", 3, {key: ROSE[key] for key in ROSE if key != "room"}),
    "a NUL in a message": _of("bad_request", 3, ROSE | {"message": "a\0b"}),
    "a message of 201 characters": _of("bad_request", 3, ROSE | {"message": "x" * 201}),
    "a count that has a fraction": _of("bad_count", 3, ROSE | {"count": 1.5}),
    "a count that is null": _of("bad_count", 3, ROSE | {"count": None}),
    "a gift_event_id that is a number": _of("bad_id", 3, ROSE | {"gift_event_id": 7}),
}


def encoder_of(subprotocol: str) -> Callable[[Any], bytes]:
    """Return what writes plain values as that subprotocol has them."""
    return msgspec.json.encode if subprotocol.endswith(".json") else msgspec.msgpack.encode
