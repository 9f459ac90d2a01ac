"""The judge itself: it must find what is lost and what came twice, and name the fault."""

import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from livegift_client import Client, Receipt, Refused

from tests.fault.judge import Judge, Sent, Watcher
from tests.fault.server import Server
from tests.fault.server_log import unexpected

ROOM = "room"


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(Server(tmp_path, {}), ROOM, [], [], random.Random(1))


async def watching(judge: Judge, *, shows: int) -> Watcher:
    """A watcher whose room says that it has had so many gifts."""
    watcher = Watcher(judge, Client("http://127.0.0.1:1", "token", proxy=False), ROOM)
    watcher.feed = SimpleNamespace(state=SimpleNamespace(totals=SimpleNamespace(gifts=shows)))  # type: ignore[assignment]
    judge.watchers.append(watcher)
    return watcher


def sent(judge: Judge, fault: str, *receipts: Receipt) -> Sent:
    gift = Sent(len(judge.gifts), 0, fault, 0.0, list(receipts))
    for receipt in receipts:
        gift.note(receipt)
    judge.gifts.append(gift)
    return gift


def settled(event_id: str) -> Receipt:
    receipt = Receipt("gift")
    receipt.note_accepted(event_id=event_id, balance=1, replayed=False)
    receipt.note_settled(event_id)
    return receipt


async def test_what_is_settled_and_seen_is_neither_lost_nor_doubled(judge: Judge) -> None:
    watcher = await watching(judge, shows=1)
    gift = sent(judge, "quake", settled("a"), settled("a"))
    gift.events.add("a")
    watcher.seen.add(gift.number)
    assert judge.figures()["quake"] == {"accepted": 1, "settled": 1, "lost": 0, "doubled": 0, "twice": 1, "apart": 0}
    assert judge.failures == []


async def test_what_was_accepted_and_never_settled_is_lost(judge: Judge) -> None:
    receipt = Receipt("gift")
    receipt.note_accepted(event_id="a", balance=1, replayed=False)
    sent(judge, "quake", receipt)
    assert judge.figures()["quake"]["lost"] == 1


async def test_what_was_refused_is_lost_and_named(judge: Judge) -> None:
    receipt = Receipt("gift")
    receipt.note_failed(Refused("expired", "too late"))
    sent(judge, "quake", receipt)
    assert judge.figures()["quake"]["lost"] == 1
    assert judge.failures == ["1 gifts were refused as expired"]


async def test_what_a_watcher_did_not_see_is_lost_if_its_totals_lack_it(judge: Judge) -> None:
    watcher = await watching(judge, shows=1)
    seen, unseen = sent(judge, "quake", settled("a")), sent(judge, "flood", settled("b"))
    watcher.seen.add(seen.number)
    figures = judge.figures()
    assert (figures["quake"]["lost"], figures["flood"]["lost"]) == (0, 1)
    assert unseen.number not in watcher.seen
    assert judge.failures == ["1 watchers end on other totals than was settled"]


async def test_what_a_snapshot_told_of_is_not_lost(judge: Judge) -> None:
    await watching(judge, shows=1)
    sent(judge, "quake", settled("a"))
    assert judge.figures()["quake"]["lost"] == 0


async def test_two_events_of_one_gift_are_a_double(judge: Judge) -> None:
    sent(judge, "quake", settled("a")).events |= {"a", "b"}
    assert judge.figures()["quake"]["doubled"] == 1


async def test_a_twins_gift_that_settled_under_two_names_is_a_double(judge: Judge) -> None:
    sent(judge, "quake", settled("a"), settled("b"))
    assert judge.figures()["quake"]["doubled"] == 1


def test_a_process_that_died_by_itself_is_found_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text(
        '{"event":"child_died","child":"edge","status":-9}\nTraceback\n{"event":"child_died","child":"edge","status":1}\n'
        '{"event":"partition_stopped","role":"flusher","why":"seq 7"}\n{"event":"cut'
    )
    assert unexpected(log) == [
        "edge died by itself with 1 (1 times)",
        "flusher said partition_stopped: seq 7 (1 times)",
    ]
