"""Merkle trees as in RFC 9162, 2.1: one hash for many leaves, and short proofs that one of them is among them. Pure."""

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's content."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf; holds a logarithm of them."""

    def __init__(self) -> None:
        self._stack: list[tuple[bytes, int]] = []

    def add(self, leaf: bytes) -> None:
        """Append a leaf's hash."""
        one, size = leaf, 1
        while self._stack and self._stack[-1][1] == size:
            left, _ = self._stack.pop()
            one, size = _node(left, one), 2 * size
        self._stack.append((one, size))

    @property
    def root(self) -> bytes:
        """The hash over all leaves so far."""
        if not self._stack:
            return EMPTY
        root = self._stack[-1][0]
        for left, _ in reversed(self._stack[:-1]):
            root = _node(left, root)
        return root


class Levels:
    """A whole tree, for the paths of many of its leaves: twice as many hashes as there are leaves."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self._levels = [list(leaves)]
        while len(below := self._levels[-1]) > 1:
            above = [_node(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)]
            self._levels.append(above + below[len(below) & ~1 :])  # one that is alone moves up as it is

    def path(self, index: int) -> list[bytes]:
        """Return the hashes beside the way from a leaf to the root, nearest first."""
        path = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                path.append(level[index ^ 1])
            index >>= 1
        return path


def root_by_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root to which a path leads from the leaf at ``index`` of ``count``; None if it is no path there."""
    if not 0 <= index < count:
        return None
    here, last, root = index, count - 1, leaf
    for beside in path:
        if last == 0:
            return None
        if here & 1 or here == last:
            root = _node(beside, root)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            root = _node(root, beside)
        here, last = here >> 1, last >> 1
    return root if last == 0 else None
