"""The run's own judge: people who gift, a twin who sends everything twice at once, and those who watch them.

It knows the server only through the SDK. Every gift carries its number as the message, so the room itself says how
often it was charged, whatever its ids were; and every gift belongs to the fault during which it was made, or after
which, up to the next one:

- *accepted*, *settled*: as its sender heard.
- *lost*: not settled in the end, or settled and not seen by a watcher whose totals in the end lack something.
- *doubled*: shown as two different events; or, of a twin's gift, settled under two names. Coins that a wallet lacks
  beyond what was settled are doubled, too, in the run's sum: no gift says which one took them.

The same watchers are the clock of a strike: ``stall_ms`` is the longest time that one of them saw nothing new, and
``recovery_ms`` how long after the fault's end (the kill itself) it took until each had seen a gift made after it.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from livegift_client import Api, Client, Feed, GiftEvent, Item, LivegiftError, Login, Receipt, Refused, Send

from loadtests.people import balances, log_in, patiently
from tests.fault.edges import children, edge_of
from tests.fault.server import Server

PEOPLE = 11
TWIN = PEOPLE - 1
"""The last of them sends everything twice at once."""
WATCHERS = 3
TWINS = 3
"""Connections of the twin: with two edges, and three of these, two nearly always sit apart."""
GIFT_INTERVAL_S = 0.025
TWIN_INTERVAL_S = 0.2
HOP_INTERVAL_S = 0.5
OPEN_S = 20.0
RECOVERED_S_MAX = 30.0
END_S_MAX = 40.0
CALM = "no fault"


@dataclass(slots=True)
class Sent:
    """One gift, from its making to what became of it."""

    number: int
    owner: int
    fault: str
    made_s: float
    receipts: list[Receipt] = field(default_factory=list)
    was_accepted: bool = False
    events: set[str] = field(default_factory=set)
    is_apart: bool = False
    """A twin's gift that left through two edges."""

    def note(self, receipt: Receipt) -> None:
        self.was_accepted |= receipt.event_id is not None

    @property
    def is_settled(self) -> bool:
        return any(receipt.state == "settled" for receipt in self.receipts)

    @property
    def is_open(self) -> bool:
        return any(receipt.state in ("sent", "accepted") for receipt in self.receipts)

    @property
    def is_doubled(self) -> bool:
        names = {receipt.event_id for receipt in self.receipts if receipt.state == "settled"}
        return len(self.events) > 1 or len(names) > 1

    @property
    def refusal(self) -> str | None:
        codes = {receipt.error.code for receipt in self.receipts if isinstance(receipt.error, Refused)}
        return ", ".join(sorted(codes)) or None


class Watcher:
    """Follows the room. Waits for nobody: it is called with what has come."""

    def __init__(self, judge: "Judge", client: Client, room: str) -> None:
        self.client = client
        self.feed = Feed(room)
        self.newest_s = 0.0
        """When the newest gift that it has seen was made."""
        self.gap_s = 0.0
        self.seen: set[int] = set()
        self.news = asyncio.Event()
        self._judge = judge
        self._last_s = time.monotonic()
        client.follow(self.feed, self)

    def begin(self) -> None:
        """A strike begins: measure gaps from here on."""
        self._last_s, self.gap_s = time.monotonic(), 0.0

    def deliver(self, feed: Feed, items: list[Item]) -> None:
        now_s = time.monotonic()
        self.gap_s, self._last_s = max(self.gap_s, now_s - self._last_s), now_s
        for item in items:
            if isinstance(item, GiftEvent):
                assert item.message is not None
                sent = self._judge.gifts[int(item.message)]
                sent.events.add(item.event_id)
                self.seen.add(sent.number)
                self.newest_s = max(self.newest_s, sent.made_s)
        self.news.set()

    def ended(self, error: LivegiftError | None) -> None:
        if error is not None:
            self._judge.failures.append(f"a watcher's feed ended: {error}")

    async def sees_after(self, since_s: float) -> None:
        """Return when a gift made after ``since_s`` has been seen."""
        while self.newest_s <= since_s:
            self.news.clear()
            await self.news.wait()


