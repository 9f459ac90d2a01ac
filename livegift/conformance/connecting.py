"""Scenarios of the connection: its beginning, its ends, and what comes after which."""

import asyncio
from urllib.parse import urlsplit

from livegift.clock import monotonic_ms
from livegift.conformance.room import ScriptedRoom
from livegift.conformance.trial import Trial, Wrong
from livegift.wire.messages import Connect, Reconnect, Refresh, Refreshed
from livegift.wire.session import error

OLD, NEW = "t1", "t2"
"""Tokens, in the order in which the bridge is given them."""
FINAL_CODES = (4400, 4401, 4403, 4408, 4409, 1002, 1003, 1007, 1009)
PASSING_CODES = (1001, 1011, 1012, 4500, 4501, 4999)
SPREAD_MIN_MS = 50
"""Seven first waits closer together are not drawn by lot: of 0 to 500 ms, once in 100,000 times."""
WATCH_MS = 2_000
STORM_MS, STORM_CONNECTIONS_MAX = 3_000, 12
EARLY_MS = 50
"""What clocks and timers may be off."""


async def connect(t: Trial) -> None:
    """Connects: the subprotocol offered, the token in the first frame and nowhere else."""
    peer = await t.connect()
    wanted = t.codec.subprotocol
    t.expect(peer.codec is t.codec, f"speaks {peer.codec.subprotocol}, expected {wanted}")
    t.expect(peer.socket.subprotocol == wanted, f"does not offer the subprotocol {wanted}")
    t.expect(
        not urlsplit(peer.path).query, f"asks for {peer.path}: the token goes in the first frame, nothing in the URL"
    )
    [command] = [command for command in peer.commands if isinstance(command, Connect)]
    t.expect(command.token == OLD, f"sent the token {command.token!r}, was given {OLD!r}")


async def ping(t: Trial) -> None:
    """Answers WebSocket pings, also while nothing else happens."""
    peer = await t.connect()
    for payload in (b"", b"are you there?"):
        answered = await peer.socket.ping(payload)
        try:
            async with asyncio.timeout(t.patience_ms / 1_000):
                await answered
        except TimeoutError:
            raise Wrong("did not answer a WebSocket ping") from None


async def fragments(t: Trial) -> None:
    """Reads a message that comes in fragments, with a ping between them."""
    room = ScriptedRoom()
    peer = await t.connect()
    await t.follow(peer, room)
    for pieces in (2, 7, 200):
        event = room.gift()
        await peer.say_in_pieces(room.frame(event), pieces)
        [report] = await t.shown(event)
        found = report.get("message")
        t.expect(found == event.message, f"read the message {found!r} out of fragments; it is {event.message!r}")


async def final_close(t: Trial) -> None:
    """Stays away after the close codes that say so, and tells the application."""
    await t.dial()
    peer = await t.next_peer()
    command = await t.command(peer, Connect, "opened a connection and sent no `connect`")
    await peer.say(error(command.id, "bad_token"))
    await peer.close(4401, "bad_token")
    await _gives_up(t, "its token was refused with bad_token")
    for code in FINAL_CODES:
        peer = await t.connect()
        await peer.close(code)
        await _gives_up(t, f"close code {code}")
    await t.quiet(WATCH_MS)
    t.expect(t.new_peer() is None, f"came back after close code {FINAL_CODES[-1]}, which is final")


async def _gives_up(t: Trial, why: str) -> None:
    def end() -> bool | None:
        return True if t.new_peer() is not None or t.reported("closed") else None

    await t.until(end, f"did not tell the application that {why} was the end")
    t.expect(t.new_peer() is None, f"came back after {why}, which is final")


async def other_close(t: Trial) -> None:
    """Comes back after every other end, each time after another wait: full jitter."""
    waits_ms = []
    for code in (*PASSING_CODES, None):
        peer = await t.connect()
        ended_ms = monotonic_ms()
        if code is None:
            peer.cut()
        else:
            await peer.close(code)
        again = await t.next_peer(f"did not come back after {f'close code {code}' if code else 'a lost connection'}")
        waits_ms.append(again.opened_ms - ended_ms)
    spread_ms = max(waits_ms) - min(waits_ms)
    wrong = f"waited {min(waits_ms)} to {max(waits_ms)} ms each time: without jitter a crowd comes back as one"
    t.expect(spread_ms >= SPREAD_MIN_MS, wrong)


async def backoff(t: Trial) -> None:
    """Waits longer each time where every connection ends at once."""
    await t.dial()
    until_ms = monotonic_ms() + STORM_MS
    peer = await t.next_peer()
    await peer.close(1012)
    while (left_ms := until_ms - monotonic_ms()) > 0:
        try:
            peer = await t.next_peer("", within_ms=left_ms)
        except Wrong:
            break
        await peer.close(1012)
    number = len(t.peers)
    t.expect(number > 1, f"did not come back within {STORM_MS} ms")
    wrong = f"came back {number} times within {STORM_MS} ms to a server that closes at once: wait longer each time"
    t.expect(number <= STORM_CONNECTIONS_MAX, wrong)


async def drain(t: Trial) -> None:
    """Comes back when `reconnect` says, also where the server closes earlier."""
    after_ms = 800
    for is_closed in (False, True):
        peer = await t.connect()
        told_ms = monotonic_ms()
        await peer.say(Reconnect(after_ms=after_ms))
        if is_closed:
            await peer.close(1012)
        back = await t.back("after `reconnect`")
        waited_ms = back.opened_ms - told_ms
        wrong = f"came back {waited_ms} ms after `reconnect` with after_ms {after_ms}"
        t.expect(waited_ms >= after_ms - EARLY_MS, wrong)


async def busy_connect(t: Trial) -> None:
    """Sends `connect` again, when told, after a temporary refusal of it."""
    await t.dial()
    peer = await t.next_peer()
    command = await t.command(peer, Connect, "opened a connection and sent no `connect`")
    told_ms, after_ms = monotonic_ms(), 600
    await peer.say(error(command.id, "unavailable", retry_after_ms=after_ms))
    back = await t.back("after `connect` was refused with `unavailable`, which is temporary")
    waited_ms = back.opened_ms - told_ms
    t.expect(waited_ms >= after_ms - EARLY_MS, f"came back after {waited_ms} ms; retry_after_ms was {after_ms}")
    await t.saw("connected", "did not report that it is connected")


async def token_ended(t: Trial) -> None:
    """Gets a new token and comes back after close code 4502."""
    peer = await t.connect(tokens=(OLD, NEW))
    await peer.close(4502)
    back = await t.next_peer("did not come back after close code 4502: get a new token")
    command = await t.greet(back)
    t.expect(command.token == NEW, f"came back with the token {command.token!r}, which had ended")


async def token_refresh(t: Trial) -> None:
    """Refreshes a token before it ends, on the same connection."""
    lasts_ms = 4_000
    peer = await t.connect(tokens=(OLD, NEW), lasts_ms=lasts_ms)
    missing = f"did not refresh a token that ends in {lasts_ms} ms"
    command = await t.until(lambda: peer.take(Refresh), missing, within_ms=lasts_ms)
    t.expect(command.token == NEW, f"refreshed with the token {command.token!r}, expected a new one")
    await peer.say(Refreshed(id=command.id, expires_ms=t.server_ms() + 900_000))
    room = ScriptedRoom()
    await t.follow(peer, room)
    t.expect(t.new_peer() is None, "opened another connection to refresh its token")
