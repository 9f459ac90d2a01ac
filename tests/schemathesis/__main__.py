"""``python -m tests.schemathesis [--examples 200] [--seed 1] [--postgres] [words for schemathesis]``: the long run."""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.postgres import running_postgres
from tests.schemathesis.run import run
from tests.schemathesis.server import demo_server


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.schemathesis", description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="of each operation and kind of data")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the server's data and the report; a new one if left out")
    parser.add_argument("--postgres", action="store_true", help="with the book in a PostgreSQL of the run's own")
    known, words = parser.parse_known_args()
    with ExitStack() as stack:
        folder = known.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="schemathesis-")))
        store = ("--store", stack.enter_context(running_postgres()).create()) if known.postgres else ()
        server = stack.enter_context(demo_server(folder, *store))
        code = run(
            server.url,
            server.data,
            examples=known.examples,
            seed=known.seed,
            folder=folder,
            store=store,
            words=tuple(words),
        )
        return code or server.errors()


if __name__ == "__main__":
    sys.exit(main())
