"""The false disk itself: what was synced stays, what was not may go, full and slow are what they say."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.disk import Disk

FILES = ["book.sqlite3", "book.sqlite3-wal"]
BOOK = """
import sqlite3, sys
book = sqlite3.connect(sys.argv[1], isolation_level=None)
book.execute("PRAGMA journal_mode = WAL")
book.execute("PRAGMA wal_autocheckpoint = 20")
book.execute("PRAGMA synchronous = " + sys.argv[2])
book.execute("CREATE TABLE IF NOT EXISTS entry (number INTEGER PRIMARY KEY, text BLOB)")
for number in range(300):
    book.execute("INSERT INTO entry (text) VALUES (randomblob(900))")
print(book.execute("SELECT count(*) FROM entry").fetchone()[0], flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""
COUNT = "import sqlite3, sys; b = sqlite3.connect(sys.argv[1]); print(*b.execute('PRAGMA integrity_check').fetchone(), \
*b.execute('SELECT count(*) FROM entry').fetchone())"


@pytest.fixture
def disk() -> Iterator[Disk]:
    with Disk() as disk:
        yield disk


def python(program: str, *args: str, disk: Disk | None = None) -> str:
    env = {**os.environ, **(disk.env if disk else {})}
    return subprocess.run(
        [sys.executable, "-c", program, *args], env=env, check=False, capture_output=True, text=True, timeout=60
    ).stdout


def cut_book(disk: Disk, folder: Path, *, synchronous: str, seed: int) -> tuple[int, int]:
    """Write a book, cut the power; returns how many entries were committed and how many are left."""
    path = folder / "book.sqlite3"
    committed = int(python(BOOK, str(path), synchronous, disk=disk))
    disk.cut_power([folder / name for name in FILES], random.Random(seed))
    integrity, left = python(COUNT, str(path)).split()
    assert integrity == "ok"
    return committed, int(left)


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_leaves_every_commit_that_was_synced(disk: Disk, tmp_path: Path, seed: int) -> None:
    for _ in range(2):
        committed, left = cut_book(disk, tmp_path, synchronous="FULL", seed=seed)
        assert left == committed


def test_a_power_cut_takes_commits_that_were_not_synced(disk: Disk, tmp_path: Path) -> None:
    lost = 0
    for seed in range(6):
        committed, left = cut_book(disk, tmp_path, synchronous="NORMAL", seed=seed)
        assert left <= committed
        lost += committed - left
    assert lost > 0


def test_an_appended_file_is_cut_between_what_was_synced_and_what_was_written(disk: Disk, tmp_path: Path) -> None:
    program = (
        "import os, sys; f = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND); os.write(f, b'a' * 5_000); "
        "os.fsync(f); [os.write(f, b'b' * 100) for _ in range(50)]"
    )
    sizes = set()
    for seed in range(8):
        path = tmp_path / f"{seed}.aof"
        python(program, str(path), disk=disk)
        taken = disk.cut_power([path], random.Random(seed))
        left = path.read_bytes()
        sizes.add(len(left))
        assert 5_000 <= len(left) <= 10_000 - taken
        assert left == b"a" * 5_000 + b"b" * (len(left) - 5_000)
    assert len(sizes) > 3


def test_a_full_disk_takes_nothing_and_works_again_afterwards(disk: Disk, tmp_path: Path) -> None:
    program = "import sys; open(sys.argv[1], 'ab', buffering=0).write(b'x'); print('written')"
    path = tmp_path / "1.aof"
    with disk.full("aof"):
        assert python(program, str(path), disk=disk) == ""
        assert python(program, str(tmp_path / "other"), disk=disk) == "written\n"
    assert python(program, str(path), disk=disk) == "written\n"


def test_a_slow_disk_syncs_later(disk: Disk, tmp_path: Path) -> None:
    program = "import os, sys; f = open(sys.argv[1], 'ab'); f.write(b'x'); f.flush(); os.fsync(f.fileno())"
    with disk.slow("book", fsync_ms=400):
        since = time.monotonic()
        python(program, str(tmp_path / "book.sqlite3-wal"), disk=disk)
        assert time.monotonic() - since > 0.4


def test_a_full_disk_lets_postgres_write_where_it_has_its_place(disk: Disk, tmp_path: Path) -> None:
    program = """if True:
        import os, sys
        f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
        for offset in (0, 8):
            try:
                print(os.pwrite(f, b"12345678", offset), os.pwritev(f, [b"1234", b"5678"], offset))
            except OSError as error:
                print(error.errno)
    """
    disk.env["FAULT_POSTGRES"] = str(tmp_path)
    path = tmp_path / "16384"
    path.write_bytes(b"")
    with disk.full("book"):
        assert python(program, str(path), disk=disk) == "28\n28\n"
        path.write_bytes(b"x" * 8)
        assert python(program, str(path), disk=disk) == "8 8\n28\n"
    assert python(program, str(path), disk=disk) == "8 8\n8 8\n"
