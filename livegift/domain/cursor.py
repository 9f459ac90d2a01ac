"""Where a creator's feed stands, as an opaque text that the client gives back: the *cursor*.

It holds the room's marks, so that the book can tell what came after it, and the sums up to there, so that what is
served from the book carries running sums. It is signed for one room and one incarnation: nobody can make up marks, and
a cursor of another room, or of a book before it was restored, opens nothing.
"""

import binascii
import hashlib
import hmac
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass

CURSOR_CHARS_MAX = 32_768
"""Longest cursor; one of a thousand partitions."""
SIGNATURE_BYTES = 12

Marks = dict[int, int]
"""Last seq of each partition that has gifts in a room."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a room's sequence. ``coins`` and ``gifts`` are the room's sums over everything up to ``marks``."""

    epoch: str
    offset: int
    coins: int
    gifts: int
    marks: Marks

    def is_behind(self, marks: Marks) -> bool:
        """Tell whether ``marks`` hold something that is not up to here."""
        return any(seq > self.marks.get(p, 0) for p, seq in marks.items())


class BadCursor(Exception):
    """The text is no cursor of this room and incarnation."""


class Cursors:
    """Makes and opens the cursors of one deployment and incarnation."""

    def __init__(self, secret: bytes, incarnation: int) -> None:
        self._secret = secret
        self._incarnation = incarnation

    def seal(self, room_id: str, place: Place) -> str:
        """Return the cursor of a place in a room."""
        marks = "".join(f" {p}:{seq}" for p, seq in place.marks.items())
        text = f"{place.epoch} {place.offset} {place.coins} {place.gifts}{marks}".encode()
        return urlsafe_b64encode(self._sign(room_id, text) + text).decode().rstrip("=")

    def open(self, room_id: str, cursor: str) -> Place:
        """Return the place that a cursor of that room names. Raises ``BadCursor`` for every other text."""
        try:
            sealed = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error) as error:
            raise BadCursor("the cursor is none of ours") from error
        signature, text = sealed[:SIGNATURE_BYTES], sealed[SIGNATURE_BYTES:]
        # Nothing is read before the signature is known to be ours.
        if len(cursor) > CURSOR_CHARS_MAX or not hmac.compare_digest(signature, self._sign(room_id, text)):
            raise BadCursor("the cursor is none of this room's")
        epoch, offset, coins, gifts, *pairs = text.decode().split(" ")
        marks = {int(p): int(seq) for p, seq in (pair.split(":") for pair in pairs)}
        return Place(epoch, int(offset), int(coins), int(gifts), marks)

    def _sign(self, room_id: str, text: bytes) -> bytes:
        head = f"cursor:{self._incarnation}:{len(room_id)}:{room_id}:".encode()
        return hashlib.blake2b(head + text, key=self._secret, digest_size=SIGNATURE_BYTES).digest()
