"""The commit of a checkout, of every kind that git makes."""

from pathlib import Path

from livegift import __version__
from livegift.build import commit, version

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_version_is_the_packages() -> None:
    assert version == __version__


def test_an_installed_wheel_has_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) is None


def test_a_branch_a_packed_branch_and_a_detached_head_are_read(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text(f"{COMMIT}\n")
    assert commit(tmp_path) == "0123456789"
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT[::-1]} refs/heads/main\n{COMMIT} refs/heads/other\n")
    assert commit(tmp_path) == "76543210fe"
    (git / "refs/heads/main").write_text(f"{COMMIT}\n")
    assert commit(tmp_path) == "0123456789"
    (git / "HEAD").write_text("ref: refs/heads/new\n")
    assert commit(tmp_path) is None  # nothing was committed to it


def test_a_worktree_finds_its_branch_in_the_shared_directory(tmp_path: Path) -> None:
    shared, own, tree = tmp_path / "main/.git", tmp_path / "main/.git/worktrees/w", tmp_path / "w"
    for folder in (own, shared / "refs/heads", tree):
        folder.mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {own}\n")
    (own / "HEAD").write_text("ref: refs/heads/work\n")
    (own / "commondir").write_text("../..\n")
    (shared / "refs/heads/work").write_text(f"{COMMIT}\n")
    assert commit(tree) == "0123456789"
