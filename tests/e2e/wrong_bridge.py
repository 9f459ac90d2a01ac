"""The Python SDK with one mistake planted, named on the command line, behind its own bridge.

Each is what somebody really writes: a check left out, a default taken for an answer, a clock that is the device's.
"""

import asyncio
import importlib.util
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import livegift_client.feed as feed_module
import livegift_client.link as link_module
import msgspec
from livegift_client import client as client_module
from livegift_client.backoff import Backoff
from livegift_client.errors import NO_RECONNECT_CODES
from livegift_client.feed import Feed, Phase, Shown
from livegift_client.ids import ServerClock
from livegift_client.link import Link
from livegift_client.messages import Missed, Reconnect, RoomFrame
from livegift_client.outbox import Outbox
from livegift_client.reading import _Reader
from livegift_client.receipt import Receipt
from livegift_client.room import RoomState
from livegift_client.session import Session
from livegift_client.wire import Wire

BRIDGE = Path(__file__).parent.parent.parent / "clients" / "python" / "conformance" / "bridge.py"


def new_id_on_resend() -> None:
    transmit = Session._transmit_gift
    known: dict[str, str] = {}

    def wrong(self: Session, gift: Any, now_ms: float) -> Any:
        ours = gift.send.gift_event_id
        if ours in known:
            gift.send = msgspec.structs.replace(gift.send, gift_event_id=self.new_gift_id(now_ms))
        known[ours] = ours
        return transmit(self, gift, now_ms)

    Session._transmit_gift = wrong


def other_content_on_resend() -> None:
    transmit = Session._transmit_gift

    def wrong(self: Session, gift: Any, now_ms: float) -> Any:
        effect = transmit(self, gift, now_ms)
        gift.send = msgspec.structs.replace(gift.send, message="again")
        return effect

    Session._transmit_gift = wrong


def no_resend() -> None:
    Outbox.resend_all = lambda *_, **__: []


def forgets_after_accepted() -> None:
    accepted = Outbox.accepted

    def wrong(self: Outbox, message: Any) -> Any:
        effects = accepted(self, message)
        self._gifts.pop(message.gift_event_id, None)
        return effects

    Outbox.accepted = wrong


def repeat_counts_twice() -> None:
    def wrong(self: Feed, frame: RoomFrame, now_ms: float) -> Any:
        items = self._fold(frame.events)
        self._stand_at(frame)
        return items

    Feed._frame = wrong
    Shown.add = lambda *_: True


def gap_is_fine() -> None:
    def wrong(self: Feed, frame: RoomFrame, now_ms: float) -> Any:
        if self.phase is not Phase.LIVE or frame.offset <= self.offset:
            return []
        items = self._fold([event for event in frame.events if event.offset > self.offset])
        self._stand_at(frame)
        return items

    Feed._frame = wrong


def starts_anew() -> None:
    Feed.since = property(lambda self: None)


def keeps_the_first_cursor() -> None:
    stand_at = Feed._stand_at

    def wrong(self: Feed, at: Any) -> None:
        known = self.cursor
        stand_at(self, at)
        self.cursor = known or self.cursor

    Feed._stand_at = wrong


def skips_what_was_missed() -> None:
    receive = Feed.receive

    def wrong(self: Feed, message: Any, *, now_ms: float) -> Any:
        items = receive(self, message, now_ms=now_ms)
        return [] if isinstance(message, Missed) else items

    Feed.receive = wrong


def ignores_pushed_snapshots() -> None:
    receive = Feed.receive

    def wrong(self: Feed, message: Any, *, now_ms: float) -> Any:
        return [] if isinstance(message, client_module.SnapshotPush) else receive(self, message, now_ms=now_ms)

    Feed.receive = wrong


def adds_snapshots() -> None:
    def wrong(self: RoomState, snapshot: Any) -> None:
        self.trust(snapshot.totals)
        self._combos |= {combo.id: combo for combo in snapshot.combos}

    RoomState.restore = wrong


def shows_old_epoch_again() -> None:
    Shown.add = lambda *_: True


def waits_for_a_snapshot_for_ever() -> None:
    feed_module.SNAPSHOT_WAIT_MS = 10**9


def unknown_event_is_unreadable() -> None:
    def wrong(self: Any, raw: Any) -> Any:
        return self._event(raw)

    _Reader._known = wrong


def numbers_of_32_bits() -> None:
    fold = RoomState.trust

    def wrong(self: RoomState, totals: Any) -> None:
        fold(self, totals)
        self.coins &= 0xFFFFFFFF

    RoomState.trust = wrong


