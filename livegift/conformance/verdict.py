"""What comes of the script, as it is printed and as JSON."""

from typing import Literal

from msgspec import Struct

CodecName = Literal["json", "msgpack"]


class Verdict(Struct, frozen=True):
    """What came of one scenario. ``wrong`` goes on after "The SDK"; it is empty where the verdict is ok."""

    name: str
    title: str
    verdict: Literal["ok", "wrong", "left out"]
    wrong: str
    took_ms: int


class Report(Struct, frozen=True):
    """What came of the script. ``sdk`` is what the bridge calls it; ``ok``: nothing is wrong."""

    sdk: str
    codec: CodecName
    ok: bool
    scenarios: list[Verdict]
