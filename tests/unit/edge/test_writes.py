"""Both loops do the same: everything is written where it is taken, and what is not is told."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from livegift.edge.writes import WriteToEach, compile_library
from tests.compiled import WRITERS

Pairs = list[tuple[socket.socket, socket.socket]]


@pytest.fixture(params=sorted(WRITERS))
def write_to_each(request: pytest.FixtureRequest) -> WriteToEach:
    return WRITERS[request.param]()


@pytest.fixture
def pairs() -> Iterator[Pairs]:
    with ExitStack() as stack:
        made = [socket.socketpair() for _ in range(5)]
        for ours, theirs in made:
            stack.enter_context(ours).setblocking(False)
            stack.enter_context(theirs).setblocking(False)
        yield made


def test_everybody_gets_the_same_bytes(write_to_each: WriteToEach, pairs: Pairs) -> None:
    data = os.urandom(5_000)
    assert write_to_each([ours.fileno() for ours, _ in pairs], data) == []
    assert [theirs.recv(10_000) for _, theirs in pairs] == [data] * 5


def test_nobody_is_nothing(write_to_each: WriteToEach) -> None:
    assert write_to_each([], b"x") == []


def test_what_is_not_taken_is_told_with_its_place_and_everybody_else_gets_it(
    write_to_each: WriteToEach, pairs: Pairs
) -> None:
    full, gone, shut, whole, part = pairs
    while True:
        try:
            full[0].send(bytes(100_000))
        except BlockingIOError:
            break
    gone[1].close()
    descriptors = [full[0].fileno(), gone[0].fileno(), -1, whole[0].fileno(), part[0].fileno()]
    part[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_608)
    whole[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1_000_000)
    data = os.urandom(120_000)
    short = write_to_each(descriptors, data)
    assert [place for place, _ in short] == [0, 1, 2, 4]
    taken = dict(short)
    assert (taken[0], taken[1], taken[2]) == (0, 0, 0)
    assert 0 < taken[4] < len(data)
    assert part[1].recv(200_000) == data[: taken[4]]
    assert whole[1].recv(200_000) == data
    with pytest.raises(BlockingIOError):
        shut[1].recv(1)


def test_bytes_with_zeros_are_written_whole(write_to_each: WriteToEach, pairs: Pairs) -> None:
    data = b"a\0b\0"
    assert write_to_each([pairs[0][0].fileno()], data) == []
    assert pairs[0][1].recv(10) == data


def test_what_cannot_be_compiled_says_why_and_leaves_no_library(tmp_path: Path) -> None:
    source, library = tmp_path / "wrong.c", tmp_path / "wrong.so"
    source.write_text("int f(void) { return nonsense; }")
    library.write_bytes(b"of before")
    problem = compile_library(library, source)
    assert problem is not None
    assert "nonsense" in problem
    assert not library.exists()
