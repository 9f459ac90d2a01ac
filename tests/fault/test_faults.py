"""The short fault run, on either book: every kind of fault once, but for those that take long; kills between them."""

from pathlib import Path

import pytest

from tests.fault.faults import KILLS, OTHERS
from tests.fault.run import Options, run

SECONDS = 42.0
"""With its beginning and end about 65 s; on a busy machine it goes on until every kind has been."""


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_no_gift_is_lost_or_doubled_whatever_fails(tmp_path: Path, store: str) -> None:
    report = await run(tmp_path, Options(seconds=SECONDS, store=store))
    assert report["failures"] == []
    assert (report["lost"], report["doubled"], report["drift"]) == (0, 0, 0)
    assert report["bots_exit_code"] == 0
    found = {fault["name"]: fault for fault in report["faults"]}
    assert set(found) == {
        fault.name for fault in (*KILLS, *OTHERS) if not fault.is_long and fault.store in (None, store)
    }
    assert all(fault["settled"] == fault["accepted"] > 0 for fault in found.values())
    # What cannot be felt has not been done.
    assert report["unsynced_bytes_cut"] > 0
    assert report["replies_lost"] > 0
    assert report["sent_twice_through_two_edges"] > 0
    for name in ("SQL stopped", "SQL disk full", "AOF disk full", "Redis out of memory", "SIGSTOP valkey"):
        assert found[name]["stall_ms_max"] > 500, name
