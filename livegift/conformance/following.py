"""Scenarios of rooms: what is shown, once and in order, whatever happens to the line or to the room."""

from typing import Any

from msgspec import to_builtins

from livegift.clock import monotonic_ms
from livegift.conformance.connecting import EARLY_MS
from livegift.conformance.peer import Peer
from livegift.conformance.room import ScriptedRoom
from livegift.conformance.trial import Trial
from livegift.wire.messages import Subscribe, WalletPush
from livegift.wire.session import error


async def _following(t: Trial, room: ScriptedRoom) -> Peer:
    """Return a connection on which the SDK follows the room and has been shown one event."""
    peer = await t.connect()
    await t.follow(peer, room)
    first = room.gift()
    await peer.say(room.frame(first))
    await t.shown(first)
    return peer


async def resume(t: Trial) -> None:
    """Resumes a room from its last event after a lost connection, and shows what was missed once."""
    room = ScriptedRoom()
    peer = await _following(t, room)
    stood = room.offset
    peer.cut()
    back = await t.back()
    command = await t.resumed(back, room, offset=stood, why="after a lost connection")
    missed = [room.gift(), room.gift()]
    await back.say(room.recovered(command, *missed))
    last = room.gift()
    await back.say(room.frame(last))
    await t.shown(*missed, last)
    await t.state_is(room, "after it resumed")


async def repeat(t: Trial) -> None:
    """Shows an event once that comes again, alone, with a new one, or after a reconnect."""
    room = ScriptedRoom()
    peer = await _following(t, room)
    one, two = room.gift(), room.gift()
    both = room.frame(one, two)
    await peer.say(both, both)
    three = room.gift()
    await peer.say(room.frame(two, three))
    await t.shown(one, two, three)
    peer.cut()
    back = await t.back()
    command = await t.resumed(back, room, offset=three.offset, why="after a lost connection")
    four = room.gift()
    await back.say(room.recovered(command, four), room.frame(three, four))
    five = room.gift()
    await back.say(room.frame(five))
    await t.shown(four, five)
    await t.state_is(room, "after repeated events")


async def gap(t: Trial) -> None:
    """Asks again from where it stands when an offset is missing, and shows nothing out of order."""
    room = ScriptedRoom()
    peer = await _following(t, room)
    stood = room.offset
    lost, late = room.gift(), room.gift()
    await peer.say(room.frame(late))
    command = await t.resumed(peer, room, offset=stood, why=f"when offset {lost.offset} was missing")
    await peer.say(room.recovered(command, lost, late))
    last = room.gift()
    await peer.say(room.frame(last))
    await t.shown(lost, late, last)
    await t.state_is(room, "after a gap")


async def not_recovered(t: Trial) -> None:
    """Takes a snapshot where what was missed can't be had, and forgets what it knew."""
    room = ScriptedRoom()
    room.open_combo("k1")
    peer = await _following(t, room)
    await t.state_is(room, "at first")
    peer.cut()
    back = await t.back()
    command = await t.command(back, Subscribe, "did not subscribe again after a lost connection")
    room.combos.clear()
    room.open_combo("k2")
    for _ in range(500):
        room.gift()
    await back.say(room.subscribed(command))
    await t.saw("snapshot", "did not report the snapshot that it was given on its return", room=room.name)
    await t.state_is(room, "after a snapshot")
    last = room.gift()
    await back.say(room.frame(last))
    await t.shown(last)


async def conflation(t: Trial) -> None:
    """Lets a pushed snapshot replace what it knows, and goes on at the next offset."""
    room = ScriptedRoom()
    room.open_combo("k1")
    peer = await _following(t, room)
    room.combos.clear()
    skipped = [room.gift() for _ in range(49)]
    await peer.say(room.pushed(), room.frame(skipped[-1]))
    await t.saw("snapshot", "did not report the snapshot that was pushed", room=room.name)
    await t.state_is(room, "after a pushed snapshot")
    last = room.gift()
    await peer.say(room.frame(last))
    await t.shown(last)
    await t.state_is(room, "after the snapshot's next event")
    t.expect(peer.take(Subscribe) is None, "subscribed again after a pushed snapshot: it goes on at the next offset")


