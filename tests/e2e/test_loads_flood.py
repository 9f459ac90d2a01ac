"""A small flood against a real server: frames stay near the ticks, every total is exact, and a wrong one is found."""

import asyncio
from typing import Any

import pytest

from loadtests.command import judge
from loadtests.flood import Flood
from loadtests.report import is_clean
from loadtests.room_book import RoomBook


def flood(server: dict[str, Any]) -> Flood:
    """Sixteen senders and four viewers, who live in a process of their own."""
    return Flood(
        url=server["url"], viewers=4, senders=16, rate=80.0, seconds=2.0, frames_max=60.0, bytes_max=200_000.0, seed=5
    )


async def test_a_viewer_gets_few_frames_and_exact_totals(server: dict[str, Any]) -> None:
    report = await flood(server).run()
    assert is_clean(report), report["failures"]
    assert report["settled"] == report["sent"] == 160
    assert 0 < (report["figures"]["viewer_frames_per_s"] or 0) < 60
    assert (report["figures"]["viewer_bytes_per_s"] or 0) > 0
    assert report["seen"] > 160 * 4


async def test_a_gift_too_few_at_the_followers_ends_with_1(
    server: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sums = RoomBook.sums
    # As if one more coin had settled than any viewer was told of.
    monkeypatch.setattr(RoomBook, "sums", lambda book: (sums(book)[0] + 1, sums(book)[1]))
    assert await asyncio.to_thread(judge, flood(server), as_json=True, html=None) == 1
    assert "4 followers end on other sums" in capsys.readouterr().out
