"""The command line: reads the settings once, runs one thing, and answers with an exit code.

0: done. 1: something was checked and is not right. 2: it can't run; one sentence on stderr says why.
Flags win over ``LIVEGIFT_*`` variables, those over ``livegift.toml`` in the current directory; a name that is no
setting is an error everywhere, because a typo that is ignored is found out when it costs something.
"""

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from livegift.check import insist_on_names
from livegift.cli import actions, book, keys, operating, proofs, serving, trigger, users
from livegift.cli.app import app
from livegift.conformance.command import conformance
from livegift.errors import Fault
from livegift.secrets import read_files
from livegift.supervisor.child import cannot_run

app.command(conformance)

__all__ = ["actions", "book", "keys", "main", "operating", "proofs", "serving", "trigger", "users"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; the console's entry point."""
    try:
        read_files(os.environ)
        insist_on_names()
        code = app(
            sys.argv[1:] if argv is None else list(argv), exit_on_error=False, print_error=False, help_on_error=False
        )
    except CycloptsError as error:
        sys.stderr.write(f"livegift: {error} See livegift --help.\n")
        return 2
    except Fault as error:  # the engine or the book does not answer the audit
        sys.stderr.write(f"livegift: {error}\n")
        return 2
    except Exception as error:
        reason = cannot_run(error)
        if reason is None:
            raise
        sys.stderr.write(f"livegift: {reason}\n")
        return 2
    return code if isinstance(code, int) else 0
