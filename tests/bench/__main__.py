"""``python -m tests.bench WHAT`` (see ``--help``); each measures one thing and prints one JSON object."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import uvloop

from tests.bench import audit, away, batcher, beside, codec, cpu, fanout, growth, idle, repartition, settle
from tests.bench.deployment import opened_book

Measuring = Coroutine[Any, Any, dict[str, Any]]
STORES = ("sqlite", "postgres")


def main() -> int:
    """Measure and print."""
    args = _parser().parse_args()
    work: dict[str, Callable[[Path, Any], Measuring]] = {
        "batcher": lambda place, _: batcher.run(place, gifts=args.gifts, in_flight=args.in_flight),
        "beside": lambda place, _: beside.run(
            place, viewers=args.viewers, rate=args.rate, burst=args.burst, nice=args.nice, rounds=args.rounds
        ),
        "codec": lambda *_: codec.run(events=args.events),
        "cpu": lambda place, _: cpu.run(
            place, rate=args.rate, senders=args.senders, rooms=args.rooms, seconds=args.seconds
        ),
        "idle": lambda place, _: idle.run(place, connections=args.connections, subscribe=args.subscribe),
        "fanout": lambda place, _: fanout.run(
            place, viewers=args.viewers, rate=args.rate, burst=args.burst, seconds=args.seconds, rounds=args.rounds
        ),
        "growth": lambda place, _: growth.run(
            place,
            deliveries_per_s=args.deliveries_per_s,
            seconds=args.seconds,
            viewers=args.viewers,
            edges_viewers=args.edges_viewers,
        ),
        "settle": lambda place, book: settle.run(
            place, book, rate=args.rate, seconds=args.seconds, senders=args.senders, room_count=args.rooms
        ),
        "away": lambda place, book: away.run(place, book, gifts=args.gifts, partitions=args.partitions),
        "audit": lambda place, book: audit.run(place, book, gifts=args.gifts, senders=args.senders),
        "repartition": lambda place, book: repartition.run(place, book, wallets=args.wallets, partitions=args.to),
    }
    with (
        tempfile.TemporaryDirectory(prefix="livegift-bench-") as folder,
        opened_book(args.store) if "store" in args else nullcontext() as book,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        print(json.dumps(runner.run(work[args.what](Path(folder), book))))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)

    def add(name: str, module: Any, *, with_store: bool = False) -> argparse.ArgumentParser:
        one = what.add_parser(name, help=module.__doc__)
        one.add_argument("--json", action="store_true", help="as always")
        if with_store:
            one.add_argument("--store", choices=STORES, default="sqlite")
        return one

    one = add("batcher", batcher)
    one.add_argument("--gifts", type=int, default=200_000)
    one.add_argument("--in-flight", type=int, default=1_024)
    one = add("beside", beside)
    one.add_argument("--viewers", type=int, default=2_000)
    one.add_argument("--rate", type=float, default=20, help="how often a second")
    one.add_argument("--burst", type=int, default=1, help="events at once")
    one.add_argument("--nice", type=int, nargs="*", default=[0], help="niceness of the edges; several take turns")
    one.add_argument("--rounds", type=int, default=2)
    one = add("codec", codec)
    one.add_argument("--events", type=int, default=10)
    one = add("cpu", cpu)
    one.add_argument("--rate", type=float, default=3_000)
    one.add_argument("--senders", type=int, default=400)
    one.add_argument("--rooms", type=int, default=4)
    one.add_argument("--seconds", type=float, default=10)
    one = add("idle", idle)
    one.add_argument("--connections", type=int, default=5_000)
    one.add_argument("--subscribe", action="store_true")
    one = add("fanout", fanout)
    one.add_argument("--viewers", type=int, default=1_000)
    one.add_argument("--rate", type=float, default=20, help="how often a second")
    one.add_argument("--burst", type=int, default=1, help="events at once")
    one.add_argument("--seconds", type=float, default=5)
    one.add_argument("--rounds", type=int, default=5)
    one = add("growth", growth)
    one.add_argument("--viewers", type=int, nargs="*", default=growth.VIEWERS)
    one.add_argument("--edges-viewers", type=int, default=5_000, help="viewers of the lines with 1, 2 and 4 edges")
    one.add_argument("--deliveries-per-s", type=float, default=40_000)
    one.add_argument("--seconds", type=float, default=10)
    one = add("settle", settle, with_store=True)
    one.add_argument("--rate", type=float, default=200)
    one.add_argument("--senders", type=int, default=400)
    one.add_argument("--rooms", type=int, default=4)
    one.add_argument("--seconds", type=float, default=20)
    one = add("away", away, with_store=True)
    one.add_argument("--gifts", type=int, default=220_000, help="sends; what is beyond the bound is answered busy")
    one.add_argument("--partitions", type=int, default=1)
    one = add("audit", audit, with_store=True)
    one.add_argument("--gifts", type=int, default=1_000_000)
    one.add_argument("--senders", type=int, default=2_000)
    one = add("repartition", repartition, with_store=True)
    one.add_argument("--wallets", type=int, default=1_000_000)
    one.add_argument("--to", type=int, default=64, help="partitions; there are 4 before")
    return parser


if __name__ == "__main__":
    sys.exit(main())
