"""Which edge process a connection ends at, as the kernel tells it: by the port it comes from and who holds its end."""

import contextlib
from pathlib import Path

from livegift_client import Client

ESTABLISHED = "01"


def edge_of(client: Client, edges: list[int]) -> int | None:
    """Return the id of the edge that holds this connection's other end, None if there is none (yet)."""
    wire = client._link._wire
    if wire is None or wire.transport.is_closing():
        return None
    here, there = wire.transport.get_extra_info("sockname"), wire.transport.get_extra_info("peername")
    if here is None or there is None:
        return None
    inode = _inode(local_port=there[1], remote_port=here[1])
    return next((pid for pid in edges if inode is not None and _holds(pid, inode)), None)


def children(pid: int) -> list[int]:
    """Return the ids of a process' children."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _inode(*, local_port: int, remote_port: int) -> str | None:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, _, _, _, _, _, inode, *_ = line.split()
        ports = int(local.partition(":")[2], 16), int(remote.partition(":")[2], 16)
        if ports == (local_port, remote_port) and state == ESTABLISHED:
            return inode
    return None


def _holds(pid: int, inode: str) -> bool:
    with contextlib.suppress(OSError):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(fd.readlink()) == f"socket:[{inode}]":
                    return True
    return False
