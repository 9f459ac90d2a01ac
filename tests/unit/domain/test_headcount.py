"""How many people watch: exact while few, near enough when many, joined over processes, bounded in memory."""

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegift.domain.headcount import SAMPLE_MAX, Headcount, Sample, estimate, person_hash


def people(count: int, first: int = 0) -> list[int]:
    return [person_hash(f"user-{number}") for number in range(first, first + count)]


def of(persons: list[int], sample_max: int = SAMPLE_MAX) -> Headcount:
    heads = Headcount(sample_max)
    for person in persons:
        heads.enter(person)
    return heads


def test_few_people_are_counted_exactly_and_each_once() -> None:
    here, there = of([*people(1_000), *people(300)]), of(people(1_000, first=700))
    assert estimate([here.sample()]) == 1_000
    assert estimate([here.sample(), there.sample()]) == 1_700
    for person in people(300):
        here.leave(person)
    assert estimate([here.sample()]) == 1_000  # they have another tab
    for person in people(300):
        here.leave(person)
        here.leave(person)  # what is not here can't leave
    assert estimate([here.sample()]) == 700


@pytest.mark.parametrize("count", [5_000, 20_000, 100_000])
def test_many_people_are_estimated_within_a_few_percent_from_a_bounded_sample(count: int) -> None:
    heads = of(people(count))
    assert len(heads.sample().hashes) <= SAMPLE_MAX
    assert len(heads.sample().pack()) <= 8 * SAMPLE_MAX + 1
    assert abs(estimate([heads.sample()]) - count) < 0.08 * count  # 2.5 times the standard error


def test_the_error_is_what_it_should_be() -> None:
    errors = []
    for first in range(0, 40 * 3_000, 3_000):
        count = estimate([of(people(3_000, first=first), sample_max=256).sample()])
        errors.append((count - 3_000) / 3_000)
    assert abs(mean(errors)) < 0.03  # of forty rooms: no bias
    assert mean(error**2 for error in errors) ** 0.5 < 0.12  # 1/√n is 0.06 to 0.09


def test_processes_of_different_size_are_joined() -> None:
    large, small = of(people(30_000)), of(people(500, first=29_750))
    assert large.level > small.level == 0
    both = estimate([large.sample(), small.sample()])
    assert abs(both - 30_250) < 0.08 * 30_250


def test_a_sample_grows_again_when_many_have_gone() -> None:
    crowd = people(20_000)
    heads = of(crowd)
    for person in crowd[1_000:]:
        heads.leave(person)
    assert heads.is_thin
    heads.renew(crowd[:1_000])
    assert (heads.level, estimate([heads.sample()])) == (0, 1_000)
    assert not heads.is_thin


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=300))
def test_any_coming_and_going_is_counted_exactly_below_the_bound(moves: list[tuple[bool, int]]) -> None:
    heads, here = Headcount(), dict.fromkeys(range(41), 0)
    for enters, number in moves:
        if enters:
            heads.enter(person_hash(str(number)))
            here[number] += 1
        elif here[number]:
            heads.leave(person_hash(str(number)))
            here[number] -= 1
    assert estimate([heads.sample()]) == sum(count > 0 for count in here.values())


@given(st.integers(0, 63), st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_samples_travel_as_bytes(level: int, hashes: list[int]) -> None:
    sample = Sample(level, tuple(hashes))
    assert Sample.unpack(sample.pack()) == sample


def test_what_is_no_sample_is_refused() -> None:
    for wrong in (b"", b"\x00abc"):
        with pytest.raises(ValueError, match=r"sample|multiple"):
            Sample.unpack(wrong)
