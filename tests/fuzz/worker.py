"""One target under atheris, in a process of its own: libFuzzer takes it over and ends it."""

import sys

import atheris

with atheris.instrument_imports(include=["livegift.wire", "livegift.edge.framing", "tests.fuzz.targets"]):
    from tests.fuzz.planted import plant
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """``worker.py <target> <planted bug or ""> <words for libFuzzer …>``."""
    name, planted, *words = sys.argv[1:]
    if planted:
        plant(planted)
    atheris.Setup([sys.argv[0], *words], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
