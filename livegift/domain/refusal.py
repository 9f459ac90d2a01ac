"""A refusal is an answer, not an error: it has a code of wire protocol v1 and, for some, figures."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was not carried out; nothing has changed. ``extra``: balance, needed, price_coins, now_ms."""

    code: str
    message: str
    extra: dict[str, int] = field(default_factory=dict)
