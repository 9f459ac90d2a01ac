"""``python -m tests.fault --minutes 10 --json``: real faults under load; exit 1 at any loss, double or drift."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.fault.faults import KILLS, OTHERS
from tests.fault.report import is_clean
from tests.fault.run import Options, run
from tests.fault.stores import CHOICES


def main() -> int:
    """Run and print the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2, help="how long faults follow each other")
    parser.add_argument("--seconds", type=float, help="the same in seconds")
    parser.add_argument("--store", choices=CHOICES, default="sqlite", help="where the book stands")
    parser.add_argument("--rate", type=float, default=60, help="gifts a second of the bots, beside the judge's 45")
    parser.add_argument("--seed", type=int, default=1, help="gives the order of the faults and their lengths")
    parser.add_argument(
        "--kills", type=int, help="kills before each other fault (4; under 5 minutes every kind once a round)"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="FAULT", help="these faults and no others")
    parser.add_argument("--list", action="store_true", help="print the names of the faults")
    parser.add_argument("--keep", type=Path, help="run in this new folder and leave it: books, AOF, serve.log")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    names = [fault.name for fault in (*KILLS, *OTHERS)]
    if args.list:
        print("\n".join(names))
        return 0
    if unknown := [name for name in args.only if name not in names]:
        parser.error(f"no such fault: {', '.join(unknown)}; --list names them")
    options = Options(
        seconds=args.minutes * 60 if args.seconds is None else args.seconds,
        store=args.store,
        rate=args.rate,
        seed=args.seed,
        kills_between=args.kills,
        only=tuple(args.only),
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    if args.keep is not None:
        args.keep.mkdir(parents=True)
        found = asyncio.run(run(args.keep, options))
    else:
        with tempfile.TemporaryDirectory(prefix="livegift-fault-") as folder:
            found = asyncio.run(run(Path(folder), options))
    print(json.dumps(found, indent=None if args.json else 2))
    return 0 if is_clean(found) else 1


if __name__ == "__main__":
    sys.exit(main())
