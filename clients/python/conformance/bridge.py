"""The bridge that ``livegift conformance`` drives the Python SDK through; docs/conformance.md says what it speaks.

It is as thin as a bridge should be: every command is one call of the SDK, every report one thing that it said.
"""

import asyncio
import json
import sys
from typing import Any

import livegift_client
from livegift_client import Closed, GiftEvent, LivegiftError, Receipt, Refused, Restored, Send, Subscription

OPEN_TIMEOUT_S = 60.0
"""The script decides how long to wait, not the SDK."""


def say(saw: str, **more: object) -> None:
    """Report one thing."""
    sys.stdout.write(json.dumps({"saw": saw, **more}) + "\n")
    sys.stdout.flush()


class Bridge:
    """Holds one client at a time; ``group`` its tasks."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self.client: livegift_client.Client | None = None
        self.rooms: dict[str, Subscription] = {}
        self._life: asyncio.Task[None] | None = None

    async def connect(self, *, url: str, tokens: list[str], codec: Any) -> None:
        """Begin a new client; an older one leaves."""
        await self.leave()
        self._life = self._group.create_task(self._live(url, tokens, codec))

    async def leave(self) -> None:
        """End the client, if there is one."""
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            await asyncio.wait([life])
        self.client, self.rooms = None, {}

    async def _live(self, url: str, tokens: list[str], codec: Any) -> None:
        given = iter(tokens)

        async def token() -> str:
            return next(given, tokens[-1])

        try:
            async with livegift_client.connect(
                url,
                token,
                codec=codec,
                proxy=False,
                open_timeout_s=OPEN_TIMEOUT_S,
                on_balance=lambda balance, _: say("balance", balance=balance),
            ) as self.client:
                say("connected", balance=self.client.balance)
                raise await self.client.ended()
        except Closed as error:
            say("closed", code=error.code)
        except LivegiftError as error:
            say("closed", error=str(error))

    async def follow(self, room: str, feed: Any) -> None:
        """Report what happens in a room until it is refused or the client ends."""
        assert self.client is not None
        try:
            self.rooms[room] = self.client.subscribe(room, feed)
            async for item in self.rooms[room]:
                if isinstance(item, Restored):
                    say("snapshot", room=room)
                    continue
                gift = {"coins": item.coins, "message": item.message} if isinstance(item, GiftEvent) else {}
                say("event", room=room, event_id=item.event_id, points_total=item.points_total, **gift)
        except Refused as error:
            say("refused", room=room, code=error.code)
        except Closed:
            return  # told as the client's end

    def send(self, *, ref: str, **order: Any) -> None:
        """Send a gift and report its way."""
        assert self.client is not None
        gift_event_id = self.client.new_gift_id()
        self.client.post(Send(id=0, gift_event_id=gift_event_id, **order), lambda receipt: report(ref, receipt))

    def state(self, room: str) -> None:
        """Report what an application would show of a room."""
        state = self.rooms[room].state
        say("state", room=room, coins=state.coins, combos=[combo.id for combo in state.combos])


def report(ref: str, receipt: Receipt) -> None:
    """Report what became of a gift."""
    if receipt.state == "failed":
        error = receipt.error
        if isinstance(error, Refused):
            more = {"balance": error.balance, "needed": error.needed, "price_coins": error.price_coins}
            say("refused", ref=ref, code=error.code, **more)
        return  # else the client was left
    say(receipt.state, ref=ref, event_id=receipt.event_id, balance=receipt.balance)


async def main() -> None:
    """Do what stdin says until it ends."""
    async with asyncio.TaskGroup() as group:
        bridge = Bridge(group)
        say("ready", sdk="livegift_client")
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            do = command.pop("do")
            if do == "connect":
                await bridge.connect(**command)
            elif do == "subscribe":
                group.create_task(bridge.follow(**command))
            elif do == "send":
                bridge.send(**command)
            elif do == "state":
                bridge.state(**command)
            elif do == "close":
                await bridge.leave()
                say("left")
            else:
                say("unsupported", what=do)
        await bridge.leave()


if __name__ == "__main__":
    asyncio.run(main())
