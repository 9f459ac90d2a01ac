"""``python -m tests.fault --seconds 120 --every 6 --json``: kill -9 under load; exit 1 at any loss, double or drift."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.fault.kills import run


def main() -> int:
    """Run and print the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="length of the load")
    parser.add_argument("--every", type=float, default=6, help="seconds between two kills")
    parser.add_argument("--rate", type=float, default=100, help="gifts a second")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="livegift-fault-") as folder:
        found = asyncio.run(
            run(
                Path(folder) / "data",
                seconds=args.seconds,
                every_s=args.every,
                rate=args.rate,
                progress=lambda line: print(line, file=sys.stderr, flush=True),
            )
        )
    print(json.dumps(found, indent=None if args.json else 2))
    return found["bots_exit_code"]


if __name__ == "__main__":
    sys.exit(main())
