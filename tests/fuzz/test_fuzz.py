"""The fuzzer's short run; ``python -m tests.fuzz`` is the long one. And what it must find is found."""

from pathlib import Path

import pytest

from tests.fuzz.planted import PLANTED
from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found(target: str, tmp_path: Path) -> None:
    found = run(target, tmp_path, seconds=3, seed=1)
    assert found.crash is None, found.crash
    assert found.executions > 1_000


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_bug_is_found(planted: str, tmp_path: Path) -> None:
    target, _ = PLANTED[planted]
    assert run(target, tmp_path, seconds=20, seed=1, planted=planted).crash is not None
