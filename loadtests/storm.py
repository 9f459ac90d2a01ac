"""The storm scenario: all viewers lose their sockets at once and come back, while honest senders go on gifting.

It is a steady run of the senders alone, and judged as one; viewers are many and cheap and live in processes of their
own (``returning``). They come back as anybody's would: with the SDK's jitter, and with ``since``, so that the server
may send them what they missed instead of a snapshot; each keeps book of holes and repeats, and at the end all must
stand where the room stands. What breaks may be the network (``drop``), the server's edges (``kill``: SIGKILL, as an
accident would), or nothing at all (``drain``: an operator restarts the edges one after the other).
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from joserfc import jwt
from joserfc.jwk import OctKey
from livegift_client import Api

from loadtests.crowd import Crowd, spread
from loadtests.histogram import Histogram
from loadtests.people import log_in
from loadtests.report import Report
from loadtests.return_frames import ReturnPlan, Told, loopback
from loadtests.steady import Progress, Steady
from loadtests.tally import Gift
from loadtests.usage import Processes

CALM_SHARE = 0.4
"""Share of ``seconds`` that is calm before the storm breaks; the rest is calm after all are back."""
VIEWERS_A_PERSON = 10
"""Without the server's data directory people are made by HTTP, which would take most of the time."""
BACK_S = 60.0
POLL_S = 0.05
JOINED_S = 300.0
END_S = 10.0
TOKEN_S = 7_200
MARK = "storm"

Strike = Literal["drop", "kill", "drain"]


