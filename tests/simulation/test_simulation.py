"""A few seeds of the simulation, that it replays, and that it finds bugs that are planted on purpose."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import livegift

ROOT = Path(__file__).parents[2]
PLANTED = sorted((Path(__file__).parent / "planted").glob("*.patch"))
SEEDS_MAX = 200
JOBS = str(min(2, os.cpu_count() or 1))
CHECKS = {
    "after-ignored": {"settled, but never shown", "stuck"},
    "cursor-ahead-of-its-room": {"a creator was told twice"},
    "fence-skipped": {
        *("told settled under another event", "told settled, but not in the book", "partition stopped"),
        "accepted, nothing lost, and not in the book",
    },
    "grant-credited-early": {"partition stopped"},
    "ids-with-a-time-to-live": {"partition stopped", "refused, but it stands in the book"},
    "mark-outside-the-transaction": {"partition stopped", "told settled, but not in the book"},
    "overlay-forgotten": {"partition stopped"},
    "refusal-before-known-id": {"refused, but it stands in the book"},
    "settled-without-epoch": {"told settled, but not in the book", "told settled under another event"},
    "stale-before-the-mark": {"told expired, but charged"},
    "trim-before-commit": {"a mark was published before the commit"},
}
"""The checks that may find a planted bug first."""


def simulate(*args: str, cwd: Path = ROOT) -> dict[str, Any]:
    """Run the simulation with the ``livegift`` that lies in ``cwd``."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--jobs", JOBS, "--json", "--quiet", *args],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(cwd)},
        timeout=600,
    )
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 1) == bool(report["violations"])
    return report


@pytest.mark.parametrize(("store", "seeds"), [("sqlite", 10), ("postgres", 4)])
def test_seeded_worlds_keep_every_promise(store: str, seeds: int) -> None:
    report = simulate("--seeds", str(seeds), "--store", store)
    assert report["violations"] == []
    assert report["seeds"] == seeds
    assert report["gifts_settled_min"] >= 500
    assert report["faults_min"] >= 10
    assert [kind for kind, strikes in report["strikes"].items() if strikes == 0] == []


def test_a_seed_replays_to_the_same_trace() -> None:
    """Beside other worlds or alone, every I/O call and every reply comes in the same order at the same time."""
    traces = [simulate("--from", first, "--seeds", count)["traces"]["7"] for first, count in (("7", "1"), ("6", "2"))]
    assert traces[0] == traces[1]


@pytest.mark.parametrize("patch", PLANTED, ids=lambda patch: patch.stem)
def test_a_planted_bug_is_found(patch: Path, tmp_path: Path) -> None:
    shutil.copytree(Path(livegift.__file__).parent, tmp_path / "livegift", ignore=shutil.ignore_patterns("web"))
    shutil.copytree(ROOT / "tests", tmp_path / "tests")
    # Without a repository around it git takes the paths as they are.
    subprocess.run(
        ["git", "apply", "--verbose", str(patch)],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
    )
    report = simulate("--seeds", str(SEEDS_MAX), "--stop", cwd=tmp_path)
    assert report["violations"], f"{patch.stem} was not found within {SEEDS_MAX} seeds"
    first = report["violations"][0]
    print(f"{patch.stem}: seed {first['seed']}, {first['check']}: {first['detail']}")
    assert first["check"] in CHECKS[patch.stem]


def test_every_planted_bug_says_how_it_is_found() -> None:
    assert {patch.stem for patch in PLANTED} == set(CHECKS)
    assert len(PLANTED) == 11
