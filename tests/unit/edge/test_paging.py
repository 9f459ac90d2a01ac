"""Cursors of lists: they open the page behind a place, and nothing else."""

from base64 import urlsafe_b64encode

import pytest

from livegift.edge.api.paging import Number, Pages, Text
from livegift.edge.problems import Problem

ROOMS = Pages[str]("rooms", Text)
LINES = Pages[int]("lines", Number)


def test_pages_join_to_the_list() -> None:
    rows = [f"r{number}" for number in range(7)]
    seen: list[str] = []
    cursor, is_more = None, True
    while is_more:
        place = ROOMS.place(cursor)
        behind = rows if place is None else rows[rows.index(place) + 1 :]
        shown, cursor = ROOMS.page(behind[:4], 3, lambda row: row)
        seen += shown
        is_more = cursor is not None
    assert seen == rows


def test_a_last_page_that_is_full_has_no_cursor() -> None:
    assert ROOMS.page(["a", "b"], 2, lambda row: row) == (["a", "b"], None)
    assert ROOMS.page([], 2, lambda row: row) == ([], None)


def sealed(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "?",
        "ä",
        "abcde",
        sealed("[]"),
        sealed('["rooms"]'),
        sealed('["rooms",7]'),
        sealed('["rooms","\\u0000"]'),
        sealed('["lines","r1"]'),
        LINES.cursor(7),
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused_by_name(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        ROOMS.place(cursor)
    assert (refused.value.code, [one.field for one in refused.value.errors]) == ("bad_request", ["cursor"])


def test_a_number_that_no_book_holds_is_no_place() -> None:
    for number in (-1, 2**53, 10**30):
        with pytest.raises(Problem):
            LINES.place(sealed(f'["lines",{number}]'))
    assert LINES.place(LINES.cursor(7)) == 7
