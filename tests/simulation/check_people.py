"""What people were told, held against the book when everything has come to rest."""

from typing import TYPE_CHECKING

from livegift.domain.refusal import Refusal
from livegift.gifting import Receipt
from tests.simulation.truth import GiftInBook
from tests.simulation.watch import SECRET, is_about

if TYPE_CHECKING:
    from tests.simulation.people import Ask, Gift
    from tests.simulation.world import World


def check_people(world: "World", gifts: list[GiftInBook]) -> None:
    """Every answer true, every charge asked for."""
    rows = {gift.gift_event_id: gift for gift in gifts}
    for row in gifts:
        if row.gift_event_id not in world.people.gifts:
            world.violate("charged, but never asked for", str(row))
    for gift in world.people.gifts.values():
        _check_gift(world, gift, rows.get(gift.id))
    for ask, receipt in world.watch.receipts:
        _check_receipt(world, ask, receipt, rows.get(ask.gift.id))


def _check_gift(world: "World", gift: "Gift", row: GiftInBook | None) -> None:
    answers = [ask.answer for ask in gift.asks]
    if row is None:
        if gift.answer == "settled":
            world.violate("told settled, but not in the book", gift.id)
        return
    if row.sender_id != gift.sender.id or not any(is_about(row, ask.body) for ask in gift.asks):
        world.violate("charged something that nobody asked for", f"{row}, asked {[ask.body for ask in gift.asks]}")
    if gift.id in world.watch.expired and not _clock_was_lost(world, world.watch.expired[gift.id]):
        world.violate("told expired, but charged", str(row))
    refused = all(isinstance(answer, Refusal) for answer in answers)
    # A copy that the line made of a call may meet coins that the first one did not; its sender hears of one answer.
    if refused and gift.id not in world.copied:
        world.violate("told refused at every try, but charged", f"{row}: {answers}")


def _clock_was_lost(world: "World", since_s: float) -> bool:
    """Tell whether a partition may have forgotten since then that its clock had run ahead of the time.

    An engine that loses all in that state loses the clock by which it has judged, too; ids are young again.
    """
    return world.strikes.kinds["engine_clock_steps"] > 0 and any(lost_s >= since_s for lost_s in world.losses_s)


def _check_receipt(world: "World", ask: "Ask", receipt: Receipt, row: GiftInBook | None) -> None:
    if row is not None and row.event_id(SECRET) == receipt.event_id:
        if row.balance != receipt.balance:
            world.violate("a receipt names a wrong balance", f"{receipt}, book has {row.balance}")
        if not is_about(row, ask.body):
            world.violate("a receipt for something else", f"{receipt}, book has {row}, sent {ask.body}")
        return
    # Accepted, and not in the book under that name: only the engine's loss excuses that, and only until it is settled.
    if receipt.replayed and receipt.settled:
        world.violate("a settled receipt is not in the book", f"{receipt}, book has {row}")
    elif not any(lost_s >= ask.arrived_s for lost_s in world.losses_s):
        world.violate(
            "accepted, nothing lost, and not in the book", f"{receipt} at {ask.arrived_s:.3f}, book has {row}"
        )
