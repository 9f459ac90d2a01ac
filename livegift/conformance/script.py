"""The script: which scenarios there are, in which order, and what came of playing them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

from livegift.clock import monotonic_ms
from livegift.conformance import connecting, following, sending
from livegift.conformance.bridge import Bridge, started
from livegift.conformance.server import Stage, opened
from livegift.conformance.trial import LeftOut, Trial, Wrong
from livegift.conformance.verdict import CodecName, Report, Verdict
from livegift.errors import CannotRun
from livegift.wire.codec import CODECS

Scenario = Callable[[Trial], Awaitable[None]]

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.__name__.replace("_", "-"): scenario
    for scenario in (
        connecting.connect,
        connecting.ping,
        connecting.fragments,
        connecting.final_close,
        connecting.other_close,
        connecting.backoff,
        connecting.drain,
        connecting.busy_connect,
        connecting.token_ended,
        connecting.token_refresh,
        following.resume,
        following.repeat,
        following.gap,
        following.not_recovered,
        following.conflation,
        following.epoch,
        following.lost_snapshot,
        following.unknown,
        following.big_numbers,
        following.creator_feed,
        following.creator_cursor,
        following.room_refused,
        sending.send,
        sending.lost_reply,
        sending.until_settled,
        sending.accepted_twice,
        sending.undone,
        sending.temporary,
        sending.price_changed,
        sending.final_refusals,
        sending.bad_id,
    )
}
OPTIONAL: Final = frozenset({"creator-feed", "creator-cursor"})
"""What an SDK may leave out and still conform."""
READY_MS = 10_000
"""How long a bridge may take to say that it is ready."""


async def play(
    bridge_command: Sequence[str],
    *,
    codec: CodecName,
    only: Sequence[str] = (),
    patience_ms: int,
    on_verdict: Callable[[Verdict], None],
) -> Report:
    """Play the scenarios (those named in ``only``, else all). Raises ``CannotRun`` where the bridge is at fault."""
    if not bridge_command:
        raise CannotRun("Name the BRIDGE: the program around the SDK, and its arguments.")
    unknown = sorted(set(only) - set(SCENARIOS))
    if unknown:
        raise CannotRun(f"There is no scenario {unknown[0]!r}; there are {', '.join(SCENARIOS)}.")
    verdicts = []
    async with _theatre(bridge_command, codec, patience_ms) as (sdk, stage, make_trial):
        for name, scenario in SCENARIOS.items():
            if not only or name in only:
                stage.trial = make_trial()
                verdicts.append(await _verdict(name, scenario, stage.trial))
                on_verdict(verdicts[-1])
                stage.trial = None
    return Report(sdk, codec, all(one.verdict != "wrong" for one in verdicts), verdicts)


@asynccontextmanager
async def _theatre(
    command: Sequence[str], codec: CodecName, patience_ms: int
) -> AsyncIterator[tuple[str, Stage, Callable[[], Trial]]]:
    """Have the server and the bridge ready; yields the SDK's name, the stage and a maker of trials."""

    def note() -> None:
        if stage.trial is not None:
            stage.trial.note()

    def make_trial() -> Trial:
        return Trial(bridge, CODECS[f"livegift.v1.{codec}"], url=url, patience_ms=patience_ms)

    async with opened() as (stage, url), started(command, note) as bridge:
        yield await _ready(bridge, stage, make_trial()), stage, make_trial


async def _ready(bridge: Bridge, stage: Stage, waiting: Trial) -> str:
    stage.trial = waiting
    try:
        ready = await waiting.until(lambda: waiting.reported("ready"), "", within_ms=READY_MS)
    except Wrong:
        raise CannotRun(f'The bridge did not write {{"saw":"ready"}} within {READY_MS} ms.') from None
    return str(ready.get("sdk", "the SDK"))


async def _verdict(name: str, scenario: Scenario, trial: Trial) -> Verdict:
    began_ms = monotonic_ms()
    verdict: Literal["ok", "wrong", "left out"] = "ok"
    wrong = ""
    try:
        await scenario(trial)
    except Wrong as found:
        verdict, wrong = "wrong", str(found)
    except LeftOut as found:
        verdict, wrong = "left out" if name in OPTIONAL else "wrong", f"can't do {found}"
    await _end(trial)
    return Verdict(name, (scenario.__doc__ or "").strip(), verdict, wrong, monotonic_ms() - began_ms)


async def _end(trial: Trial) -> None:
    """Let the client leave, so that the next scenario hears nothing of it."""
    trial.peers.clear()
    trial.bridge.reports.clear()
    await trial.tell("close")
    try:
        await trial.until(lambda: trial.reported("left"), "")
    except (Wrong, LeftOut):
        raise CannotRun('The bridge did not answer `close` with {"saw":"left"}.') from None
    trial.bridge.reports.clear()
