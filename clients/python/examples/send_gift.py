"""Send a gift, and wait until it stands in the book.

    python send_gift.py http://127.0.0.1:8000 r1

Needs a server that runs as a demo (``livegift demo``), because it makes itself a person with coins. Your own product
gets tokens from its backend and passes ``connect`` a function that fetches them.
"""

import asyncio
import sys

import livegift_client
from livegift_client import OutcomeUnknown, Refused


async def main(url: str, room: str) -> None:
    """Send the cheapest gift."""
    me = await livegift_client.demo_login(url, "Ada")
    cheapest = min(await livegift_client.catalogue(url), key=lambda gift: gift.price_coins)
    async with livegift_client.connect(url, me.token) as client:
        print(f"{me.name} has {client.balance} coins")
        # What the sender keeps to ask again after a crash, with send(…, gift_event_id=…): one id is one debit.
        gift_event_id = client.new_gift_id()
        try:
            receipt = await client.send(
                room=room,
                gift=cheapest.id,
                price_coins=cheapest.price_coins,  # what the sender saw; another price is refused, never charged
                message="hello",
                gift_event_id=gift_event_id,
            )
            print(f"charged for a {cheapest.name}: {receipt.balance} coins left")
            await receipt.settled()
            print("settled: everybody sees it")
        except Refused as no:
            print(f"refused with {no.code}: {no.message}")
        except OutcomeUnknown:
            print(f"nobody knows yet; ask with the same id, {gift_event_id}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