@dataclass(slots=True, kw_only=True)
class Storm:
    """One run: ``viewers`` whom a storm befalls, and ``senders`` beside them who gift.

    ``seconds`` of calm, before and after together; the run lasts as much longer as viewers need to come and to return.
    """

    url: str
    rooms: int
    viewers: int
    senders: int
    rate: float
    seconds: float
    seed: int
    strike: Strike = "drop"
    processes: int = 2
    data: Path | None = None
    progress: Progress = lambda what, done, total: None
    struck_ms: float = field(default=0.0, init=False)
    back_ms: float | None = field(default=None, init=False)
    told: list[Told] = field(default_factory=list, init=False)
    figures: dict[str, float | None] = field(default_factory=dict, init=False)
    failures: list[str] = field(default_factory=list, init=False)

    async def run(self) -> Report:
        """Run and judge. Raises ``Unreachable`` or ``HttpFailed`` (perhaps in a group) if it can't even begin."""
        steady = Steady(
            url=self.url,
            rooms=self.rooms,
            viewers=max(self.senders, self.rooms),
            senders=self.senders,
            rate=self.rate,
            seconds=JOINED_S + BACK_S + self.seconds,
            seed=self.seed,
            data=self.data,
            progress=self.progress,
        )
        steady.meanwhile = lambda: self._storm(steady)
        report = await steady.run()
        add_storm(report, self.told, steady.tally.gifts, struck_ms=self.struck_ms, calm_ms=self.back_ms)
        report["figures"] |= self.figures
        report["failures"] += self.failures
        report["scenario"] = "storm"
        names = ("rooms", "viewers", "senders", "rate", "seconds", "strike", "seed")
        report["parameters"] = {name: getattr(self, name) for name in names}
        return report

    async def _storm(self, steady: Steady) -> None:
        """Fill the rooms, break the storm, wait until all are back, and let the run end."""
        try:
            rooms = [bot.room for bot in steady.bots[: self.rooms]]
            before_kb = await self._edge_kb()
            async with returners(await self._plan(rooms), processes=self.processes) as crowd:
                self.figures["joined_s"] = max(one["join_s"] for one in await self._ask(crowd))
                if before_kb is not None:
                    gained_kb = (await self._edge_kb() or 0) - before_kb
                    self.figures["kb_per_connection"] = round(gained_kb / self.viewers, 2)
                await asyncio.sleep(self.seconds * CALM_SHARE)
                await self._break(steady, crowd)
                await asyncio.sleep(self.seconds * (1 - CALM_SHARE))
                steady.finish.set()
                await self._see_the_end(steady, crowd, rooms)
        finally:
            steady.finish.set()

    async def _break(self, steady: Steady, crowd: Crowd) -> None:
        steady.mark(MARK)
        self.struck_ms = asyncio.get_running_loop().time() * 1_000
        await crowd.ask("drop" if self.strike == "drop" else "strike")
        await self._hit()
        loop = asyncio.get_running_loop()
        until = loop.time() + BACK_S
        while loop.time() < until:
            counts = await crowd.ask("back")
            back, live = (sum(count[at] for count in counts) for at in (0, 1))
            self.progress("coming back", live, self.viewers)
            if live == self.viewers and (self.strike == "drain" or back == self.viewers):
                self.back_ms = loop.time() * 1_000
                return
            await asyncio.sleep(POLL_S)

    async def _hit(self) -> None:
        """Do to the server what this storm is about; returns when that is done."""
        if self.strike == "drop":
            return
        assert self.data is not None, "which server?"
        if self.strike == "kill":
            for pid in (await Processes.of(self.data)).of_role("edge"):
                os.kill(pid, signal.SIGKILL)
            return
        words = ("-m", "livegift.cli", "restart-edges", "--data", str(self.data))
        process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.DEVNULL)
        if await process.wait():
            self.failures.append(f"livegift restart-edges ended with {process.returncode}")

    async def _see_the_end(self, steady: Steady, crowd: Crowd, rooms: Sequence[str]) -> None:
        """Every viewer must come to stand where those stand who were there all along."""
        await steady.gifted.wait()
        loop = asyncio.get_running_loop()
        until = loop.time() + END_S
        while True:
            self.told = await self._ask(crowd)
            ends = {bot.room: f"{bot.feed.epoch}-{bot.feed.offset}" for bot in steady.bots}
            astray = sum(
                count
                for one in self.told
                for room, places in one["places"].items()
                for place, count in places.items()
                if place != ends[room]
            )
            if not (astray or steady.tally.open) or loop.time() > until:
                break
            await asyncio.sleep(0.25)
        if astray:
            self.failures.append(f"{astray} viewers do not stand where their room stands")

    async def _ask(self, crowd: Crowd) -> list[Told]:
        told: list[Told] = await crowd.ask("told")
        return told

    async def _edge_kb(self) -> int | None:
        return (await Processes.of(self.data)).usage().rss_kb["edge"] if self.data is not None else None

    async def _plan(self, rooms: Sequence[str]) -> ReturnPlan:
        host, _, port = self.url.removeprefix("http://").rstrip("/").partition(":")
        tokens = await self._tokens()
        people = [(tokens[number % len(tokens)], rooms[number % len(rooms)]) for number in range(self.viewers)]
        return ReturnPlan(host=host, port=int(port or 80), path="/v1/ws", addresses=loopback(host), people=people)

    async def _tokens(self) -> list[str]:
        """Everybody is a person of their own if we may sign tokens as the platform would, else ten connections are."""
        if self.data is not None:
            key = OctKey.import_key(bytes.fromhex((self.data / "secret.key").read_text().strip()))
            return [_token(key, f"storm-{self.seed}-{number}") for number in range(self.viewers)]
        async with Api(self.url, proxy=False) as api:
            names = (f"Storm {number + 1}" for number in range(-(-self.viewers // VIEWERS_A_PERSON)))
            return [login.token for login in await log_in(api, names)]


def _token(key: OctKey, user: str) -> str:
    now_s = int(time.time())
    claims = {"sub": user, "name": user, "role": "viewer", "iat": now_s, "exp": now_s + TOKEN_S}
    return jwt.encode({"alg": "HS256"}, claims, key)


@asynccontextmanager
async def returners(plan: ReturnPlan, *, processes: int) -> AsyncIterator[Crowd]:
    """Let the viewers of a plan join, spread over so many processes; they leave with the block."""
    parts = [
        plan | {"people": plan["people"][first::processes]} for first in range(min(processes, len(plan["people"])))
    ]
    async with spread("loadtests.returning", [json.dumps(part) for part in parts]) as crowd:
        yield crowd


def add_storm(
    report: Report, told: Sequence[Told], gifts: Sequence[Gift], *, struck_ms: float, calm_ms: float | None
) -> None:
    """Add to a steady run's report how those who fell came back, and how honest senders fared until all were.

    ``all_back_ms`` is None if somebody never came, which is a failure.
    """
    back, away, joined = Histogram(), Histogram(), Histogram()
    for one in told:
        for histogram, times in ((back, one["back_ms"]), (away, one["away_ms"]), (joined, one["join_ms"])):
            for time_ms in times:
                histogram.record(time_ms)
    sums: dict[str, Any] = {
        name: sum(one[name] for one in told)
        for name in ("viewers", "live", "fallen", "back", "recovered", "holes", "doubled", "ended", "failed", "refused")
    }
    in_storm, in_calm = Histogram(), Histogram()
    for gift in gifts:
        if gift.accepted_ms is not None:
            is_in_storm = struck_ms <= gift.planned_ms <= (calm_ms or float("inf"))
            (in_storm if is_in_storm else in_calm).record(gift.accepted_ms - gift.planned_ms)
    report["figures"] = {
        "fallen": sums["fallen"],
        "back": sums["back"],
        "recovered": sums["recovered"],
        "snapshots": sums["back"] - sums["recovered"],
        "failed_attempts": sums["failed"],
        "refused_attempts": sums["refused"],
        "all_back_ms": None if calm_ms is None else round(calm_ms - struck_ms, 1),
        "gifts_in_storm": in_storm.count,
    }
    report["latency_ms"] |= {
        "joined": joined.summary(),
        "back_after_storm": back.summary(),
        "away": away.summary(),
        "accepted_in_storm": in_storm.summary(),
        "accepted_in_calm": in_calm.summary(),
    }
    report["doubled"] += sums["doubled"]
    report["out_of_order"] += sums["holes"]
    report["bot_limited"] |= any(one["is_limited"] for one in told)
    report["machine"] |= {
        "viewers_cpu_share": [round(one["cpu_share"], 3) for one in told],
        "viewers_lag_p99_ms": [one["lag_p99_ms"] for one in told],
    }
    if calm_ms is None:
        report["failures"].append(f"{sums['viewers'] - sums['live']} of {sums['viewers']} viewers never came back")
