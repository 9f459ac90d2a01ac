"""The protocol core against a scripted server: no socket, no sleep, time is an argument."""

from typing import Any

import msgspec
import pytest
from livegift_client.commands import Send
from livegift_client.effects import (
    BalanceMoved,
    Effect,
    Fatal,
    FeedEnded,
    GiftAccepted,
    GiftFailed,
    GiftSettled,
    Hangup,
    Ready,
    RenewToken,
    Transmit,
)
from livegift_client.errors import OutboxFull, OutcomeUnknown, Refused
from livegift_client.feed import Feed
from livegift_client.ids import ID_WINDOW_MS, uuid7_ms
from livegift_client.outbox import ANSWER_WAIT_MS, Outbox
from livegift_client.reading import decode
from livegift_client.session import RENEW_AGAIN_MS, RENEW_BEFORE_MS, SUBSCRIBE_WAIT_MS, Session

NOW_MS = 1_700_000_000_000


def sent(effects: list[Effect]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(effect.frame) for effect in effects if isinstance(effect, Transmit)]


def hear(session: Session, message: dict[str, Any], *, now_ms: float = 0) -> list[Effect]:
    read = decode(msgspec.json.encode(message))
    assert read is not None
    return session.receive(read, now_ms=now_ms)


def connect(session: Session, *, now_ms: float = 0, lasts_ms: int = 900_000) -> list[Effect]:
    session.opened("token", now_ms=now_ms)
    user = {"id": "a", "name": "Ada"}
    time_ms = NOW_MS + int(now_ms)
    return hear(
        session,
        {
            **{"type": "connected", "id": 0, "user": user, "balance": 100},
            **{"server_time_ms": time_ms, "expires_ms": time_ms + lasts_ms},
        },
        now_ms=now_ms,
    )


def rose(session: Session, *, now_ms: float = 0) -> Send:
    return Send(id=0, room="r", gift_event_id=session.new_gift_id(now_ms), gift="rose", price_coins=1)


def accepted(send: Send, event_id: str = "k1", **more: object) -> dict[str, Any]:
    return {"type": "accepted", "gift_event_id": send.gift_event_id, "event_id": event_id, "balance": 99, **more}


def settled(send: Send, event_id: str = "k1") -> dict[str, Any]:
    return {"type": "settled", "gifts": [{"gift_event_id": send.gift_event_id, "event_id": event_id}]}


def refusal(code: str, *, command: int | None = None, **more: object) -> dict[str, Any]:
    return {"type": "error", "id": command, "error": {"code": code, "message": "no", **more}}


def temporary(code: str, *, command: int | None, wait_ms: int) -> dict[str, Any]:
    return refusal(code, command=command, temporary=True, retry_after_ms=wait_ms)


@pytest.fixture
def session() -> Session:
    session = Session(lambda: 0.0)
    connect(session)
    return session


def test_the_token_goes_in_the_first_frame_and_the_answer_makes_ready() -> None:
    session = Session(lambda: 0.0)
    assert sent(session.opened("secret", now_ms=0)) == [{"type": "connect", "id": 0, "token": "secret"}]
    assert not session.is_ready
    effects = connect(session)
    assert [type(effect) for effect in effects] == [Ready, BalanceMoved]
    assert session.is_ready


def test_a_gift_id_is_made_on_the_servers_time(session: Session) -> None:
    assert uuid7_ms(session.new_gift_id(2_500.0)) == NOW_MS + 2_500


def test_a_gift_is_sent_once_accepted_and_settled(session: Session) -> None:
    send = rose(session)
    [command] = sent(session.post(send, now_ms=0))
    assert command["gift_event_id"] == send.gift_event_id
    effects = hear(session, accepted(send, id=command["id"]))
    assert effects == [GiftAccepted(send.gift_event_id, "k1", 99, False), BalanceMoved(99, "")]
    assert hear(session, settled(send)) == [GiftSettled(send.gift_event_id, "k1")]
    assert session.outbox.unsettled == 0
    assert hear(session, settled(send)) == []


