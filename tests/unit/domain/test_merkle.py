"""Roots and paths as RFC 9162 defines them, for every size and every leaf."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livegift.domain.merkle import Levels, Tree, leaf_hash, root_by_path


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()


@pytest.mark.parametrize("count", range(40))
def test_every_leaf_has_a_path_to_the_root_and_no_other_leads_there(count: int) -> None:
    leaves = [leaf_hash(str(n).encode()) for n in range(count)]
    tree, levels = Tree(), Levels(leaves)
    for at, one in enumerate(leaves):
        assert tree.root == by_definition(leaves[:at])
        tree.add(one)
    root = tree.root
    assert root == by_definition(leaves)
    for index, leaf in enumerate(leaves):
        path = levels.path(index)
        assert root_by_path(leaf, index, count, path) == root
        assert root_by_path(leaf_hash(b"other"), index, count, path) != root
        assert root_by_path(leaf, index, count, [*path, root]) != root
        assert not path or root_by_path(leaf, index, count, path[:-1]) != root
        for other in range(count):
            assert other == index or root_by_path(leaf, other, count, path) != root
    assert root_by_path(root, count, count, []) is None
    assert root_by_path(root, -1, count, []) is None


def test_the_empty_tree_and_a_known_one() -> None:
    assert Tree().root.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(st.integers(0, 300), st.integers(0, 300), st.lists(st.binary(min_size=32, max_size=32), max_size=12))
def test_no_path_makes_it_raise(index: int, count: int, path: list[bytes]) -> None:
    found = root_by_path(leaf_hash(b""), index, count, path)
    assert found is None or len(found) == 32
