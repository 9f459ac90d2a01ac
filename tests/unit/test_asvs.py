"""docs/asvs.md names tests that exist, and says openly where there is none."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/asvs.md").read_text()
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| ([123]) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)


def names_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 100
    for path, name in named:
        assert (ROOT / path).is_file(), path
        assert name in names_in(path), f"{path}::{name}"


def test_every_row_has_tests_or_says_that_it_has_none_and_why() -> None:
    without = [number for number, _, _, shown in ROWS if shown == "—"]
    explained = PAGE.partition("## Without a test")[2].partition("## Not listed")[0]
    assert sorted(without) == sorted(set(re.findall(r"\d+\.\d+\.\d+", explained)))
    one = r"`tests/[\w/]+\.py::test_\w+`"
    for number, _, _, shown in ROWS:
        assert shown == "—" or re.fullmatch(f"{one}(<br>{one})*", shown), number
    counted = f"{len(ROWS)} requirements are listed; {len(ROWS) - len(without)} have tests, {len(without)} have"
    assert counted in PAGE


def test_rows_are_in_the_standards_order_and_stand_once() -> None:
    numbers = [tuple(map(int, number.split("."))) for number, *_ in ROWS]
    assert numbers == sorted(set(numbers))
