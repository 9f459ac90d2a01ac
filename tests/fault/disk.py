"""The harness' side of ``disk.c``: a disk that is slow or full while a block lasts, and the power cut.

A power cut takes back what no fsync has made durable, from the newest write on, down to a random one, which may be
torn at a sector's edge. It does so for each file on its own, which is all that a disk promises.
"""

import os
import random
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

SOURCE = Path(__file__).with_name("disk.c")
SECTOR_BYTES = 512
WORDS = struct.Struct("=5Q")
KIND_WRITE, KIND_SYNC = 0, 1

Files = Literal["book", "aof"]


@dataclass(frozen=True, slots=True)
class Write:
    """One write as the spy noted it: where, over what, and how long the file was before."""

    size_before: int
    offset: int
    old: bytes
    length: int


class Disk:
    """The folder that tells ``disk.c`` what to do; ``env`` goes into the environment of the server.

    Used as ``with Disk() as disk``. Everybody may read it, for PostgreSQL does not run as root.
    """

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="livegift-disk-"))
        self.folder.chmod(0o755)
        self.undo = self.folder / "undo"
        self.undo.mkdir()
        library = self.folder / "disk.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        assert compiler, "the fault run needs a C compiler (Debian: apt-get install gcc libc6-dev)"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, SOURCE], check=True)
        self.env = {"LD_PRELOAD": str(library), "FAULT_DISK": str(self.folder)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder)

    @contextmanager
    def full(self, files: Files) -> Iterator[None]:
        """Let nothing more be written to these files."""
        flag = self.folder / f"full-{files}"
        flag.touch()
        try:
            yield
        finally:
            flag.unlink()

    @contextmanager
    def slow(self, files: Files, *, fsync_ms: int) -> Iterator[None]:
        """Let each fsync of these files take so much longer."""
        flag = self.folder / f"slow-{files}"
        (self.folder / "new").write_text(str(fsync_ms))
        (self.folder / "new").rename(flag)
        try:
            yield
        finally:
            flag.unlink()

    def cut_power(self, files: list[Path], chance: random.Random) -> int:
        """Leave of these files what a power cut may leave; nobody may have them open. Returns the bytes taken back."""
        return sum(self._cut(path, chance) for path in files)

    def _cut(self, path: Path, chance: random.Random) -> int:
        log = self.undo / path.name
        if not log.exists() or not path.exists():
            return 0
        writes = unsynced(log.read_bytes())
        log.unlink()
        kept = chance.randint(0, len(writes))
        with path.open("r+b") as file:
            for write in reversed(writes[kept:]):
                _take_back(file.fileno(), write, keep=0)
            if kept and chance.random() < 0.5:
                torn = writes[kept - 1]
                is_appended = not torn.old
                keep = chance.randint(0, torn.length)
                _take_back(file.fileno(), torn, keep=keep if is_appended else keep // SECTOR_BYTES * SECTOR_BYTES)
            os.fsync(file.fileno())
        return sum(write.length for write in writes[kept:])


def unsynced(log: bytes) -> list[Write]:
    """Return the writes in an undo log that no fsync has covered, oldest first."""
    if len(log) < 8:
        return []
    (valid,) = struct.unpack_from("=Q", log)
    body = log[8 : 8 + valid]
    writes: list[tuple[int, Write]] = []
    durable = at = 0
    while at < len(body):
        kind, size, offset, old, length = WORDS.unpack_from(body, at)
        start, at = at, at + WORDS.size
        if kind == KIND_SYNC:
            durable = max(durable, size)
            continue
        assert kind == KIND_WRITE, f"a record of kind {kind} at {start} in an undo log"
        writes.append((start, Write(size, offset, body[at : at + old], length)))
        at += old
    return [write for start, write in writes if start >= durable]


def _take_back(fd: int, write: Write, *, keep: int) -> None:
    """Undo a write but for its first ``keep`` bytes."""
    if write.old[keep:]:
        os.pwrite(fd, write.old[keep:], write.offset + keep)
    if os.fstat(fd).st_size > write.size_before:
        os.ftruncate(fd, max(write.size_before, min(write.offset + keep, os.fstat(fd).st_size) if keep else 0))
