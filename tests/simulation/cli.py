"""The command line: many seeds over several cores, each core with an engine of its own."""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TextIO

from tests.simulation.report import Report
from tests.simulation.stage import Stage, stage
from tests.simulation.world import Result, World

_stage: Stage | None = None
_open = ExitStack()


def run_seeds(seeds: Iterable[int], set_up: Stage, *, narrate: bool = False) -> Iterator[Result]:
    """Live one world after the other on the same engine."""
    for seed in seeds:
        yield World(seed, set_up, narrate=narrate).run()


def _begin_worker(store: str) -> None:
    global _stage
    _stage = _open.enter_context(stage(store))


def _run_one(seed: int) -> Result:
    assert _stage is not None
    (result,) = run_seeds([seed], _stage)
    return result


def _results(seeds: list[int], *, store: str, jobs: int, narrate: bool) -> Iterator[Result]:
    if jobs == 1 or len(seeds) == 1:
        with stage(store) as set_up:
            yield from run_seeds(seeds, set_up, narrate=narrate)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, _begin_worker, (store,)) as pool:
        yield from pool.imap_unordered(_run_one, seeds)


def _tell(out: TextIO, done: int, result: Result, report: Report, started_s: float) -> None:
    if result.violations:
        out.write(f"\rseed {result.seed}: {result.violations[0].check}: {result.violations[0].detail[:200]}\n")
    out.write(f"\r{done} seeds, {report.failed} failed, {time.monotonic() - started_s:.0f} s ")
    out.flush()


def main(argv: list[str]) -> int:
    """Run seeds and print the report; returns 1 if one found a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="how many seeds (default 100)")
    parser.add_argument(
        "--from", type=int, default=1, dest="first", metavar="SEED", help="the first of them (default 1)"
    )
    parser.add_argument("--seed", type=int, help="run this seed only")
    parser.add_argument("--jobs", type=int, default=2, help="worlds at once, each on a core and an engine of its own")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--narrate", action="store_true", help="print every I/O call (with --seed)")
    parser.add_argument("--stop", action="store_true", help="end at the first seed that finds a violation")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")
    args = parser.parse_args(argv)
    seeds = [args.seed] if args.seed is not None else list(range(args.first, args.first + args.seeds))
    report, started_s = Report(args.store), time.monotonic()
    narrate = args.narrate and len(seeds) == 1
    results = _results(seeds, store=args.store, jobs=args.jobs, narrate=narrate)
    for done, result in enumerate(results, start=1):
        report.add(result)
        if not args.quiet:
            _tell(sys.stderr, done, result, report, started_s)
        if args.stop and result.violations:
            break
    results.close()  # type: ignore[attr-defined]  # the engines end before the report
    report.seconds = time.monotonic() - started_s
    print(json.dumps(report.as_json(), indent=1) if args.json else "\n" + report.as_text())
    return 1 if report.failed else 0