async def epoch(t: Trial) -> None:
    """Follows a room into its next epoch, without showing again what is told again."""
    room = ScriptedRoom()
    peer = await _following(t, room)
    told = room.gift()
    await peer.say(room.frame(told))
    await t.shown(told)
    room.rebuild()
    room.coins -= told.coins
    again = room.gift(told.event_id)
    peer.room = room
    await peer.say(room.frame(again), room.pushed())
    await t.saw("snapshot", "did not report the snapshot of the new epoch", room=room.name)
    last = room.gift()
    await peer.say(room.frame(last))
    await t.shown(last)
    await t.state_is(room, "in the new epoch")
    peer.cut()
    back = await t.back()
    await t.resumed(back, room, offset=last.offset, why="after a lost connection in a new epoch")


async def lost_snapshot(t: Trial) -> None:
    """Asks for a snapshot where a new epoch's own does not come."""
    room = ScriptedRoom()
    peer = await _following(t, room)
    room.rebuild()
    await peer.say(room.frame(room.gift()))
    command = await t.command(peer, Subscribe, "did not subscribe again in a new epoch whose snapshot did not come")
    found = command.since
    t.expect(found is None, "asked with `since` in a new epoch: only a snapshot says what happened between the epochs")
    room.open_combo("k1")
    await peer.say(room.subscribed(command))
    await t.saw("snapshot", "did not report the snapshot of the new epoch", room=room.name)
    await t.state_is(room, "in the new epoch")


async def unknown(t: Trial) -> None:
    """Ignores unknown fields, event types and message types, and counts unknown events in the sequence."""
    room = ScriptedRoom()
    peer = await _following(t, room)
    await peer.say_plain({"type": "fireworks", "room": room.name, "colours": ["red", {"of": 7}]})
    event = room.gift()
    plain = to_builtins(room.frame(event)) | {"brightness": {"lumen": 7}}
    plain["events"][0] |= {"aura": [None], "sender": plain["events"][0]["sender"] | {"level": 3}}
    await peer.say_plain(plain)
    await t.shown(event)
    await peer.say_plain(_plain(room, _goal(room)))
    goal, other = _goal(room), room.gift()
    await peer.say_plain(_plain(room, goal, to_builtins(other)))
    last = room.gift()
    await peer.say(room.frame(last))

    def reached() -> bool | None:
        return any(one.get("event_id") == last.event_id for one in t.bridge.reports) or peer.has(Subscribe) or None

    await t.until(reached, "did not show what followed an event of an unknown type")
    t.expect(not peer.has(Subscribe), "took an event of an unknown type for a gap: it counts in the sequence")
    await t.shown(other, last)
    await t.state_is(room, "after unknown events")


def _goal(room: ScriptedRoom) -> dict[str, Any]:
    """Let something happen of which only a later version knows."""
    room.offset += 1
    return {"type": "goal", "offset": room.offset, "event_id": f"goal{room.offset}", "percent": 12}


def _plain(room: ScriptedRoom, *events: dict[str, Any]) -> dict[str, Any]:
    """Return a frame that the codec's messages can't hold."""
    at = {"room": room.name, "epoch": room.epoch, "offset": room.offset}
    return {"type": "room", **at, "events": list(events), "totals": to_builtins(room.totals)}


async def big_numbers(t: Trial) -> None:
    """Keeps whole numbers exact up to 2**53 - 1."""
    room = ScriptedRoom(offset=2**40 + 1, coins=2**53 - 1_000_000_000_000)
    peer = await _following(t, room)
    big = room.gift(coins=999_999_999_989)
    await peer.say(room.frame(big))
    [report] = await t.shown(big)
    t.expect(report.get("coins") == big.coins, f"showed a gift of {report.get('coins')} coins; it was {big.coins}")
    t.expect(room.coins == 2**53 - 1, f"the script has {room.coins} coins")
    await t.state_is(room, "with big numbers")
    balance = 4_000_000_000_000_001
    await peer.say(WalletPush(balance=balance, reason="recharge"))
    await t.saw("balance", f"did not report a balance of {balance}", balance=balance)
    peer.cut()
    back = await t.back()
    await t.resumed(back, room, offset=room.offset, why="with offsets beyond 2**32")


