"""``python -m tests.fuzz [--seconds 1800] [--seed 1] [targets …]``: fuzz codec, session and framing, led by coverage.

The seconds are shared out between the targets. Prints what became of each, and exits 1 if something was found.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="all of them if none is named")
    parser.add_argument("--seconds", type=int, default=1_800, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    known = parser.parse_args()
    names = known.targets or list(TARGETS)
    crashes = 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for name in names:
            found = run(name, Path(folder), seconds=max(1, known.seconds // len(names)), seed=known.seed)
            print(f"{name}: {found.executions:,} inputs, {found.features} features, crash: {found.crash or 'none'}")
            crashes += found.crash is not None
    return int(crashes > 0)


if __name__ == "__main__":
    sys.exit(main())
