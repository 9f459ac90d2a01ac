"""Watch a room: its snapshot, then every gift in order, also across reconnects. Ctrl-C ends it.

    python follow_room.py http://127.0.0.1:8000 r1

Needs a server that runs as a demo (``livegift demo``), because it makes itself a person.
"""

import asyncio
import sys

import livegift_client
from livegift_client import ComboEnded, GiftEvent, Refused, Restored, RoomClosed


async def main(url: str, room: str) -> None:
    """Print what happens."""
    me = await livegift_client.demo_login(url, "Watcher")
    async with livegift_client.connect(url, me.token) as client, client.subscribe(room) as events:
        try:
            async for event in events:
                match event:
                    case Restored():  # at first, and whenever single events could not be had: show these sums
                        print(f"the room has {event.snapshot.totals.coins} coins", flush=True)
                    case GiftEvent():
                        who = event.sender.name or "Somebody"
                        print(f"{who} gives {event.count} {event.gift.name}: {events.state.coins} coins", flush=True)
                    case ComboEnded():
                        print(f"{event.sender.name}'s combo ended at {event.combo.total}", flush=True)
                    case RoomClosed():
                        print("the room is closed", flush=True)
        except Refused as no:
            print(f"refused with {no.code}: {no.message}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
