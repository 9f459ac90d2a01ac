"""``livegift conformance`` as a command: what it takes, what it prints, and its exit code."""

import asyncio
import sys
from typing import Annotated

import orjson
from cyclopts import Parameter
from msgspec import to_builtins

from livegift.conformance.verdict import CodecName, Report, Verdict


def conformance(
    *bridge: Annotated[str, Parameter(help="The program around the SDK, and its arguments.", show_env_var=False)],
    codec: Annotated[CodecName, Parameter(help="The subprotocol to speak.", show_env_var=False)] = "json",
    only: Annotated[
        tuple[str, ...], Parameter(help="Play this scenario; may be repeated.", negative="", show_env_var=False)
    ] = (),
    patience: Annotated[float, Parameter(help="Seconds to wait for a reaction.", show_env_var=False)] = 10.0,
    as_json: Annotated[
        bool, Parameter(name="--json", negative="", show_env_var=False, help="Print JSON for programs.")
    ] = False,
) -> int:
    """Play faults to an SDK that speaks our protocol, and say what it gets wrong. Needs no server and no data.

    BRIDGE is a program that drives the SDK: commands on its stdin, reports on its stdout, both as JSON lines; see
    docs/conformance.md. Everything takes place on a free port of this machine. Exits 1 if anything is wrong.

    Examples: `livegift conformance -- node clients/web/conformance/bridge.mjs` ·
    `livegift conformance --only gap --codec msgpack -- python clients/python/conformance/bridge.py`
    """
    from livegift.conformance.script import play

    say = _ignore if as_json else _print_verdict
    patience_ms = round(patience * 1_000)
    report = asyncio.run(play(bridge, codec=codec, only=only, patience_ms=patience_ms, on_verdict=say))
    if as_json:
        sys.stdout.write(orjson.dumps(to_builtins(report), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _print_sum(report)
    return int(not report.ok)


def _ignore(_: Verdict) -> None:
    """It comes with the report."""


def _print_verdict(one: Verdict) -> None:
    sys.stdout.write(f"{one.verdict:<9}{one.name:<16}{(one.wrong and f'The SDK {one.wrong}.') or one.title}\n")
    sys.stdout.flush()


def _print_sum(report: Report) -> None:
    wrong = sum(one.verdict == "wrong" for one in report.scenarios)
    played = len(report.scenarios)
    found = f"{played} scenario{'s' if played != 1 else ''}, {wrong or 'nothing'} wrong"
    sys.stdout.write(f"{report.sdk}, {report.codec}: {found}.\n")
