"""A Dockerfile as a list of stages. Reads what ours uses, and refuses everything else."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

WORDS = ("COPY", "RUN", "ENV", "WORKDIR", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD")


@dataclass(slots=True)
class Stage:
    """What one FROM begins."""

    image: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str:
        """Return what stands behind the last instruction of that word; raises ``LookupError`` without one."""
        return [rest for one, rest in self.steps if one == word][-1]

    def command(self) -> list[str]:
        """Return what a container of this stage runs."""
        return [*json.loads(self.last("ENTRYPOINT")), *json.loads(self.last("CMD"))]

    def healthcheck(self) -> list[str]:
        """Return the command that says whether it is healthy."""
        return list(json.loads(self.last("HEALTHCHECK").partition("CMD ")[2]))


def read(path: Path) -> list[Stage]:
    """Return the stages of a Dockerfile; raises ``ValueError`` for an instruction that is not known here."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            image, *named = re.split(r"\s+AS\s+", rest)
            stages.append(Stage(image, named[0] if named else ""))
        elif word in WORDS:
            stages[-1].steps.append((word, rest.strip()))
        elif word:
            raise ValueError(f"{path}: {word} is not known here")
    return stages


def variables(text: str, known: dict[str, str]) -> dict[str, str]:
    """Return what an ENV sets, with ``$NAME`` out of what is known."""
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: re.sub(r"\$(\w+)", lambda m: known[m[1]], value) for name, _, value in pairs}
