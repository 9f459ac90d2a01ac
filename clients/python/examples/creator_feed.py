"""Open a room and follow its creator's feed: every gift, none ever skipped, with the points it earned.

    python creator_feed.py http://127.0.0.1:8000

Needs a server that runs as a demo (``livegift demo``), because it makes itself a creator.
"""

import asyncio
import sys

import livegift_client
from livegift_client import GiftEvent


async def main(url: str) -> None:
    """Print what is earned."""
    me = await livegift_client.demo_login(url, "Luna", role="creator")
    room = await livegift_client.create_room(url, me.token, "An example")
    async with (
        livegift_client.connect(url, me.token) as client,
        client.subscribe(room.id, feed="creator") as events,
    ):
        async for event in events:
            if isinstance(event, GiftEvent) and event.session is not None:
                print(f"{event.points_total} points in all, {event.session.points} of them here", flush=True)
            else:
                print(f"room {room.id} has {events.state.points_total} points", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
