"""Scenarios of gifts: one id, one debit, and an application that knows what became of it."""

from livegift.clock import monotonic_ms
from livegift.conformance.connecting import EARLY_MS
from livegift.conformance.peer import Peer
from livegift.conformance.trial import BALANCE, DAY_MS, Trial
from livegift.wire.codes import REFUSALS, TEMPORARY
from livegift.wire.messages import Error, ErrorInfo, Send
from livegift.wire.session import error

ABOUT_CONNECTION = ("bad_request", "unknown_command", "not_connected", "bad_token", "token_expired")
ELSEWHERE = ("bad_id", "price_changed")
"""Codes with a scenario of their own."""
FINAL = tuple(code for code in REFUSALS if code not in (*ABOUT_CONNECTION, *ELSEWHERE))


async def send(t: Trial) -> None:
    """Sends a gift as ordered, under an id made on the server's time, and reports its way."""
    peer = await t.connect()
    order = {"gift": "castle", "price_coins": 100, "count": 3, "message": "für dich 🌹", "anonymous": True}
    sent = await t.gift(peer, "a", **order)
    for name, wanted in order.items():
        found = getattr(sent, name)
        t.expect(found == wanted, f"sent {name} {found!r}, expected {wanted!r}")
    await peer.say(t.accepted(sent, "k1"))
    report = await t.saw("accepted", "did not report that the gift was accepted", ref="a")
    t.expect(report.get("event_id") == "k1", f"reported the event id {report.get('event_id')!r}, expected 'k1'")
    found = report.get("balance")
    t.expect(found == BALANCE - 300, f"reported a balance of {found} after the gift, expected {BALANCE - 300}")
    await peer.say(t.settled(sent, "k1"))
    await t.saw("settled", "did not report that the gift is settled", ref="a")
    second = await t.gift(peer, "b")
    t.expect(second.gift_event_id != sent.gift_event_id, "used one gift_event_id for two gifts")


async def lost_reply(t: Trial) -> None:
    """Sends a gift again whose answer was lost: the same id, the same content."""
    peer = await t.connect()
    first = await t.gift(peer, "a", message="once")
    peer.cut()
    back = await t.back()
    again = await t.command(back, Send, "did not send a gift again whose answer was lost")
    t.check_again(again, first, "after its answer was lost")
    await back.say(t.accepted(again, "k1", replayed=True, settled=True))
    await t.saw("accepted", "did not report a replayed receipt", ref="a", event_id="k1")
    await t.saw("settled", "did not report as settled what its replayed receipt says is", ref="a")
    await _is_not_sent_again(t, back, first, "a gift that was settled")


async def until_settled(t: Trial) -> None:
    """Asks about a gift that was accepted and not settled, on every new connection, until it is."""
    peer = await t.connect()
    first = await t.gift(peer, "a")
    await peer.say(t.accepted(first, "k1"))
    await t.saw("accepted", "did not report that the gift was accepted", ref="a")
    for _ in range(2):
        peer.cut()
        peer = await t.back()
        again = await t.command(peer, Send, "did not ask about a gift that was accepted and not yet settled")
        t.check_again(again, first, "before it was settled")
        await peer.say(t.accepted(again, "k1", replayed=True, settled=False))
    early = t.reported("settled", ref="a")
    t.expect(early is None, "reported as settled what was only accepted")
    await peer.say(t.settled(first, "k1"))
    await t.saw("settled", "did not report that the gift is settled", ref="a")
    await _is_not_sent_again(t, peer, first, "a gift that was settled")


async def accepted_twice(t: Trial) -> None:
    """Takes the new event id when a gift is accepted again: it was done anew."""
    peer = await t.connect()
    sent = await t.gift(peer, "a")
    await peer.say(t.accepted(sent, "k1"))
    await t.saw("accepted", "did not report that the gift was accepted", ref="a", event_id="k1")
    await peer.say(t.accepted(sent, "k2", id=None))
    missing = "did not report that the gift was accepted again, under another event id"
    await t.saw("accepted", missing, ref="a", event_id="k2")
    await peer.say(t.settled(sent, "k2"))
    report = await t.saw("settled", "did not report that the gift is settled", ref="a")
    t.expect(report.get("event_id") == "k2", f"settled the gift as {report.get('event_id')!r}, expected 'k2'")


