"""livegift's Python SDK: follow rooms and send gifts over one WebSocket that reconnects, resumes and never pays twice.

::

    login = await livegift_client.demo_login(url, "Ada")
    async with livegift_client.connect(url, login.token) as client:
        receipt = await client.send(room="r1", gift="rose", price_coins=1)
        await receipt.settled()
        async with client.subscribe("r1") as events:
            async for event in events:
                ...
"""

from livegift_client.client import Client, connect
from livegift_client.commands import Send
from livegift_client.errors import Closed, HttpFailed, LivegiftError, OutboxFull, OutcomeUnknown, Refused, Unreachable
from livegift_client.events import (
    AnyEvent,
    ComboEnded,
    ComboInfo,
    GiftEvent,
    GiftInfo,
    OpenCombo,
    RoomClosed,
    Sender,
    Snapshot,
    TopSender,
    Totals,
    User,
)
from livegift_client.feed import Feed, Item, Restored
from livegift_client.http import (
    Api,
    Gift,
    Login,
    Room,
    Wallet,
    catalogue,
    close_room,
    create_room,
    demo_login,
    rooms,
    wallet,
)
from livegift_client.receipt import Receipt
from livegift_client.room import RoomState
from livegift_client.subscription import Follower, Subscription

__all__ = [
    "AnyEvent",
    "Api",
    "Client",
    "Closed",
    "ComboEnded",
    "ComboInfo",
    "Feed",
    "Follower",
    "Gift",
    "GiftEvent",
    "GiftInfo",
    "HttpFailed",
    "Item",
    "LivegiftError",
    "Login",
    "OpenCombo",
    "OutboxFull",
    "OutcomeUnknown",
    "Receipt",
    "Refused",
    "Restored",
    "Room",
    "RoomClosed",
    "RoomState",
    "Send",
    "Sender",
    "Snapshot",
    "Subscription",
    "TopSender",
    "Totals",
    "Unreachable",
    "User",
    "Wallet",
    "catalogue",
    "close_room",
    "connect",
    "create_room",
    "demo_login",
    "rooms",
    "wallet",
]
