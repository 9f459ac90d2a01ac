"""Gentle, lively bots for the demo's rooms: named people, streaks of roses, now and then a word or a big gift."""

import asyncio
import random
from itertools import count

from livegift_client import Api, LivegiftError, Receipt, Refused
from livegift_client.backoff import Backoff

from loadtests.people import Bot, FrameCache, log_in
from loadtests.schedule import PRICES, Act, Planned, act

NAMES = (
    *("Amara", "Bruno", "Chloe", "Daniyar", "Elif", "Finn", "Giulia", "Hana", "Imani", "Jonas", "Kavya", "Lucía"),
    *("Mateo", "Noor", "Oskar", "Priya", "Quinn", "Rania", "Sora", "Tomás", "Uma", "Viktor", "Wren", "Yusuf", "Zoë"),
)
BIG = ("castle", "dragon")
BIG_SHARE = 0.01
"""Share of single gifts that are big ones instead of what was drawn."""
DEAREST_COINS = 5_000
"""Dearer gifts are left to the visitor."""
SEAT_BASE_MS, SEAT_CAP_MS = 2_000, 60_000
"""Delays before a seat is taken again; they grow while nobody can stay."""


async def run_demo_bots(url: str, people: int, rooms: list[str], rate: float, seed: int, stop: asyncio.Event) -> None:
    """Let ``people``, spread over ``rooms``, send ``rate`` gifts a second in each until ``stop`` is set.

    Never gives up: it waits for a server that isn't there yet, and who runs out of coins is followed by somebody new.
    """
    chance, frames, number = random.Random(seed), FrameCache(), count()
    async with Api(url, proxy=False) as api, asyncio.TaskGroup() as group:
        tasks = []
        for at, room in enumerate(rooms):
            share = people // len(rooms) + (at < people % len(rooms))
            crowd = Crowd(url, api, room, random.Random(chance.random()), frames, number)
            tasks.append(group.create_task(crowd.live(share, rate=rate)))
        await stop.wait()
        for task in tasks:
            task.cancel()


class Crowd:
    """The bots of one room."""

    def __init__(
        self, url: str, api: Api, room: str, chance: random.Random, frames: FrameCache, number: "count[int]"
    ) -> None:
        self._url, self._api, self._room, self._chance = url, api, room, chance
        self._frames, self._number = frames, number
        self._bots: list[Bot] = []

    async def live(self, people: int, *, rate: float) -> None:
        """Fill the room with ``people`` and let them gift, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(people):
                group.create_task(self._seat())
            while True:
                presses = act(self._chance, at_ms=0.0, sender=0, end_ms=float("inf"))
                awake = [bot for bot in self._bots if bot.client.is_connected]
                if awake:
                    group.create_task(self._gift(self._chance.choice(awake), presses))
                await asyncio.sleep(self._chance.expovariate(rate / len(presses)))

    async def _seat(self) -> None:
        """One seat in the room: a person, and the next one when that person is broke or was shown out."""
        loop, backoff = (
            asyncio.get_running_loop(),
            Backoff(self._chance.random, base_ms=SEAT_BASE_MS, cap_ms=SEAT_CAP_MS),
        )
        while True:
            since_s = loop.time()
            try:
                await self._sit()
            except* LivegiftError:
                pass  # the server isn't there, or doesn't want this one: the next will try
            backoff.connection_ended(lived_ms=(loop.time() - since_s) * 1_000)
            await asyncio.sleep(backoff.next_ms() / 1_000)

    async def _sit(self) -> None:
        [login] = await log_in(self._api, [self._name()])
        bot = Bot(self._url, login, self._room, frames=self._frames)
        self._bots.append(bot)
        try:
            await bot.live()
        finally:
            self._bots.remove(bot)

    async def _gift(self, bot: Bot, presses: list[Act]) -> None:
        last_ms = 0.0
        for at_ms, sender, drawn, drawn_count, message, anonymous in presses:
            await asyncio.sleep((at_ms - last_ms) / 1_000)
            last_ms = at_ms
            is_big = len(presses) == 1 and self._chance.random() < BIG_SHARE
            gift = self._chance.choice(BIG) if is_big else drawn if PRICES[drawn] <= DEAREST_COINS else "rocket"
            many = drawn_count if PRICES[gift] <= PRICES["clap"] else 1
            planned = Planned(0, at_ms, sender, gift, PRICES[gift], many, message, anonymous)
            try:
                bot.post(planned, lambda receipt: _leave_if_broke(bot, receipt))
            except LivegiftError:
                return

    def _name(self) -> str:
        turn, at = divmod(next(self._number), len(NAMES))
        return NAMES[at] if not turn else f"{NAMES[at]} {turn + 1}"


def _leave_if_broke(bot: Bot, receipt: Receipt) -> None:
    if isinstance(receipt.error, Refused) and receipt.error.code == "insufficient_coins":
        bot.over.set()
