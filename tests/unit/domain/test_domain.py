"""Identity, chain and catalogue: pure rules."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils import uuid7

from livegift.domain.catalogue import FIRST_GIFTS, Catalogue
from livegift.domain.chain import GENESIS, link, text_hash
from livegift.domain.coins import AMOUNT_MAX, is_amount
from livegift.domain.identity import (
    event_id,
    gift_digest,
    gift_id_hex,
    gift_id_ms,
    gift_id_text,
    partition_of,
    pseudonym,
)

SECRET = b"s" * 32


def test_a_uuid7_is_read_with_its_time() -> None:
    made = uuid7()
    digits = gift_id_hex(str(made))
    assert digits == made.hex
    assert gift_id_hex(made.hex.upper()) == digits
    assert digits is not None
    assert gift_id_ms(digits) == made.timestamp
    assert gift_id_text(digits) == str(made)


UUID4, UUID7 = "7d1f4c52-9d0e-4f5b-8a76-3f1f6c1f6a11", "01a213b0-c3c1-7242-b745-7de3bbee9afa"


@pytest.mark.parametrize("text", ["", "x", UUID4, UUID7[:-1], UUID7 + "0", "g" * 32])
def test_anything_else_is_no_uuid7(text: str) -> None:
    assert gift_id_hex(text) is None


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = gift_id_hex(text)
    assert found is None or uuid.UUID(found).version == 7


@given(st.text(), st.integers(1, 1024))
def test_a_sender_has_one_partition(user: str, partitions: int) -> None:
    assert 0 <= partition_of(user, partitions) < partitions


def test_an_event_id_names_one_event_of_one_incarnation() -> None:
    places = [(1, 0, 5, 7), (2, 0, 5, 7), (1, 1, 5, 7), (1, 0, 6, 7), (1, 0, 5, 8), (1, 0, 57, 7)]
    names = {event_id(SECRET, incarnation=i, partition=p, epoch=e, seq=s) for i, p, e, s in places}
    assert len(names) == len(places)
    assert all(len(name) == 16 and name.isalnum() and name == name.lower() for name in names)


def test_a_pseudonym_is_another_one_in_every_room() -> None:
    assert pseudonym(SECRET, room_id="r1", user_id="u") != pseudonym(SECRET, room_id="r2", user_id="u")


@given(st.lists(st.text(max_size=5), min_size=2, max_size=4), st.data())
def test_a_digest_tells_every_content_apart(fields: list[str], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.text(max_size=5), min_size=2, max_size=4))
    same = gift_digest(SECRET, tuple(fields)) == gift_digest(SECRET, tuple(other))
    assert same == (fields == other)


@given(st.lists(st.tuples(st.text(max_size=5), st.integers()), min_size=1, max_size=5), st.data())
def test_a_chain_tells_every_history_apart(cores: list[tuple[str, int]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(cores) - 1))
    changed = [*cores]
    changed[place] = (cores[place][0], cores[place][1] + 1)

    def head(history: list[tuple[str, int]]) -> bytes:
        found = GENESIS
        for core in history:
            found = link(found, core)
        return found

    assert head(cores) == head([*cores])
    assert head(cores) != head(changed)
    assert head(cores) != head(cores[:-1])


def test_a_text_stands_in_the_chain_as_a_salted_hash_only() -> None:
    assert text_hash(None, b"") == "-"
    assert text_hash("hi", b"1") != text_hash("hi", b"2")
    assert "hi" not in text_hash("hi", b"1")


def test_amounts_are_whole_and_bounded() -> None:
    assert [is_amount(coins) for coins in (0, 1, AMOUNT_MAX, AMOUNT_MAX + 1, -1)] == [False, True, True, False, False]


def test_the_first_catalogue_has_every_price_of_the_defaults() -> None:
    prices = [gift.price_coins for gift in FIRST_GIFTS]
    assert prices == [1, 5, 10, 30, 99, 199, 500, 1_000, 5_000, 10_000, 29_999, 44_999]
    found = Catalogue(1, FIRST_GIFTS).gift("rose")
    assert found is not None
    assert found.streakable
