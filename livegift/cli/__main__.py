"""``python -m livegift.cli``: the same as ``livegift``."""

import sys

from livegift.cli import main

if __name__ == "__main__":
    sys.exit(main())
