"""The short fault run: one kill -9 of each process under load; the bots and the audit judge."""

from pathlib import Path

from tests.fault.kills import run


async def test_no_gift_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    report = await run(tmp_path / "data", seconds=14, every_s=3, rate=60, progress=lambda _: None)
    assert report["failures"] == []
    assert (report["lost"], report["doubled"], report["drift"], report["combos_open"]) == (0, 0, 0, 0)
    assert all(fault["times"] >= 1 for fault in report["faults"])
    assert len(report["faults"]) == 3
    assert report["settled"] == report["sent"] > 0
    assert report["bots_exit_code"] == 0
