"""What people write, before others see it: messages with gifts, names, titles.

A filter is a class with ``opened(config)`` and ``clean(text)``; ``words`` and ``none`` are built in, others come by the
entry point group ``livegift.filters``. One that fails costs its text and never a gift.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Protocol

import structlog

from livegift.config import Config
from livegift.domain.words import WordList
from livegift.errors import CannotRun

GROUP = "livegift.filters"
Clean = Callable[[str], str | None]
"""Returns the text as others may see it, or None if they may not see it at all."""

log = structlog.get_logger(__name__)


class Filter(Protocol):
    """Cleans texts. Called from the loop: must not block."""

    def clean(self, text: str) -> str | None:
        """Return the text as others may see it, or None."""


class Words:
    """Masks the words of a file, one a line; lines that begin with ``#`` are none."""

    def __init__(self, words: WordList) -> None:
        self._words = words

    @classmethod
    def opened(cls, config: Config) -> "Words":
        """Read the file; raises ``CannotRun``."""
        if config.filter_words is None:
            raise CannotRun("filter is words: name the file of words with filter_words.")
        try:
            lines = config.filter_words.read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CannotRun(f"{config.filter_words} can't be read: {error}.") from error
        return cls(WordList(line for line in lines if not line.startswith("#")))

    def clean(self, text: str) -> str | None:
        """Return the text with its bad words masked."""
        return self._words.masked(text)


def open_filter(config: Config) -> Clean:
    """Return what the setting ``filter`` names; raises ``CannotRun`` if that can't be had."""
    name = config.filter
    if name == "none":
        return lambda text: text
    if name == "words":
        return safely(Words.opened(config))
    found = entry_points(group=GROUP, name=name)
    if not found:
        others = sorted(entry_points(group=GROUP).names)
        raise CannotRun(f"filter is {name!r}; there are {', '.join(['none', 'words', *others])}.")
    try:
        return safely(next(iter(found)).load().opened(config))
    except Exception as error:  # a stranger's code, at the start: what it says is for the operator
        raise CannotRun(f"filter {name!r} can't be used: {type(error).__name__}: {error}") from error


def safely(own: Filter) -> Clean:
    """Return its ``clean``; what it raises is logged, and nobody sees that text."""

    def clean(text: str) -> str | None:
        try:
            return own.clean(text)
        except Exception as error:  # a stranger's code: the text is lost, but not the gift
            log.error("filter_failed", error=type(error).__name__)
            return None

    return clean
