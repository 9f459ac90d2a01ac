"""Both loops that write to viewers: the one in Python, and the one in C, compiled here as a build does."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from livegift.edge import writes
from livegift.edge.writes import WriteToEach


@cache
def in_c() -> WriteToEach:
    """Return the compiled loop; the tests need a compiler."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "writes.so"
        assert writes.compile_library(library) is None
        return writes.in_c(library)


WRITERS: dict[str, Callable[[], WriteToEach]] = {"python": lambda: writes.in_python, "c": in_c}
