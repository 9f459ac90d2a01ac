"""One scenario being played: what happens on sockets and what the bridge reports, and waits for either.

A wait that ends in nothing is the SDK's mistake, in the scenario's words. So is what is never right (peer.py), however
the scenario goes on. To see that something does *not* happen, a scenario lets something later happen and looks back;
only where there is nothing later it watches for a while.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from msgspec import structs

from livegift.conformance.bridge import Bridge, Report
from livegift.conformance.peer import C, Peer
from livegift.conformance.room import ScriptedRoom
from livegift.wire.codec import Codec
from livegift.wire.messages import Accepted, Connect, Connected, GiftEvent, Send, Settled, SettledGift, Subscribe, User

T = TypeVar("T")

DAY_MS = 86_400_000
SKEW_MS = 3 * DAY_MS
"""How far the script's server is ahead of the device: who makes ids on the device's clock is found out."""
CLOCK_TOLERANCE_MS = 5_000
BALANCE = 1_000


class Wrong(Exception):
    """What the SDK did wrong: a sentence without its subject."""


class LeftOut(Exception):
    """The bridge can't do this; its words."""


class Trial:
    """What a scenario is given. ``url`` is the scripted server's."""

    def __init__(self, bridge: Bridge, codec: Codec, *, url: str, patience_ms: int) -> None:
        self.bridge, self.codec, self.url, self.patience_ms = bridge, codec, url, patience_ms
        self.peers: list[Peer] = []
        self.skew_ms = SKEW_MS
        self._peers_taken = 0
        self._shown: set[str] = set()
        self._news = asyncio.Event()

    def server_ms(self) -> int:
        """Return the time that the script's server says it is."""
        return int(time.time() * 1_000) + self.skew_ms

    def note(self) -> None:
        """Something happened."""
        self._news.set()

    # --- waiting --------------------------------------------------------------------------------------------

    async def until(self, find: Callable[[], T | None], missing: str, *, within_ms: int | None = None) -> T:
        """Return what ``find`` finds, as soon as it does. Raises ``Wrong`` with ``missing`` after our patience."""
        try:
            async with asyncio.timeout((within_ms or self.patience_ms) / 1_000):
                while (found := find()) is None:
                    self._look()
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Wrong(missing) from None
        self._look()
        return found

    async def quiet(self, watch_ms: int) -> None:
        """Watch for a while; what is never right is found meanwhile."""
        await asyncio.sleep(watch_ms / 1_000)
        self._look()

    def expect(self, is_right: bool, wrong: str) -> None:
        """Raise ``Wrong`` if it is not right."""
        if not is_right:
            raise Wrong(wrong)

    def _look(self) -> None:
        if self.bridge.failure is not None:
            raise self.bridge.failure
        for peer in self.peers:
            if peer.wrong is not None:
                raise Wrong(peer.wrong)
        for report in self.bridge.reports:
            if report["saw"] == "unsupported":
                raise LeftOut(str(report.get("what", "")))
            if report["saw"] == "error":
                raise Wrong(f"failed: {report.get('text', 'the bridge says no more')}")

    # --- the bridge -----------------------------------------------------------------------------------------

    async def tell(self, do: str, **more: Any) -> None:
        """Tell the bridge to do something."""
        await self.bridge.tell(do=do, **more)

    async def saw(self, saw: str, missing: str, **fields: Any) -> Report:
        """Take the next report of that kind and with these fields."""
        return await self.until(lambda: self.reported(saw, **fields), missing)

    def reported(self, saw: str, **fields: Any) -> Report | None:
        """Take the next report of that kind and with these fields, if there is one already."""
        for report in self.bridge.reports:
            if report["saw"] == saw and all(report.get(name) == value for name, value in fields.items()):
                self.bridge.reports.remove(report)
                return report
        return None

    async def shown(self, *events: GiftEvent) -> list[Report]:
        """Wait for the last of these and insist that exactly these were shown, each once and in this order."""
        expected = [event.event_id for event in events]
        last = expected[-1]

        def reached() -> bool | None:
            return any(report.get("event_id") == last for report in self._events()) or None

        await self.until(reached, f"did not show event {last} at offset {events[-1].offset}")
        reports = self._events()
        self.bridge.reports[:] = [report for report in self.bridge.reports if report["saw"] != "event"]
        ids = [str(report.get("event_id")) for report in reports]
        for event_id in ids:
            self.expect(event_id not in self._shown, f"showed event {event_id} twice")
            self._shown.add(event_id)
        for event_id in expected:
            self.expect(event_id in ids, f"never showed event {event_id}, which came before {last}")
        self.expect(ids == expected, f"showed events {', '.join(ids)}; they came as {', '.join(expected)}")
        return reports

    def _events(self) -> list[Report]:
        return [report for report in self.bridge.reports if report["saw"] == "event"]

    async def state_is(self, room: ScriptedRoom, when: str) -> None:
        """Insist on the room's coins and open combos, as the application would show them."""
        await self.tell("state", room=room.name)
        state = await self.saw("state", f"did not say the room's state {when}", room=room.name)
        coins, combos = state.get("coins"), sorted(state.get("combos", ()))
        self.expect(coins == room.coins, f"has {coins} coins for the room {when}; it is {room.coins}")
        known = sorted(combo.id for combo in room.combos)
        self.expect(combos == known, f"has the open combos {combos} {when}; they are {known}")

    # --- connections ----------------------------------------------------------------------------------------

    async def dial(self, *, tokens: tuple[str, ...] = ("t1",)) -> None:
        """Let a new client connect; ``tokens`` are what its function gives, one after the other."""
        self._peers_taken = len(self.peers)
        name = self.codec.subprotocol.rpartition(".")[2]
        await self.tell("connect", url=self.url, tokens=list(tokens), codec=name)

    async def next_peer(self, missing: str = "did not connect", *, within_ms: int | None = None) -> Peer:
        """Return the next connection that the SDK opens."""
        peer = await self.until(self.new_peer, missing, within_ms=within_ms)
        self._peers_taken += 1
        return peer

    def new_peer(self) -> Peer | None:
        """Return a connection that nobody has taken yet; it stays there."""
        return self.peers[self._peers_taken] if len(self.peers) > self._peers_taken else None

    async def greet(self, peer: Peer, *, lasts_ms: int = 900_000, balance: int = BALANCE) -> Connect:
        """Answer ``connect``."""
        command = await self.command(peer, Connect, "opened a connection and sent no `connect`")
        await peer.say(self.welcome(command, lasts_ms=lasts_ms, balance=balance))
        return command

    def welcome(self, command: Connect, *, lasts_ms: int = 900_000, balance: int = BALANCE) -> Connected:
        """Return the answer to ``connect``."""
        now_ms = self.server_ms()
        return Connected(
            id=command.id,
            user=User("u-mia", "Mia"),
            balance=balance,
            server_time_ms=now_ms,
            expires_ms=now_ms + lasts_ms,
            ping_ms=25_000,
        )

    async def connect(self, *, tokens: tuple[str, ...] = ("t1",), lasts_ms: int = 900_000) -> Peer:
        """Let a new client connect, and return its connection once it says so."""
        await self.dial(tokens=tokens)
        peer = await self.next_peer()
        await self.greet(peer, lasts_ms=lasts_ms)
        await self.saw("connected", "did not report that it is connected")
        return peer

    async def back(self, why: str = "after the connection was lost") -> Peer:
        """Return the next connection, greeted."""
        peer = await self.next_peer(f"did not come back {why}")
        await self.greet(peer)
        return peer

    async def command(self, peer: Peer, kind: type[C], missing: str) -> C:
        """Take the next command of that type."""
        return await self.until(lambda: peer.take(kind), missing)

    # --- rooms and gifts ------------------------------------------------------------------------------------

    async def follow(self, peer: Peer, room: ScriptedRoom, *, feed: str = "viewer") -> Subscribe:
        """Let the SDK follow a room and be given its snapshot."""
        await self.tell("subscribe", room=room.name, feed=feed)
        command = await self.command(peer, Subscribe, "sent no `subscribe`")
        self.expect(command.since is None, "sent `since` for a room that it has never followed")
        await peer.say(room.subscribed(command))
        await self.saw("snapshot", "did not report the room's snapshot", room=room.name)
        return command

    async def resumed(self, peer: Peer, room: ScriptedRoom, *, offset: int, why: str) -> Subscribe:
        """Take the ``subscribe`` by which the SDK asks for what came after ``offset``."""
        command = await self.command(peer, Subscribe, f"did not subscribe again {why}")
        since = command.since
        found = "no `since`" if since is None else f"since offset {since.offset} of epoch {since.epoch}"
        is_right = since is not None and (since.epoch, since.offset) == (room.epoch, offset)
        self.expect(is_right, f"subscribed again {why} with {found}; it stood at offset {offset} of epoch {room.epoch}")
        return command

    async def gift(self, peer: Peer, ref: str, **more: Any) -> Send:
        """Let the SDK send a gift and return its first ``send``."""
        order = {"room": "r1", "gift": "rose", "price_coins": 10, "count": 1} | more
        await self.tell("send", ref=ref, **order)
        send = await self.command(peer, Send, "sent no `send`")
        self.check_id(send)
        return send

    def check_id(self, send: Send) -> None:
        """Insist on a UUIDv7 of about now, on the server's time."""
        try:
            made = UUID(send.gift_event_id)
        except ValueError:
            raise Wrong(f"made the gift_event_id {send.gift_event_id!r}, which is no UUID") from None
        self.expect(made.version == 7, f"made a gift_event_id of UUID version {made.version}, expected 7")
        off_ms = (made.int >> 80) - self.server_ms()
        wrong = f"made an id {off_ms / 1_000:+.0f} s off the server's time: is it on the device's clock?"
        self.expect(abs(off_ms) <= CLOCK_TOLERANCE_MS, wrong)

    def check_again(self, again: Send, first: Send, why: str) -> None:
        """Insist on the same gift under the same id."""
        is_same = again.gift_event_id == first.gift_event_id
        self.expect(is_same, f"sent the gift again under a new id {why}: it would be charged twice")
        is_same = structs.replace(again, id=first.id) == first
        self.expect(is_same, f"sent the gift again with another content {why}: that is a `mismatch`")

    def accepted(self, send: Send, event_id: str, **more: Any) -> Accepted:
        """Return the receipt of a gift."""
        given = {"id": send.id, "balance": BALANCE - send.price_coins * send.count} | more
        return Accepted(gift_event_id=send.gift_event_id, event_id=event_id, **given)

    def settled(self, send: Send, event_id: str) -> Settled:
        """Return the news that a gift is in the book."""
        return Settled(gifts=[SettledGift(send.gift_event_id, event_id)])
