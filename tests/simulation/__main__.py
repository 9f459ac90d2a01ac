"""Run worlds: ``python -m tests.simulation --seeds 1000 [--jobs 2] [--json]``, or one: ``--seed 123 [--narrate]``."""

import os
import sys

if os.environ.get("PYTHONHASHSEED") != "0":
    # The order of sets must not vary, or a seed would not replay.
    os.execve(
        sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"}
    )

from tests.simulation.cli import main

sys.exit(main(sys.argv[1:]))
