"""Cursors: only ours open, only in their room and incarnation, and to exactly what was sealed."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegift.domain.cursor import CURSOR_CHARS_MAX, BadCursor, Cursors, Place

OURS = Cursors(b"s" * 32, 3)
PLACE = Place("1764000000000", 57, 10**13 - 1, 12, {0: 7, 11: 2**53})
CURSOR = OURS.seal("r1", PLACE)


@given(
    st.builds(
        Place,
        epoch=st.from_regex(r"\A[0-9]{0,16}\Z"),
        offset=st.integers(0, 2**53),
        coins=st.integers(0, 2**53),
        gifts=st.integers(0, 2**53),
        marks=st.dictionaries(st.integers(0, 1_000), st.integers(1, 2**53)),
    )
)
def test_a_cursor_opens_to_the_place_it_was_made_of(place: Place) -> None:
    assert OURS.open("r1", OURS.seal("r1", place)) == place


def test_a_cursor_of_a_thousand_partitions_is_within_the_limit_and_opens() -> None:
    place = Place("1764000000000", 2**53, 2**53, 2**53, {p: 2**24 + p for p in range(1_000)})
    cursor = OURS.seal("r1", place)
    assert len(cursor) <= CURSOR_CHARS_MAX
    assert OURS.open("r1", cursor) == place


@pytest.mark.parametrize(
    ("room", "cursors"),
    [("r2", OURS), ("r1:", OURS), ("r1", Cursors(b"s" * 32, 4)), ("r1", Cursors(b"t" * 32, 3))],
    ids=["room", "longer-room", "incarnation", "secret"],
)
def test_a_cursor_of_elsewhere_opens_nothing(room: str, cursors: Cursors) -> None:
    with pytest.raises(BadCursor):
        cursors.open(room, CURSOR)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "AAAA",
        "ä" * 20,
        "\x00" * 20,
        CURSOR + "!",
        CURSOR + "A" * (4 - len(CURSOR) % 4),
        CURSOR[:-1],
        CURSOR * 200,
        urlsafe_b64encode(b"0" * 12 + b"5 57 1 1 0:-1").decode(),
        urlsafe_b64encode(b"0" * 12 + b"5 57 1 1" + b" 0:1" * 10_000).decode(),
    ],
)
def test_garbage_opens_nothing(text: str) -> None:
    with pytest.raises(BadCursor):
        OURS.open("r1", text)


@given(st.integers(0, len(CURSOR) - 1), st.sampled_from("ABab01-_"))
def test_a_changed_letter_opens_nothing_else(at: int, letter: str) -> None:
    changed = CURSOR[:at] + letter + CURSOR[at + 1 :]
    try:
        assert OURS.open("r1", changed) == PLACE  # the last letter has bits that mean nothing
    except BadCursor:
        assert changed != CURSOR


def test_what_is_behind() -> None:
    assert not PLACE.is_behind({0: 7})
    assert PLACE.is_behind({0: 8})
    assert PLACE.is_behind({1: 1})
