"""Merkle trees as in RFC 9162, 2.1: one hash for many leaves, and short proofs that one of them is among them. Pure."""

import hashlib
from collections.abc import Iterable, Sequence

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's content."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves: Iterable[bytes]) -> tuple[bytes, int]:
    """Return the tree's hash over leaf hashes in order, and how many they were; holds a logarithm of them."""
    stack: list[tuple[bytes, int]] = []
    count = 0
    for leaf in leaves:
        count += 1
        one, size = leaf, 1
        while stack and stack[-1][1] == size:
            left, _ = stack.pop()
            one, size = _node(left, one), 2 * size
        stack.append((one, size))
    if not stack:
        return EMPTY, 0
    root, _ = stack.pop()
    while stack:
        left, _ = stack.pop()
        root = _node(left, root)
    return root, count


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes beside the way from a leaf to the root, nearest first."""
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*path_of(leaves[:half], index), root_of(leaves[half:])[0]]
    return [*path_of(leaves[half:], index - half), root_of(leaves[:half])[0]]


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