def test_unsettled_gifts_are_sent_again_with_their_ids_and_in_order_after_a_reconnect(session: Session) -> None:
    first, second, third = rose(session), rose(session), rose(session)
    for send in (first, second, third):
        session.post(send, now_ms=0)
    hear(session, accepted(second))
    hear(session, settled(third, "k3"))
    session.lost()
    again = sent(connect(session, now_ms=700))
    assert [command["gift_event_id"] for command in again] == [first.gift_event_id, second.gift_event_id]
    replay = accepted(second, id=again[1]["id"], replayed=True, settled=True)
    assert GiftSettled(second.gift_event_id, "k1") in hear(session, replay, now_ms=701)


def test_a_gift_posted_offline_leaves_with_the_next_connection(session: Session) -> None:
    session.lost()
    send = rose(session, now_ms=50)
    assert session.post(send, now_ms=50) == []
    assert [command["gift_event_id"] for command in sent(connect(session, now_ms=60))] == [send.gift_event_id]


@pytest.mark.parametrize("code", ["busy", "unavailable", "rate_limited"])
def test_a_temporary_refusal_sends_the_same_id_again_when_the_server_says(session: Session, code: str) -> None:
    send = rose(session)
    [command] = sent(session.post(send, now_ms=0))
    assert hear(session, temporary(code, command=command["id"], wait_ms=400), now_ms=10) == []
    assert session.tick(409) == []
    [again] = sent(session.tick(410))
    assert again["gift_event_id"] == send.gift_event_id
    assert again["id"] != command["id"]


def test_a_put_off_gift_keeps_its_wait_over_a_reconnect(session: Session) -> None:
    send = rose(session)
    [command] = sent(session.post(send, now_ms=0))
    hear(session, temporary("busy", command=command["id"], wait_ms=1_000), now_ms=0)
    session.lost()
    assert sent(connect(session, now_ms=200)) == []
    assert len(sent(session.tick(1_000))) == 1


def test_a_gift_without_an_answer_is_asked_about_by_sending_it_again(session: Session) -> None:
    send = rose(session)
    session.post(send, now_ms=0)
    assert session.next_due_ms == ANSWER_WAIT_MS
    [again] = sent(session.tick(ANSWER_WAIT_MS))
    assert again["gift_event_id"] == send.gift_event_id


def test_asking_ends_with_the_window_of_the_id(session: Session) -> None:
    send = rose(session)
    session.post(send, now_ms=0)
    session.lost()
    assert session.tick(ID_WINDOW_MS - 1) == []
    [effect] = session.tick(ID_WINDOW_MS)
    assert isinstance(effect, GiftFailed)
    assert isinstance(effect.error, OutcomeUnknown)
    assert session.outbox.unsettled == 0


def test_a_second_accepted_with_another_event_id_replaces_the_first(session: Session) -> None:
    send = rose(session)
    session.post(send, now_ms=0)
    hear(session, accepted(send, "k1", id=1))
    effects = hear(session, accepted(send, "k2", id=None))
    assert effects[0] == GiftAccepted(send.gift_event_id, "k2", 99, False)
    outgoing = session.outbox.get(send.gift_event_id)
    assert outgoing is not None
    assert outgoing.event_id == "k2"


def test_a_final_refusal_fails_the_gift_and_says_why(session: Session) -> None:
    send = rose(session)
    [command] = sent(session.post(send, now_ms=0))
    [effect] = hear(session, refusal("insufficient_coins", command=command["id"], balance=3, needed=99))
    assert isinstance(effect, GiftFailed)
    assert isinstance(effect.error, Refused)
    assert (effect.error.code, effect.error.balance, effect.error.needed) == ("insufficient_coins", 3, 99)
    assert session.outbox.unsettled == 0