class Judge:
    """Used as ``async with judging(server, chance) as judge``; gifts until ``stop``."""

    def __init__(
        self, server: Server, room: str, logins: list[Login], before: list[int], chance: random.Random
    ) -> None:
        self.room = room
        self.gifts: list[Sent] = []
        self.fault = CALM
        self.failures: list[str] = []
        self.senders: list[Client] = []
        self.twins: list[Client] = []
        self.watchers: list[Watcher] = []
        self.wallet_surplus = 0
        self._server = server
        self._logins = logins
        self._before = before
        self._chance = chance
        self._stopping = asyncio.Event()
        self._hop_s = 0.0
        self._edges: dict[Client, tuple[int, int | None]] = {}

    # --- gifting ---

    async def gift(self) -> None:
        """Let everyone gift at a steady pace until ``stop``, however the server fares."""
        start_s, turn, twin_s = time.monotonic(), 0, 0.0
        while not self._stopping.is_set():
            now_s = time.monotonic()
            owner = turn % len(self.senders)
            self._post(owner, [self.senders[owner]])
            if now_s >= twin_s:
                twin_s = now_s + TWIN_INTERVAL_S
                self._post_twice()
            turn += 1
            await asyncio.sleep(max(0.0, start_s + turn * GIFT_INTERVAL_S - time.monotonic()))

    def _post(self, owner: int, clients: list[Client], *, is_apart: bool = False) -> None:
        sent = Sent(len(self.gifts), owner, self.fault, time.monotonic(), is_apart=is_apart)
        self.gifts.append(sent)
        gift_id = clients[0].new_gift_id()
        for client in clients:
            send = Send(
                id=0, room=self.room, gift_event_id=gift_id, gift="rose", price_coins=1, message=str(sent.number)
            )
            sent.receipts.append(client.post(send, sent.note))

    def _post_twice(self) -> None:
        one, *others = self._chance.sample(self.twins, len(self.twins))
        here = self._edge(one)
        apart = [other for other in others if here is not None and self._edge(other) not in (None, here)]
        self._post(TWIN, [one, apart[0] if apart else others[0]], is_apart=bool(apart))
        if not apart and time.monotonic() >= self._hop_s:
            # The first edge that is back takes everybody: one of the three goes and looks for another.
            self._hop_s = time.monotonic() + HOP_INTERVAL_S
            one._link.hang_up(after_ms=0)

    def watched_edge(self) -> int | None:
        """Return the edge that the first watcher sits on."""
        return self._edge(self.watchers[0].client)

    def _edge(self, client: Client) -> int | None:
        """Return which edge process this connection ends at, as far as that can be seen."""
        known = self._edges.get(client)
        if known is None or known[0] != client.reconnects or known[1] is None:
            assert self._server.process is not None
            edge = edge_of(client, children(self._server.process.pid))
            known = self._edges[client] = (client.reconnects, edge)
        return known[1] if client.is_connected else None

    # --- a strike ---

    def begin(self, fault: str) -> None:
        """From now on gifts belong to this fault."""
        self.fault = fault
        for watcher in self.watchers:
            watcher.begin()

    async def recovered(self, since_s: float) -> tuple[float, float]:
        """Wait until every watcher has seen a gift made after ``since_s``; returns (recovery, stall) in ms."""
        try:
            async with asyncio.timeout(RECOVERED_S_MAX):
                for watcher in self.watchers:
                    await watcher.sees_after(since_s)
        except TimeoutError:
            self.failures.append(f"{self.fault}: not everybody saw gifts again within {RECOVERED_S_MAX:.0f} s")
        recovery_ms = (time.monotonic() - since_s) * 1_000
        return recovery_ms, max(watcher.gap_s for watcher in self.watchers) * 1_000

    # --- the end ---

    async def settle(self) -> None:
        """Stop gifting and wait until everything is settled and seen, or a bound is reached."""
        self._stopping.set()
        self.fault = CALM
        until_s = time.monotonic() + END_S_MAX
        while time.monotonic() < until_s:
            await asyncio.sleep(0.2)
            if not any(sent.is_open for sent in self.gifts) and not any(map(self._lacks, self.watchers)):
                return

    def _lacks(self, watcher: Watcher) -> bool:
        return watcher.feed.state.totals.gifts != sum(sent.is_settled for sent in self.gifts)

    def figures(self) -> dict[str, Counter[str]]:
        """Return accepted, settled, lost and doubled by fault."""
        lacking = [watcher for watcher in self.watchers if self._lacks(watcher)]
        if lacking:
            self.failures.append(f"{len(lacking)} watchers end on other totals than was settled")
        found: dict[str, Counter[str]] = {}
        for sent in self.gifts:
            own = found.setdefault(sent.fault, Counter())
            is_unseen = any(sent.number not in watcher.seen for watcher in lacking)
            own["accepted"] += sent.was_accepted
            own["settled"] += sent.is_settled
            own["lost"] += not sent.is_settled or is_unseen
            own["doubled"] += sent.is_doubled
            own["twice"] += len(sent.receipts) > 1
            own["apart"] += sent.is_apart
        refusals = Counter(sent.refusal for sent in self.gifts if sent.refusal)
        self.failures += [f"{count} gifts were refused as {code}" for code, count in refusals.items()]
        return found

    async def check_wallets(self, api: Api) -> None:
        """Compare every sender's wallet with what they have paid for; what is missing was charged twice."""
        settled = Counter(sent.owner for sent in self.gifts if sent.is_settled)
        for owner, (start, end) in enumerate(zip(self._before, await balances(api, self._logins), strict=True)):
            if end != start - settled[owner]:
                self.failures.append(f"a wallet holds {end} coins, expected {start - settled[owner]}")
                self.wallet_surplus += max(0, start - settled[owner] - end)


@asynccontextmanager
async def judging(server: Server, chance: random.Random) -> AsyncIterator[Judge]:
    """Let the judge's people in; they watch from here on, and gift as soon as ``gift`` runs."""
    async with Api(server.url, proxy=False) as api, AsyncExitStack() as stack:
        [creator] = await log_in(api, ["Judge"], "creator")
        room = (await patiently(api.create_room)(creator.token, "judged")).id
        logins = await log_in(api, (f"Judged {number}" for number in range(PEOPLE)))
        judge = Judge(server, room, logins, await balances(api, logins), chance)

        async def connected(login: Login) -> Client:
            client = Client(server.url, login.token, proxy=False, open_timeout_s=OPEN_S)
            return await stack.enter_async_context(client)

        judge.senders += [await connected(login) for login in logins[:TWIN]]
        judge.twins += [await connected(logins[TWIN]) for _ in range(TWINS)]
        judge.watchers += [Watcher(judge, await connected(logins[0]), room) for _ in range(WATCHERS)]
        yield judge
