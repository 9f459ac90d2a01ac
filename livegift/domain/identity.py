"""Who is who: partitions of users, ids of gifts as clients make them, and ids of events as rooms see them."""

import hashlib
import hmac
import zlib
from base64 import b32encode
from dataclasses import dataclass

ID_WINDOW_MS = 15 * 60 * 1_000
"""A gift id older than this by the partition's clock is answered from the book."""
ID_AHEAD_MS = 2 * 60 * 1_000
"""A gift id further ahead than this is refused."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How many partitions there are from an epoch on, until the next layout."""

    since_epoch: int
    partitions: int


def partition_of(user_id: str, partitions: int) -> int:
    """Return the partition of a sender: ``crc32(sender_id) mod P``."""
    return zlib.crc32(user_id.encode()) % partitions


def gift_id_hex(text: str) -> str | None:
    """Return a UUIDv7 as 32 lower-case hex digits, or None if the text is no UUIDv7 (RFC 9562, 5.7)."""
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        text = text.replace("-", "")
    if len(text) != 32:
        return None
    digits = text.lower()
    if digits.strip("0123456789abcdef") or digits[12] != "7" or digits[16] not in "89ab":
        return None
    return digits


def gift_id_ms(hex_id: str) -> int:
    """Return the time inside a UUIDv7, in milliseconds since 1970."""
    return int(hex_id[:12], 16)


def gift_id_text(hex_id: str) -> str:
    """Return the usual form with dashes."""
    return f"{hex_id[:8]}-{hex_id[8:12]}-{hex_id[12:16]}-{hex_id[16:20]}-{hex_id[20:]}"


def event_id(secret: bytes, *, incarnation: int, partition: int, epoch: int, seq: int) -> str:
    """Return the room's name of an event: a keyed hash that is never reused and says nothing about the sender."""
    place = f"event:{incarnation}:{partition}:{epoch}:{seq}".encode()
    digest = hashlib.blake2b(place, key=secret, digest_size=10).digest()
    return b32encode(digest).decode().lower()


def pseudonym(secret: bytes, *, room_id: str, user_id: str) -> str:
    """Return the name under which a room counts a person's anonymous gifts; it can't be joined to the person."""
    return hashlib.blake2b(f"anon:{room_id}:{user_id}".encode(), key=secret, digest_size=10).hexdigest()


def gift_digest(secret: bytes, fields: tuple[str | int | bool | None, ...]) -> str:
    """Return the HMAC of what the client sent, so that another content under the same id is noticed."""
    text = "".join(f"{len(str(field))}:{field}," for field in fields)
    return hmac.digest(secret, text.encode(), "sha256").hex()[:32]
