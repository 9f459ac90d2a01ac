"""The deployment's secret, which stands in ``<data>/secret.key``."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from livegift.errors import CannotRun

SECRET_BYTES = 32


def load_secret(path: Path) -> bytes:
    """Return the deployment's secret, making it at the first start.

    Safe between processes: the file appears whole or not at all, and the first one stays. Raises ``CannotRun`` for a
    file that others may read, or that holds no secret.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".secret")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its secret stays
                path.hardlink_to(name)
        finally:
            Path(name).unlink()
    if path.stat().st_mode & 0o077:
        raise CannotRun(f"{path} can be read by others: chmod 600 it, or remove it to get a new one (tokens then end)")
    text = path.read_text().strip()
    if len(text) != 2 * SECRET_BYTES or text.strip("0123456789abcdef"):
        raise CannotRun(f"{path} must hold {2 * SECRET_BYTES} hex digits; remove it to get a new one (tokens then end)")
    return bytes.fromhex(text)
