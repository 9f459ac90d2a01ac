"""A run's report against a real server: written as a page that a browser shows without asking anybody for anything."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.e2e.conftest import Tab

RUN_S = 60.0
STEADY = ("steady", "--rooms", "2", "--viewers", "12", "--senders", "4", "--rate", "8", "--seconds", "2")
FANOUT = ("fanout", "--viewers", "20", "--rate", "10", "--seconds", "2")


async def loadtests(*words: str) -> tuple[int | None, bytes]:
    """Run the command; return its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "loadtests", *words),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        async with asyncio.timeout(RUN_S):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode, out


@pytest.mark.parametrize("scenario", [STEADY, FANOUT], ids=["steady", "fanout"])
async def test_a_report_is_a_page_and_can_be_compared(
    server: dict[str, Any], browser: Browser, tmp_path: Path, scenario: tuple[str, ...]
) -> None:
    page, saved = tmp_path / "report.html", tmp_path / "report.json"
    words = ("--url", server["url"], "--data", str(server["data"]), "--json", "--html", str(page))
    code, out = await loadtests(*scenario, *words)
    assert code == 0, out
    report = json.loads(out)
    assert len(set(map(len, report["over_time"].values()))) == 1
    assert sum(report["over_time"]["seen"]) > 0

    saved.write_bytes(out)
    code, out = await loadtests("compare", str(saved), str(saved), "--strict")
    assert (code, b"figures are worse" in out) == (0, True)

    tab = Tab(await browser.new_page(), page.as_uri())
    await tab.page.goto(page.as_uri())
    assert await tab.page.locator("h1").inner_text() != ""
    histograms = sum(latency["max"] is not None for latency in report["latency_ms"].values())
    of_processes = 3 if report.get("server_over_time") else 0  # those of them that never move are left out
    drawn = await tab.page.locator("svg").count()
    assert 2 + histograms <= drawn <= 2 + histograms + of_processes
    assert (tab.errors, tab.strangers) == ([], [])