def test_an_error_without_an_id_that_names_an_accepted_gift_fails_it(session: Session) -> None:
    send = rose(session)
    session.post(send, now_ms=0)
    hear(session, accepted(send, id=1))
    [effect] = hear(session, {**refusal("room_closed"), "gift_event_id": send.gift_event_id})
    assert isinstance(effect, GiftFailed)
    assert effect.gift_event_id == send.gift_event_id


def test_a_bad_id_is_not_tried_again_but_the_next_id_is_on_the_servers_time(session: Session) -> None:
    send = rose(session)
    [command] = sent(session.post(send, now_ms=0))
    [effect] = hear(session, refusal("bad_id", command=command["id"], now_ms=NOW_MS + 500_000), now_ms=20)
    assert isinstance(effect, GiftFailed)
    assert uuid7_ms(session.new_gift_id(20)) == NOW_MS + 500_000


def test_a_refusal_about_the_connection_leaves_the_gift_on_its_way(session: Session) -> None:
    send = rose(session)
    [command] = sent(session.post(send, now_ms=0))
    assert hear(session, refusal("token_expired", command=command["id"])) == []
    assert session.outbox.unsettled == 1


def test_feeds_are_resumed_from_where_they_stand(session: Session) -> None:
    feed = Feed("r")
    [command] = sent(session.follow(feed, now_ms=0))
    assert "since" not in command or command["since"] is None
    snapshot = {"totals": {"coins": 0, "gifts": 0, "senders": 0}, "top": [], "combos": [], "viewers": 1}
    reply = {"type": "subscribed", "id": command["id"], "room": "r", "epoch": "5", "offset": 41}
    hear(session, {**reply, "recovered": False, "events": [], "snapshot": snapshot})
    session.lost()
    [again] = sent(connect(session))
    assert again["since"] == {"epoch": "5", "offset": 41}


def test_a_room_refused_for_good_ends_its_feed_and_a_temporary_refusal_does_not(session: Session) -> None:
    feed = Feed("r")
    [command] = sent(session.follow(feed, now_ms=0))
    assert hear(session, temporary("unavailable", command=command["id"], wait_ms=300), now_ms=0) == []
    [again] = sent(session.tick(300))
    [effect] = hear(session, refusal("unknown_room", command=again["id"]))
    assert isinstance(effect, FeedEnded)
    assert not session.feeds


def followed_by_its_creator(session: Session) -> Feed:
    feed = Feed("r", "creator")
    [asked] = sent(session.follow(feed, now_ms=0))
    snapshot = {"totals": {"coins": 0, "gifts": 0, "senders": 0}}
    place = {"epoch": "1", "offset": 7, "cursor": "c7", "recovered": False, "snapshot": snapshot}
    hear(session, {"type": "subscribed", "id": asked["id"], "room": "r", **place})
    return feed


def test_a_cursor_that_the_server_refuses_is_forgotten_and_the_room_asked_for_anew(session: Session) -> None:
    feed = followed_by_its_creator(session)
    session.lost()
    [asked] = [command for command in sent(connect(session)) if command["type"] == "subscribe"]
    assert asked["since"] == {"epoch": "1", "offset": 7, "cursor": "c7"}
    [again] = sent(hear(session, refusal("bad_request", command=asked["id"])))
    assert (again["type"], again["since"]) == ("subscribe", None)
    assert isinstance(hear(session, refusal("bad_request", command=again["id"]))[0], FeedEnded)
    assert feed.room not in session.feeds


def test_a_long_catch_up_is_waited_for(session: Session) -> None:
    followed_by_its_creator(session)
    session.lost()
    connect(session, now_ms=1_000)
    for now_ms in range(5_000, 60_000, 5_000):
        hear(session, {"type": "missed", "room": "r", "events": [], "cursor": f"p{now_ms}"}, now_ms=now_ms)
        assert session.tick(now_ms) == []
    [asked] = sent(session.tick(now_ms + SUBSCRIBE_WAIT_MS))
    assert asked["since"]["cursor"] == f"p{now_ms}"