def retries_final_closes() -> None:
    link_module.NO_RECONNECT_CODES = frozenset()


def gives_up_on_1012() -> None:
    link_module.NO_RECONNECT_CODES = NO_RECONNECT_CODES | {1012}


def no_jitter() -> None:
    def wrong(self: Backoff) -> int:
        self.attempts += 1
        return 200

    Backoff.next_ms = wrong


def no_backoff() -> None:
    Backoff.next_ms = lambda _: int(random.random() * 50)


def ignores_reconnect() -> None:
    receive = Session.receive

    def wrong(self: Session, message: Any, *, now_ms: float) -> Any:
        return [] if isinstance(message, Reconnect) else receive(self, message, now_ms=now_ms)

    Session.receive = wrong


def comes_back_early() -> None:
    hang_up = Link.hang_up
    Link.hang_up = lambda self, **_: hang_up(self, after_ms=0)


def no_refresh() -> None:
    Session._renew_before = lambda *_: None


def old_token_again() -> None:
    init = client_module.Client.__init__

    def wrong(self: Any, url: str, token: Any, **options: Any) -> None:
        first: list[str] = []

        async def only_once() -> str:
            if not first:
                first.append(await token())
            return first[0]

        init(self, url, only_once, **options)

    client_module.Client.__init__ = wrong


def device_clock() -> None:
    ServerClock.now_ms = lambda *_: int(time.time() * 1_000)


def ignores_now_ms() -> None:
    set_clock = ServerClock.set

    def wrong(self: ServerClock, server_time_ms: int, *, at_ms: float) -> None:
        if not self.is_set:
            set_clock(self, server_time_ms, at_ms=at_ms)

    ServerClock.set = wrong


def retries_at_once() -> None:
    put_off = Outbox.put_off

    def wrong(self: Outbox, gift: Any, *, retry_after_ms: int | None, now_ms: float) -> None:
        put_off(self, gift, retry_after_ms=1, now_ms=now_ms)

    Outbox.put_off = wrong


def temporary_is_final() -> None:
    refused = Session._gift_refused

    def wrong(self: Session, gift: Any, error: Any, now_ms: float) -> Any:
        return refused(self, gift, msgspec.structs.replace(error, temporary=False), now_ms)

    Session._gift_refused = wrong


def pays_the_new_price() -> None:
    refused = Session._gift_refused

    def wrong(self: Session, gift: Any, error: Any, now_ms: float) -> Any:
        effects = refused(self, gift, error, now_ms)
        if error.code == "price_changed":
            again = {"price_coins": error.price_coins, "gift_event_id": self.new_gift_id(now_ms)}
            effects += self.post(msgspec.structs.replace(gift.send, **again), now_ms=now_ms)
        return effects

    Session._gift_refused = wrong


def first_event_id_stays() -> None:
    note = Receipt.note_accepted

    def wrong(self: Receipt, *, event_id: str, balance: int, replayed: bool) -> None:
        note(self, event_id=self.event_id or event_id, balance=balance, replayed=replayed)

    Receipt.note_accepted = wrong


def loses_fragments() -> None:
    process = Wire.process_event

    def wrong(self: Wire, event: Any) -> None:
        process(self, event)
        self._parts.clear()

    Wire.process_event = wrong


def token_in_the_url() -> None:
    client_module.websocket_url = lambda url: f"{url}?token=t1"


def speaks_json_always() -> None:
    client_module.CODECS = dict.fromkeys(client_module.CODECS, client_module.CODECS["json"])


MISTAKES: dict[str, Callable[[], None]] = {
    mistake.__name__: mistake
    for mistake in (
        *(new_id_on_resend, other_content_on_resend, no_resend, forgets_after_accepted, repeat_counts_twice),
        *(gap_is_fine, starts_anew, ignores_pushed_snapshots, adds_snapshots, shows_old_epoch_again),
        *(waits_for_a_snapshot_for_ever, keeps_the_first_cursor, skips_what_was_missed),
        *(unknown_event_is_unreadable, numbers_of_32_bits, retries_final_closes, gives_up_on_1012, no_jitter),
        *(no_backoff, ignores_reconnect, comes_back_early, no_refresh, old_token_again, device_clock, ignores_now_ms),
        *(retries_at_once, temporary_is_final, pays_the_new_price, first_event_id_stays, loses_fragments),
        *(token_in_the_url, speaks_json_always),
    )
}

if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("bridge", BRIDGE)
    assert spec is not None
    assert spec.loader is not None
    bridge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bridge)
    MISTAKES[sys.argv[1]]()
    asyncio.run(bridge.main())
