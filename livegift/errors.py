"""Faults: the world failing, as opposed to refusals (answers, see ``wire/codes.py``) and bugs (asserts).

Each fault says by its class what the caller may do: the same gift id may always be sent again after
``Unavailable`` and ``Busy``; ``CannotRun`` ends the process with exit code 2 and one clear sentence.
"""


class Fault(Exception):
    """The world failed; ``retry_after_ms`` says when trying again makes sense."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_ms: int = 1_000) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Unavailable(Fault):
    """Redis or SQL did not answer; the fate of the call is unknown, the same id may be sent again."""


class Busy(Fault):
    """A bound is reached (journal, queue, hot wallets) or a partition is being recovered."""

    code = "busy"


class CannotRun(Exception):
    """The process can't start or go on; the message is one sentence for the operator. Exit code 2."""


class BookDisagrees(Exception):
    """The journal and the book contradict each other; that partition stops until someone has looked."""
