"""``sudo python -m tests.image``: build the image and try a container of it; about two minutes."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""All mounts and processes are gone with the command, however it ends."""


def main() -> int:
    if os.geteuid() != 0:
        sys.stderr.write("tests.image: mounts need root.\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        context, roots = Path(folder, "context"), Path(folder, "roots")
        copy_context(context)
        roots.mkdir()
        command = [*NAMESPACES, sys.executable, "-m", "tests.image.inside", str(context), str(roots)]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


def copy_context(to: Path) -> None:
    """Copy what git knows or would add, as it stands here: no build, no book, no cache."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)


if __name__ == "__main__":
    sys.exit(main())
