"""Words are found whatever their case and accents, and only as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegift.domain.words import WordList

LIST = WordList(["heck", "Straße", "two words", "C++", "", "  "])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("What the heck!", "What the ****!"),
        ("HÉCK", "****"),
        ("he\u0301ck it", "***** it"),
        ("check, heckler", "check, heckler"),
        ("die STRASSE da", "die ******* da"),
        ("die strasse", "die *******"),
        ("two words, two  words", "*********, two  words"),
        ("ｈｅｃｋ", "****"),
        ("heck heck", "**** ****"),
        ("🎁heck🎁", "🎁****🎁"),
        ("", ""),
    ],
)
def test_words_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert LIST.masked(text) == shown


@given(st.text())
def test_no_text_gets_longer_or_breaks(text: str) -> None:
    assert len(LIST.masked(text)) == len(text)
    assert WordList([]).masked(text) == text
