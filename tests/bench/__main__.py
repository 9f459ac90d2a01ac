"""``python -m tests.bench batcher|cpu|idle [--json]``."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from tests.bench import batcher, cpu, idle


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("batcher", help=batcher.__doc__)
    one.add_argument("--gifts", type=int, default=200_000)
    one.add_argument("--in-flight", type=int, default=1_024)
    two = what.add_parser("cpu", help=cpu.__doc__)
    two.add_argument("--rate", type=float, default=3_000)
    two.add_argument("--senders", type=int, default=400)
    two.add_argument("--rooms", type=int, default=4)
    two.add_argument("--seconds", type=float, default=10)
    three = what.add_parser("idle", help=idle.__doc__)
    three.add_argument("--connections", type=int, default=5_000)
    three.add_argument("--subscribe", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="livegift-bench-") as folder:
        place = Path(folder)
        work: dict[str, Coroutine[Any, Any, dict[str, Any]]] = {}
        if args.what == "batcher":
            work[args.what] = batcher.run(place, gifts=args.gifts, in_flight=args.in_flight)
        elif args.what == "cpu":
            work[args.what] = cpu.run(
                place, rate=args.rate, senders=args.senders, rooms=args.rooms, seconds=args.seconds
            )
        else:
            work[args.what] = idle.run(place, connections=args.connections, subscribe=args.subscribe)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(work[args.what])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
