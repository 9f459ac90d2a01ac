"""Secrets that stand in files, as Docker, Kubernetes and systemd hand them to a process.

A file's mode is not judged: such mounts are often 0644 in a directory that nobody else can enter. No error repeats what
a file holds.
"""

from collections.abc import MutableMapping
from pathlib import Path

from livegift.errors import CannotRun

SECRET_BYTES_MAX = 65_536
IN_FILES = ("LIVEGIFT_STORE", "LIVEGIFT_REDIS_URL")
"""Variables that may stand in a file, which the variable with ``_FILE`` behind it names."""


def read_files(environment: MutableMapping[str, str]) -> None:
    """Put what stands in the files that ``LIVEGIFT_STORE_FILE`` and the like name in place of these variables.

    Raises ``CannotRun`` for a file that ``read_secret`` does not take, and for one beside the variable itself.
    """
    for name in IN_FILES:
        path = environment.get(f"{name}_FILE")
        if path is None:
            continue
        if name in environment:
            raise CannotRun(f"{name} and {name}_FILE are both set; leave one out.")
        environment[name] = read_secret(Path(path), setting=f"{name}_FILE")
        del environment[f"{name}_FILE"]


def read_secret(path: Path, *, setting: str) -> str:
    """Return the text of that file without the white space around it.

    ``setting`` is what named the file, for the errors. Raises ``CannotRun`` if there is nothing to be read, or what
    there is can't be a secret.
    """
    try:
        with path.open("rb") as file:
            found = file.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise CannotRun(f"{setting} names {path}, which can't be read: {error.strerror}.") from error
    if len(found) > SECRET_BYTES_MAX:
        raise CannotRun(f"{setting} names {path}, which is larger than {SECRET_BYTES_MAX} bytes.")
    try:
        text = found.decode().strip()
    except UnicodeDecodeError:
        raise CannotRun(f"{setting} names {path}, which is no text (UTF-8).") from None  # the cause holds the bytes
    if not text:
        raise CannotRun(f"{setting} names {path}, which is empty.")
    return text
