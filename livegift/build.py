"""Which livegift this is: its version and, where it runs from a checkout, the commit that is checked out there."""

import re
from pathlib import Path

from livegift import __version__ as version

__all__ = ["commit", "version"]
CHECKOUT = Path(__file__).parent.parent
SHORT = 10


def commit(checkout: Path = CHECKOUT) -> str | None:
    """Return the short commit; None for an installed wheel. It reads git's files, so that no git is needed."""
    try:
        return _head(checkout)
    except OSError:
        return None


def _head(checkout: Path) -> str | None:
    git = checkout / ".git"
    if git.is_file():  # of a worktree: it names the directory
        git = checkout / git.read_text().removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref: "):
        return head[:SHORT]
    name = head.removeprefix("ref: ")
    shared = git / "commondir"
    store = git / shared.read_text().strip() if shared.is_file() else git
    if (store / name).is_file():
        return (store / name).read_text().strip()[:SHORT]
    packed = re.search(rf"^([0-9a-f]{{40,}}) {re.escape(name)}$", (store / "packed-refs").read_text(), flags=re.M)
    return packed[1][:SHORT] if packed else None
