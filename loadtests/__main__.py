"""``python -m loadtests``."""

import sys

from loadtests.cli import app

if __name__ == "__main__":
    sys.exit(app())
