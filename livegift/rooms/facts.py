"""What others may know of a settled gift: its event id, and its sender only if they gave their name."""

from livegift.domain.identity import event_id
from livegift.store.events import SettledEvent
from livegift.wire.folds import GiftFact
from livegift.wire.messages import GiftInfo, User


def gift_fact(event: SettledEvent, *, secret: bytes, incarnation: int) -> GiftFact:
    """Return a gift as its room is told of it."""
    e = event.entry
    name = event_id(secret, incarnation=incarnation, partition=event.partition, epoch=event.epoch, seq=event.seq)
    sender = None if e.anonymous else User(e.sender_id, e.sender_name)
    receiver = User(e.receiver_id, e.receiver_name)
    gift = GiftInfo(e.gift_id, e.gift_name, e.price_coins, e.tier)
    return GiftFact(name, event.ts_ms, sender, receiver, gift, e.count, e.coins, e.coins, e.message)
