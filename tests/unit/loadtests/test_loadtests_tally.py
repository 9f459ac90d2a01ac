from livegift_client import OutcomeUnknown, Receipt, Refused

from loadtests.schedule import Planned
from loadtests.seen import SeenLedger
from loadtests.tally import Gift, Tally


async def entered(tally: Tally, *, now_ms: float = 100.0) -> tuple[Gift, Receipt]:
    tally.seen.viewer("r", 0)
    gift = Gift(Planned(0, 0.0, 0, "heart", 5, 10), "r", 0, planned_ms=100.0)
    tally.note_sent(gift, now_ms=now_ms)
    return gift, Receipt("g")


async def test_a_settled_gift_is_counted_with_its_coins_and_its_latency_from_the_plan() -> None:
    tally = Tally(SeenLedger())
    gift, receipt = await entered(tally)
    receipt.note_accepted(event_id="k1", balance=1, replayed=False)
    tally.note(gift, receipt, now_ms=130.0)
    assert (tally.accepted, tally.settled, tally.open) == (1, 0, 1)
    receipt.note_settled("k1")
    tally.note(gift, receipt, now_ms=180.0)
    assert (tally.settled, tally.open, tally.spent[0]) == (1, 0, 50)
    assert tally.accepted_latency.summary()["max"] == 30.0
    assert tally.settled_latency.summary()["max"] == 80.0
    assert tally.findings() == (0, [])


async def test_a_gift_accepted_anew_is_looked_for_under_its_new_id_only() -> None:
    tally = Tally(SeenLedger())
    gift, receipt = await entered(tally)
    for event_id in ("k1", "k2"):
        receipt.note_accepted(event_id=event_id, balance=1, replayed=False)
        tally.note(gift, receipt, now_ms=130.0)
    receipt.note_settled("k2")
    tally.note(gift, receipt, now_ms=140.0)
    assert tally.accepted == 1
    assert list(tally.seen.rooms["r"].settled) == ["k2"]


async def test_unanswered_unsettled_and_unknown_gifts_are_lost_and_refused_ones_are_not() -> None:
    tally = Tally(SeenLedger())
    await entered(tally)
    gift, receipt = await entered(tally)
    receipt.note_accepted(event_id="k1", balance=1, replayed=False)
    tally.note(gift, receipt, now_ms=130.0)
    gift, receipt = await entered(tally)
    receipt.note_failed(OutcomeUnknown("g", "15 minutes"))
    tally.note(gift, receipt, now_ms=130.0)
    gift, receipt = await entered(tally)
    receipt.note_failed(Refused("limit", "A spending limit is reached."))
    tally.note(gift, receipt, now_ms=130.0)
    lost, failures = tally.findings()
    assert (lost, len(failures), tally.refused) == (3, 3, 1)


async def test_a_send_that_left_over_50_ms_after_its_plan_is_late() -> None:
    tally = Tally(SeenLedger())
    await entered(tally, now_ms=150.0)
    await entered(tally, now_ms=151.0)
    assert tally.late == 1
