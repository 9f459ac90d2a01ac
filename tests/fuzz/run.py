"""Runs targets in processes of their own, each from a corpus of the golden frames, and reads what libFuzzer says."""

import os
import re
import subprocess
import sys
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from tests.vectors.files import read

REPO = Path(__file__).parents[2]
FRAME_BYTES = 4_096
"""Longest input: longer ones find nothing that shorter ones don't, and slow the fuzzer down."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one target: ``crash`` is None, or what the target raised and the bytes that it was given."""

    target: str
    executions: int
    features: int
    crash: str | None


def run(target: str, folder: Path, *, seconds: int, seed: int, planted: str = "") -> Found:
    """Fuzz one target for so long, or until it has found something."""
    corpus, artifacts = folder / target / "corpus", folder / target / "crashes"
    artifacts.mkdir(parents=True)
    corpus.mkdir()
    for number, one in enumerate(_seeds(target)):
        (corpus / f"golden-{number}").write_bytes(one)
    words = [str(corpus), f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={FRAME_BYTES}"]
    words += [f"-artifact_prefix={artifacts}/", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.worker", target, planted, *words],
        cwd=REPO,
        env=dict(os.environ, PYTHONPATH=str(REPO)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds + 120,
        check=False,
    )
    executions = _last(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
    features = _last(r"ft: (\d+)", done.stdout)
    crash = None
    if done.returncode:
        inputs = [path.read_bytes() for path in sorted(artifacts.iterdir())]
        crash = f"{done.stdout[-3_000:]}\ninput: {inputs}"
    elif not executions:
        crash = f"the fuzzer did nothing:\n{done.stdout[-3_000:]}"
    return Found(target, executions, features, crash)


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _seeds(target: str) -> list[bytes]:
    """Return frames as clients send them, good and bad ones, in the form that the target takes."""
    lines = [line for name in ("commands.jsonl", "unreadable.jsonl") for line in read(name)]
    frames = [b64decode(line["frame"]) for line in lines]
    if target == "codec":
        return frames
    if target == "session":
        steps = [bytes([kind]) + len(one).to_bytes(2, "big") + one for one in frames for kind in (8, 9)]
        return [b"".join(steps[at : at + 12]) for at in range(0, len(steps), 12)]
    masked = [bytes([0x81, 0x80 | min(len(one), 125)]) + b"abcd" + one[:125] for one in frames]
    return [bytes([cut]) + b"".join(masked[at : at + 3]) for cut in (0, 5, 40) for at in range(0, len(masked), 3)]
