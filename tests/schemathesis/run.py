"""A server with people, rooms and a key, and schemathesis before it with all its checks on.

Half of what is asked names somebody or something that exists, so that handlers are reached behind their first look-up.
Luna, who asks with her token, is never the one who is banned or whose tokens end.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from livegift.domain.keys import SCOPES
from livegift.identity.own import mint
from livegift.identity.secret import load_secret

CONFIG = Path(__file__).with_name("schemathesis.toml")
GUESTS = ("ann", "bob", "cleo", "dan")
ROOMS = ("r1", "r2", "luna-tonight", "luna-tomorrow")
COINS = 1_000_000


@dataclass(frozen=True, slots=True)
class Bearers:
    """Who asks: a creator's token, an auditor's, and a platform's key."""

    creator: str
    auditor: str
    key: str


def prepare(url: str, data: Path, store: tuple[str, ...]) -> Bearers:
    """Make people, rooms and a key on a running server."""
    words = [word for scope in SCOPES for word in ("--scope", scope)]
    made = subprocess.run(
        [sys.executable, "-m", "livegift.cli", "keys", "create", "schemathesis", *words, "--data", str(data), *store],
        capture_output=True,
        text=True,
        check=True,
    )
    key, secret = made.stdout.strip(), load_secret(data / "secret.key")
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30) as http:

        def ask(method: str, path: str, body: Any, **headers: str) -> None:
            http.request(method, path, json=body, headers=headers).raise_for_status()

        ask("PUT", "/v1/users/luna", {"name": "Luna", "role": "creator"})
        for guest in GUESTS:
            ask("PUT", f"/v1/users/{guest}", {"name": guest.title()})
            coins = {"coins": COINS, "reason": "for the test"}
            ask("POST", f"/v1/users/{guest}/coins", coins, **{"Idempotency-Key": f"first coins of {guest}"})
        for room in ROOMS[2:]:
            ask("PUT", f"/v1/rooms/{room}", {"title": "Late at Luna's", "creator": "luna"})
    return Bearers(
        mint(secret, "luna", "Luna", "creator", 7_200), mint(secret, "audra", "Audra", "auditor", 7_200), key
    )


def run(
    url: str,
    data: Path,
    *,
    examples: int,
    seed: int,
    folder: Path,
    store: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
) -> int:
    """Let schemathesis ask, and print its report; returns its exit code, 0 if all was as the document says."""
    bearers = prepare(url, data, store)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SCHEMATHESIS_HOOKS": "tests.schemathesis.hooks",
        "CREATOR": bearers.creator,
        "AUDITOR": bearers.auditor,
        "KEY": bearers.key,
    }
    report = ("--report", "json", "--report-json-path", str(folder / "schemathesis.json"))
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        *("--config-file", str(CONFIG), "run", f"{url}/v1/openapi.json", "--url", url),
        *("--max-examples", str(examples), "--seed", str(seed), *report, *words),
    ]
    return subprocess.run(command, env=environment, cwd=folder, check=False).returncode


def report_of(folder: Path) -> dict[str, Any]:
    """Return schemathesis' report of its run in that folder."""
    return dict(json.loads((folder / "schemathesis.json").read_text()))


def never_accepted(report: dict[str, Any]) -> list[str]:
    """Return the operations of which a report knows no request that was carried out."""
    return [
        name
        for name, phases in report["valid_rates"].items()
        if not any(phase["accepted"] for phase in phases.values())
    ]