async def creator_feed(t: Trial) -> None:
    """Follows the creator's feed, and resumes it after close code 4501."""
    room = ScriptedRoom(is_creators=True)
    peer = await t.connect()
    command = await t.follow(peer, room, feed="creator")
    t.expect(command.feed == "creator", "subscribed to the viewers' feed instead of the creator's")
    first = room.gift()
    await peer.say(room.frame(first))
    [report] = await t.shown(first)
    found = report.get("points_total")
    t.expect(found == first.points_total, f"showed points_total {found}; it is {first.points_total}")
    await peer.close(4501)
    back = await t.back("after close code 4501")
    command = await t.resumed(back, room, offset=first.offset, why="after close code 4501")
    t.expect(command.feed == "creator", "came back to the viewers' feed instead of the creator's")
    missed = [room.gift() for _ in range(3)]
    await back.say(room.recovered(command, *missed))
    await t.shown(*missed)


async def creator_cursor(t: Trial) -> None:
    """Resumes the creator's feed by its cursor, and shows what was missed once, before the snapshot."""
    room = ScriptedRoom(is_creators=True)
    peer = await t.connect()
    await t.follow(peer, room, feed="creator")
    first = room.gift()
    await peer.say(room.frame(first))
    await t.shown(first)
    at = room.cursor
    await peer.close(4501)
    back = await t.back("after close code 4501")
    _gave_back(t, await t.resumed(back, room, offset=first.offset, why="after close code 4501"), at)
    page = [room.gift() for _ in range(2)]
    await back.say(room.missed(*page))
    await t.shown(*page)
    back.cut()
    back = await t.back()
    command = await t.command(back, Subscribe, "did not subscribe again after its catch-up was cut off")
    _gave_back(t, command, room.missed(*page).cursor)
    last = room.gift()
    room.rebuild()
    await back.say(room.missed(page[-1], last), room.subscribed(command))
    await t.until(lambda: _place(t, "snapshot") or None, "did not report the snapshot that followed what was missed")
    t.expect(_place(t, "event") < _place(t, "snapshot"), "showed the snapshot before the gifts that lead to it")
    await t.shown(last)
    await t.saw("snapshot", "did not report the snapshot", room=room.name)
    await t.state_is(room, "after what was missed")
    new = room.gift()
    await back.say(room.frame(new))
    await t.shown(new)


def _place(t: Trial, saw: str) -> int:
    """Return the place among the reports, from 1, of the first of a kind; 0: there is none."""
    return next((place for place, report in enumerate(t.bridge.reports, 1) if report["saw"] == saw), 0)


def _gave_back(t: Trial, command: Subscribe, cursor: object) -> None:
    found = command.since.cursor if command.since else None
    t.expect(found == cursor, f"resumed the creator's feed with the cursor {found!r}; the last one was {cursor!r}")


async def room_refused(t: Trial) -> None:
    """Reports a room that is refused for good, and asks again for one that is refused for now."""
    room = ScriptedRoom()
    peer = await t.connect()
    await t.tell("subscribe", room="nowhere", feed="viewer")
    command = await t.command(peer, Subscribe, "sent no `subscribe`")
    await peer.say(error(command.id, "unknown_room"))
    await t.saw(
        "refused", "did not report that a room was refused with unknown_room", room="nowhere", code="unknown_room"
    )
    await t.tell("subscribe", room=room.name, feed="viewer")
    command = await t.command(peer, Subscribe, "sent no `subscribe`")
    t.expect(command.room == room.name, "subscribed again to a room that was refused for good")
    told_ms, after_ms = monotonic_ms(), 500
    await peer.say(error(command.id, "unavailable", retry_after_ms=after_ms))
    command = await t.command(peer, Subscribe, "did not subscribe again after a temporary refusal")
    waited_ms = monotonic_ms() - told_ms
    t.expect(waited_ms >= after_ms - EARLY_MS, f"subscribed again after {waited_ms} ms; retry_after_ms was {after_ms}")
    t.expect(command.room == room.name, "subscribed again to a room that was refused for good")
    await peer.say(room.subscribed(command))
    await t.saw("snapshot", "did not report the room's snapshot", room=room.name)
