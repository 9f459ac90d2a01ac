"""A creator's file from a running server, verified elsewhere with the public key that the server publishes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2

from livegift.signing import is_signed
from tests.processes import run_cli
from tests.wire import login, wire


async def test_a_creator_verifies_their_gifts_without_the_server(
    server: dict[str, Any], room: tuple[str, str], tmp_path: Path
) -> None:
    token, ann = await login(server["url"], "Ann")
    async with wire(server["url"], token) as client:
        for _ in range(5):
            assert (await client.gift(room[0], count=2))["type"] == "accepted"
            await client.push("settled")
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
        creator = (await http.get(f"/v1/rooms/{room[0]}")).json()["creator"]["id"]
        file = tmp_path / "gifts.json"
        words = ("creators", "export", creator, str(file), "--data", str(server["data"]))
        done = await asyncio.to_thread(run_cli, *words)
        assert done.returncode == 0, done.stderr
        assert (await asyncio.to_thread(run_cli, *words)).returncode == 2  # the file is there already
        found, after = [], 0
        while page := (await http.get(f"/v1/checkpoints?after={after}&limit=2")).json()["checkpoints"]:
            found += page
            after = page[-1]["number"]
    assert [one["number"] for one in found] == list(range(1, len(found) + 1))
    key = found[-1]["body"]["key"]
    assert key in done.stdout
    text = json.dumps(found[-1]["body"], sort_keys=True, separators=(",", ":"))
    assert is_signed(key, text, found[-1]["signature"])
    assert ann not in file.read_text()
    verified = await asyncio.to_thread(run_cli, "verify", str(file), "--key", key)
    assert (verified.returncode, "10 gifts, 10 coins, 10 points" in verified.stdout) == (0, True)
    file.write_text(file.read_text().replace('"coins": 2', '"coins": 3', 1))
    forged = await asyncio.to_thread(run_cli, "verify", str(file), "--key", key)
    assert (forged.returncode, "is not under its checkpoint" in forged.stderr) == (1, True)
    assert (await asyncio.to_thread(run_cli, "checkpoint", "--data", str(server["data"]), "--json")).returncode == 0
