"""The people of a world: senders with a plan each, and the network between them and the edges.

A person makes an id once and sends it until the answer is final; sometimes over both edges at once, sometimes long
after it was answered, sometimes with another content under the same id.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from livegift.domain.refusal import Refusal
from livegift.errors import Fault
from livegift.gifting import Receipt

if TYPE_CHECKING:
    from tests.simulation.world import World

EDGES = ("edge-a", "edge-b")


@dataclass(frozen=True, slots=True)
class Sender:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Body:
    """What a client sends under an id."""

    room: str
    gift: str
    price_coins: int
    count: int
    to: str | None
    message: str | None
    anonymous: bool


@dataclass(eq=False)
class Gift:
    """One id, and all that its sender knows of it."""

    sender: Sender
    id: str
    id_text: str
    body: Body
    asks: list["Ask"] = field(default_factory=list)
    answer: str | None = None
    """``accepted``, ``settled``, the code of a final refusal, or None."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_final(self) -> bool:
        return self.answer is not None and self.answer != "accepted"


@dataclass(eq=False)
class Ask:
    """One message of a client that has reached an edge, and what the edge answered."""

    gift: Gift
    body: Body
    arrived_s: float
    answer: Receipt | Refusal | Fault | None = None
    stood_in_book: bool = False
    """The gift was in the book, with this content, when the message arrived."""


class Network:
    """Carries messages between clients and edges, if it does."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def send(self, gift: Gift, body: Body, edge: str) -> None:
        world = self._world
        world.note(gift.sender.name, edge)
        if world.weather.strikes("client_request_lost", 0.02):
            world.strike("client_request_lost", gift.sender.name, edge)
            return
        world.loop.call_later(self._travel(), self._arrive, gift, body, edge)
        if world.weather.strikes("client_doubled", 0.03):
            world.strike("client_doubled", gift.sender.name, edge)
            world.loop.call_later(self._travel(), self._arrive, gift, body, edge)

    def _arrive(self, gift: Gift, body: Body, edge: str) -> None:
        process = self._world.edges.get(edge)
        if process is not None and process.is_alive and process.tasks is not None:
            ask = Ask(gift, body, self._world.loop.time())
            gift.asks.append(ask)
            self._world.watch.arrived(ask)
            process.take(ask)

    def answer(self, ask: Ask, answer: Receipt | Refusal | Fault) -> None:
        """Carry the reply to a ``send`` to the client."""
        if ask.body != ask.gift.body:
            return  # the client has asked with another content on purpose, and does not believe the answer
        if isinstance(answer, Receipt):
            self.tell(ask.gift, "settled" if answer.replayed and answer.settled else "accepted")
        elif isinstance(answer, Refusal):
            self.tell(ask.gift, answer.code)
        else:
            self.tell(ask.gift, None)

    def tell(self, gift: Gift, answer: str | None) -> None:
        """Carry a message to the client; None asks it to try again."""
        if self._world.weather.strikes("client_reply_lost", 0.02):
            self._world.strike("client_reply_lost", gift.sender.name, str(answer))
            return
        self._world.loop.call_later(self._travel(), self._hear, gift, answer)

    def _travel(self) -> float:
        if self._world.weather.strikes("client_delayed", 0.02):
            self._world.strike("client_delayed", "network", "network")
            return self._world.chance.expovariate(0.5)
        return self._world.chance.choice((0.001, 0.001, 0.02)) * self._world.chance.random()

    @staticmethod
    def _hear(gift: Gift, answer: str | None) -> None:
        if answer is not None and not gift.is_final:
            gift.answer = answer
        gift.news.set()


class People:
    """All senders and their plans."""

    def __init__(self, world: "World", senders: list[Sender]) -> None:
        self._world = world
        self.senders = senders
        self.gifts: dict[str, Gift] = {}

    def plan(self, *, count: int, from_s: float, until_s: float) -> None:
        """Plan so many gifts: alone, and in streaks of one gift to one room."""
        chance = self._world.chance
        made = 0
        while made < count:
            sender, start_s = chance.choice(self.senders), chance.uniform(from_s, until_s) - self._world.loop.time()
            body = self._body()
            pace_s = chance.choice((0.0, 0.01, 0.15, 0.8))
            for place in range(chance.choice((1, 1, 2, 4, 9))):
                same = body if chance.random() < 0.8 else self._body()
                self._world.loop.call_later(start_s + place * pace_s, self._begin, sender, same)
                made += 1

    def _body(self) -> Body:
        world, chance = self._world, self._world.chance
        room = chance.choice(world.rooms)
        gift, price = chance.choice(sorted(world.prices.items()))
        body = Body(room.id, gift, price, chance.choice((1, 1, 1, 2, 5)), None, None, False)
        match chance.randrange(60):
            case 0:
                body = replace(body, price_coins=price + 1)
            case 1:
                body = replace(body, gift="nothing", to=room.creator_id)
            case 2:
                body = replace(body, room="nowhere")
            case 3 | 4 | 5 | 6:
                body = replace(body, anonymous=True)
            case 7 | 8 | 9 | 10:
                body = replace(body, message=chance.choice(("hi", "merci 🎁", 'a "quoted" one', "")))
        return body

    def _begin(self, sender: Sender, body: Body) -> None:
        world, chance = self._world, self._world.chance
        # Prices are those of the page, which may be old; ids are made on the server's time.
        if body.gift in world.prices and chance.random() < 0.9:
            body = replace(body, price_coins=world.prices[body.gift])
        made_ms = world.now_ms() + chance.choice((0,) * 60 + (-16 * 60_000, -14 * 60_000, 60_000, 600_000, 0))
        tail = f"{chance.getrandbits(12):03x}{chance.choice('89ab')}{chance.getrandbits(60):015x}"
        gift_id = f"{made_ms:012x}7{tail}"
        text = f"{gift_id[:8]}-{gift_id[8:12]}-{gift_id[12:16]}-{gift_id[16:20]}-{gift_id[20:]}"
        gift = Gift(sender, gift_id, chance.choice((text, gift_id, text.upper())), body)
        self.gifts[gift_id] = gift
        world.people_tasks.append(world.loop.create_task(self._give(gift)))

    async def _give(self, gift: Gift) -> None:
        world, chance = self._world, self._world.chance
        imposter = replace(gift.body, count=gift.body.count + 1) if chance.random() < 0.05 else None
        if imposter is not None and chance.random() < 0.2:
            world.network.send(gift, imposter, chance.choice(EDGES))
        while not gift.is_final:
            for edge in EDGES if chance.random() < 0.1 else (chance.choice(EDGES),):
                world.network.send(gift, gift.body, edge)
            if imposter is not None and chance.random() < 0.5:
                world.network.send(gift, imposter, chance.choice(EDGES))
            await self._wait(gift, chance.uniform(0.3, 2.5))
        if chance.random() < 0.25:
            # A page that has lost its memory asks again.
            await asyncio.sleep(chance.choice((0.1, 1.0, 8.0)) * chance.random())
            world.network.send(gift, gift.body, chance.choice(EDGES))

    async def _wait(self, gift: Gift, patience_s: float) -> None:
        try:
            async with asyncio.timeout(patience_s):
                while not gift.is_final:
                    gift.news.clear()
                    await gift.news.wait()
                    if gift.answer is None:
                        await asyncio.sleep(self._world.chance.uniform(0.05, 0.4))
                        return
        except TimeoutError:
            return

    def unanswered(self) -> list[Gift]:
        return [gift for gift in self.gifts.values() if not gift.is_final]
