"""What a server on this machine uses, by role: CPU and memory from /proc, of the processes its admin port names."""

import json
import os
from pathlib import Path
from typing import NamedTuple

import httpx2

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """CPU seconds, user and system, and resident kB of all processes of each role."""

    cpu_s: dict[str, float]
    rss_kb: dict[str, int]


class Processes:
    """The processes of the server whose data directory it is."""

    def __init__(self, admin_url: str, pids: dict[int, str]) -> None:
        self._admin_url = admin_url
        self._pids = pids

    @classmethod
    async def of(cls, data: Path) -> "Processes":
        """Ask the server. Raises ``OSError`` or ``httpx2.HTTPError`` if it doesn't run."""
        record = json.loads((data / "serve.json").read_text())
        async with httpx2.AsyncClient(base_url=record["admin_url"], trust_env=False) as http:
            status = (await http.get("/status")).json()
        return cls(record["admin_url"], {process["pid"]: process["role"] for process in status["processes"]})

    async def metric(self, name: str) -> float:
        """Return a metric's sum over all processes; each tells its own once a second. Raises ``httpx2.HTTPError``."""
        async with httpx2.AsyncClient(base_url=self._admin_url, trust_env=False) as http:
            text = (await http.get("/metrics")).text
        lines = [line for line in text.splitlines() if line.partition("{")[0] == name]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def of_role(self, role: str) -> list[int]:
        """Return the process ids of a role."""
        return [pid for pid, found in self._pids.items() if found == role]

    def usage(self) -> Usage:
        """Return what they have used up to now. Raises ``FileNotFoundError`` if one has ended."""
        cpu_s: dict[str, float] = {}
        rss: dict[str, int] = {}
        for pid, role in self._pids.items():
            cpu_s[role] = cpu_s.get(role, 0.0) + cpu_seconds(pid)
            rss[role] = rss.get(role, 0) + rss_kb(pid)
        return Usage(cpu_s, rss)

    def each(self) -> dict[str, "Sample"]:
        """Return what each process has and holds, by names like ``edge 2``. Raises ``FileNotFoundError`` as above."""
        met: dict[str, int] = {}
        samples: dict[str, Sample] = {}
        for pid, role in self._pids.items():
            met[role] = met.get(role, 0) + 1
            name = f"{role} {met[role]}" if len(self.of_role(role)) > 1 else role
            samples[name] = Sample(cpu_seconds(pid), rss_kb(pid), descriptors(pid))
        return samples


class Sample(NamedTuple):
    """One process at one moment: CPU seconds so far, resident kB, open descriptors (None if that isn't ours to see)."""

    cpu_s: float
    rss_kb: int
    descriptors: int | None


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds, user and system, that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rss_kb(pid: int) -> int:
    """Return a process' resident memory in kB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1_024


def descriptors(pid: int) -> int | None:
    """Return how many descriptors a process has open, None if it belongs to somebody else."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except PermissionError:
        return None
