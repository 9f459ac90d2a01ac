"""A small siege of a real server: nothing is lost, and the peers are closed and come again."""

from typing import Any

from loadtests.hostile import Hostile
from loadtests.report import is_clean


async def test_honest_gifts_get_through_a_siege(server: dict[str, Any]) -> None:
    hostile = Hostile(
        **{"url": server["url"], "data": server["data"], "viewers": 8, "senders": 4, "rate": 20.0, "seconds": 2.0},
        **{"silent": 30, "slow": 30, "flooding": 5, "garbage": 30, "pairs": 1, "seed": 3},
    )
    report = await hostile.run()
    assert is_clean(report), report["failures"]
    figures = report["figures"]
    assert report["sent"] == 80
    assert min(figures["silent_came"], figures["slow_came"], figures["garbage_came"]) >= 30
    assert figures["flooding_closed"] >= 5
    assert figures["garbage_closed"] >= 30
    assert figures["server_grew_mb"] is not None