def test_a_room_refused_for_now_is_asked_for_again_spread_out() -> None:
    session = Session(lambda: 0.5)
    connect(session)
    [command] = sent(session.follow(Feed("r"), now_ms=0))
    hear(session, temporary("unavailable", command=command["id"], wait_ms=400), now_ms=0)
    assert session.next_due_ms == 500


def test_following_a_room_twice_is_an_error(session: Session) -> None:
    session.follow(Feed("r"), now_ms=0)
    with pytest.raises(ValueError, match="followed already"):
        session.follow(Feed("r"), now_ms=0)


def test_leaving_a_room_unsubscribes_once(session: Session) -> None:
    feed = Feed("r")
    session.follow(feed, now_ms=0)
    assert [command["type"] for command in sent(session.unfollow(feed))] == ["unsubscribe"]
    assert session.unfollow(feed) == []


def test_a_bad_token_is_fatal() -> None:
    session = Session(lambda: 0.0)
    session.opened("token", now_ms=0)
    [effect] = hear(session, refusal("bad_token", command=0))
    assert isinstance(effect, Fatal)


def test_a_server_that_drains_says_when_to_come_back(session: Session) -> None:
    assert hear(session, {"type": "reconnect", "after_ms": 1_234}) == [Hangup(1_234, is_spread=True)]


def test_a_server_that_is_busy_at_connect_is_left_when_it_says() -> None:
    session = Session(lambda: 0.0)
    session.opened("token", now_ms=0)
    assert hear(session, temporary("busy", command=0, wait_ms=20_000)) == [Hangup(20_000)]
    assert session.next_due_ms is None


def test_a_token_that_can_be_renewed_is_before_it_ends_and_again_until_it_is() -> None:
    session = Session(lambda: 0.0, renews=True)
    connect(session, lasts_ms=100_000)
    due_ms = 100_000 - RENEW_BEFORE_MS
    assert session.next_due_ms == due_ms
    assert session.tick(due_ms) == [RenewToken()]
    assert session.tick(due_ms + RENEW_AGAIN_MS) == [RenewToken()]
    [command] = sent(session.refresh("t2"))
    assert (command["type"], command["token"]) == ("refresh", "t2")
    hear(session, {"type": "refreshed", "id": command["id"], "expires_ms": NOW_MS + 300_000}, now_ms=90_000)
    assert session.next_due_ms == 300_000 - RENEW_BEFORE_MS
    session.lost()
    assert (session.next_due_ms, session.refresh("t3")) == (None, [])


def test_a_token_that_is_a_text_can_not_be_renewed(session: Session) -> None:
    assert session.next_due_ms is None


def test_a_token_that_lasts_for_seconds_is_not_renewed_without_end() -> None:
    session = Session(lambda: 0.0, renews=True)
    connect(session, lasts_ms=2_000)
    assert session.next_due_ms == 1_000


def test_a_server_that_does_not_answer_connect_is_left() -> None:
    session = Session(lambda: 0.0)
    session.opened("token", now_ms=0)
    assert session.next_due_ms == ANSWER_WAIT_MS
    assert session.tick(ANSWER_WAIT_MS) == [Hangup(0)]


def test_a_wallet_message_moves_the_balance(session: Session) -> None:
    assert hear(session, {"type": "wallet", "balance": 700, "reason": "recharge"}) == [BalanceMoved(700, "recharge")]


def test_the_outbox_refuses_more_than_its_bound_and_the_same_id_twice(session: Session) -> None:
    outbox = Outbox(lambda: 0.0, unsettled_max=1)
    send = rose(session)
    outbox.post(send, id_age_ms=0, now_ms=0)
    with pytest.raises(ValueError, match="on its way"):
        outbox.post(send, id_age_ms=0, now_ms=0)
    with pytest.raises(OutboxFull, match="the limit is 1"):
        outbox.post(rose(session), id_age_ms=0, now_ms=0)