async def undone(t: Trial) -> None:
    """Reports the refusal of a gift that had been accepted, by an `error` that names only the gift."""
    peer = await t.connect()
    sent = await t.gift(peer, "a")
    await peer.say(t.accepted(sent, "k1"))
    await t.saw("accepted", "did not report that the gift was accepted", ref="a")
    info = ErrorInfo("room_closed", REFUSALS["room_closed"], False)
    await peer.say(Error(id=None, gift_event_id=sent.gift_event_id, error=info))
    missing = "did not report an `error` without a command's id that names an accepted gift"
    await t.saw("refused", missing, ref="a", code="room_closed")
    await _is_not_sent_again(t, peer, sent, "a gift that was refused")


async def temporary(t: Trial) -> None:
    """Sends a gift again after a temporary error: the same id, not before retry_after_ms."""
    peer = await t.connect()
    first = sent = await t.gift(peer, "a")
    after_ms = 400
    for code in TEMPORARY:
        told_ms = monotonic_ms()
        await peer.say(error(sent.id, code, retry_after_ms=after_ms))
        sent = await t.command(peer, Send, f"did not send a gift again after {code}, which is temporary")
        t.check_again(sent, first, f"after {code}")
        waited_ms = monotonic_ms() - told_ms
        wrong = f"sent a gift again {waited_ms} ms after {code}; retry_after_ms was {after_ms}"
        t.expect(waited_ms >= after_ms - EARLY_MS, wrong)
    await peer.say(t.accepted(sent, "k1"))
    await t.saw("accepted", "did not report that the gift was accepted", ref="a")
    refused = t.reported("refused", ref="a")
    t.expect(refused is None, "reported a temporary error as the end of the gift")


async def price_changed(t: Trial) -> None:
    """Reports price_changed with the price now in force, and does not pay it by itself."""
    peer = await t.connect()
    sent = await t.gift(peer, "a")
    await peer.say(error(sent.id, "price_changed", price_coins=12))
    report = await t.saw("refused", "did not report price_changed", ref="a", code="price_changed")
    found = report.get("price_coins")
    t.expect(found == 12, f"reported price_changed with price_coins {found}, expected 12")
    await _is_not_sent_again(t, peer, sent, "a gift whose price had changed")


async def final_refusals(t: Trial) -> None:
    """Reports every final refusal by its code, and does not send the gift again."""
    peer = await t.connect()
    for place, code in enumerate(FINAL):
        sent = await t.gift(peer, f"f{place}")
        more = {"balance": 3, "needed": 99} if code == "insufficient_coins" else {}
        await peer.say(error(sent.id, code, None, **more))
        report = await t.saw("refused", f"did not report the refusal {code}", ref=f"f{place}", code=code)
        for name, wanted in more.items():
            t.expect(report.get(name) == wanted, f"reported {code} with {name} {report.get(name)}, expected {wanted}")
    await _is_not_sent_again(t, peer, sent, "a gift that was refused for good")


async def bad_id(t: Trial) -> None:
    """Makes ids on the time that bad_id names, and never repeats the refused one."""
    peer = await t.connect()
    first = await t.gift(peer, "a")
    t.skew_ms += DAY_MS
    await peer.say(error(first.id, "bad_id", now_ms=t.server_ms()))

    def answered() -> Send | bool | None:
        return peer.take(Send) or (True if t.reported("refused", ref="a", code="bad_id") else None)

    # Either is right: to tell the application, or to try once more under a new id.
    found = await t.until(answered, "neither reported bad_id nor sent the gift under a new id")
    sent = found if isinstance(found, Send) else await t.gift(peer, "b")
    t.expect(sent.gift_event_id != first.gift_event_id, "sent the id again that was refused with bad_id")
    t.check_id(sent)
    await peer.say(t.accepted(sent, "k1"))
    await t.saw("accepted", "did not report that the gift was accepted", event_id="k1")


async def _is_not_sent_again(t: Trial, peer: Peer, done: Send, what: str) -> None:
    """Let the line be lost and another gift be sent: it must be the first."""
    peer.cut()
    back = await t.back()
    marker = await t.gift(back, "marker")
    wrong = f"sent {what} again"
    t.expect(marker.gift_event_id != done.gift_event_id, wrong)
    await t.quiet(50)
    later = back.take(Send)
    t.expect(later is None or later.gift_event_id == marker.gift_event_id, wrong)
