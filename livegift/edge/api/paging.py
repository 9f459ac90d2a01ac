"""Lists in pages: at most ``limit`` rows at a time, and a ``cursor`` that says where the next page begins.

A cursor is opaque, so that what a list is ordered by may change. It is not signed: it names a place in a list that the
request must be allowed to read anyway, so a forged one shows nothing that the list does not. It says which list it is
of, and what it holds is checked like every other input.
"""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta, Struct

from livegift.edge.problems import bad_field
from livegift.wire.messages import NO_NUL

LIMIT_MAX = 500
CURSOR_CHARS_MAX = 1_024
NUMBER_MAX = 2**53 - 1
Number = Annotated[int, Meta(ge=0, le=NUMBER_MAX)]
"""A number in a place: what every book can hold."""
Text = Annotated[str, Meta(max_length=256, pattern=NO_NUL)]
"""A text in a place."""
Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="Most rows of a page.")]
Cursor = Annotated[
    str, Meta(max_length=CURSOR_CHARS_MAX, description="`next` of the page before; without it, the first page.")
]
Place = TypeVar("Place")
Row = TypeVar("Row")


class PageQuery(Struct):
    """Which page of a list."""

    limit: Limit = 100
    cursor: Cursor | None = None


class Pages(Generic[Place]):
    """The cursors of one list, whose places have that type."""

    def __init__(self, name: str, place: Any) -> None:
        self._name = name
        self._shape = tuple[str, place]

    def cursor(self, place: Place) -> str:
        """Return the cursor of a place; the page that it opens begins behind it."""
        return urlsafe_b64encode(msgspec.json.encode((self._name, place))).decode().rstrip("=")

    def place(self, cursor: str | None) -> Place | None:
        """Return the place of a cursor, None without one; raises ``Problem`` for a text that is none of this list."""
        if cursor is None:
            return None
        try:
            text = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            name, place = msgspec.json.decode(text, type=self._shape)
        except (ValueError, msgspec.MsgspecError) as error:
            raise bad_field("cursor", "This is no cursor of this list; without one it begins at its start.") from error
        if name != self._name:
            raise bad_field("cursor", "This is a cursor of another list.")
        return place  # type: ignore[no-any-return]

    def page(self, rows: Sequence[Row], limit: int, place_of: Callable[[Row], Place]) -> tuple[list[Row], str | None]:
        """Return a page out of ``limit`` rows and one more, if there is one, and then the cursor of the next page."""
        shown = list(rows[:limit])
        return shown, self.cursor(place_of(shown[-1])) if len(rows) > limit else None
