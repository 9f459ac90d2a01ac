"""Finding words in a text whatever their case and accents, and masking them. Pure."""

import re
import unicodedata
from collections.abc import Iterable

MASK = "*"


class WordList:
    """Masks words that stand alone or in a row, as ``heck`` in "What the HÉCK!", but not within others."""

    def __init__(self, words: Iterable[str]) -> None:
        plain = sorted({"".join(_plain(one) for one in word.strip()) for word in words} - {""}, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, plain))})(?!\w)") if plain else None

    def masked(self, text: str) -> str:
        """Return the text with each character of a listed word replaced by ``*``."""
        if self._pattern is None:
            return text
        pieces = [_plain(one) for one in text]
        places = [place for place, piece in enumerate(pieces) for _ in piece]
        shown = list(text)
        for found in self._pattern.finditer("".join(pieces)):
            for place in range(places[found.start()], places[found.end() - 1] + 1):
                shown[place] = MASK
        return "".join(shown)


def _plain(character: str) -> str:
    """Return a character without case and accents: nothing for a combining mark, more than one for ``ß``."""
    parts = unicodedata.normalize("NFKD", character.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))
