"""Each media server's requests are read, and nobody else's."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from livegift.errors import CannotRun
from livegift.hooks.event import Delivery, HookRefused, StreamEvent
from livegift.hooks.settings import NamedHook, open_hooks
from tests.hook_senders import SECRET, SENDERS, Sent, livekit, mux, ovenmediaengine, owncast, settings

NOW_MS = 1_795_600_000_000


@pytest.fixture
def hooks(tmp_path: Path) -> dict[str, NamedHook]:
    (tmp_path / "hook.secret").write_text(f"{SECRET}\n")
    (tmp_path / "hooks.toml").write_text(settings("luna"))
    return open_hooks(tmp_path / "hooks.toml")


def delivered(sent: Sent, *, now_ms: int = NOW_MS) -> Delivery:
    return Delivery(sent.headers, sent.secret, sent.body, now_ms)


@pytest.mark.parametrize("kind", SENDERS)
@pytest.mark.parametrize("is_live", [True, False])
def test_a_stream_that_begins_or_ends_is_read(hooks: dict[str, NamedHook], kind: str, is_live: bool) -> None:
    event = hooks[kind].hook.read(delivered(SENDERS[kind]("luna", is_live=is_live, at_ms=NOW_MS)))
    assert event is not None
    assert (event.is_live, event.at_ms) == (is_live, NOW_MS)
    assert event.stream == ("owncast" if kind == "owncast" else "luna")
    assert event.title == ("Late at the owncast" if kind == "owncast" else None)
    assert hooks[kind].creator == ("luna" if kind == "owncast" else None)


@pytest.mark.parametrize("kind", SENDERS)
def test_another_secret_another_body_and_no_signature_are_refused(hooks: dict[str, NamedHook], kind: str) -> None:
    hook, good = hooks[kind].hook, SENDERS[kind]("luna", is_live=True, at_ms=NOW_MS)
    with pytest.raises(HookRefused):
        hook.read(delivered(SENDERS[kind]("luna", is_live=True, at_ms=NOW_MS, secret="x" * 32)))
    with pytest.raises(HookRefused):
        hook.read(delivered(Sent(good.body)))
    if kind != "owncast":  # it signs nothing: whoever has its URL can say anything
        with pytest.raises(HookRefused):
            hook.read(delivered(replace(good, body=good.body.replace(b"luna", b"nova"))))


@pytest.mark.parametrize("kind", ["livekit", "mux"])
def test_what_was_signed_long_ago_is_refused(hooks: dict[str, NamedHook], kind: str) -> None:
    sent = SENDERS[kind]("luna", is_live=True, at_ms=NOW_MS)
    with pytest.raises(HookRefused):
        hooks[kind].hook.read(delivered(sent, now_ms=NOW_MS + 3_600_000))
    with pytest.raises(HookRefused):
        hooks[kind].hook.read(delivered(sent, now_ms=NOW_MS - 3_600_000))


def test_a_livekit_token_of_another_key_is_refused(hooks: dict[str, NamedHook]) -> None:
    with pytest.raises(HookRefused):
        hooks["livekit"].hook.read(delivered(livekit("luna", is_live=True, at_ms=NOW_MS, key="APIother")))


def test_a_mux_stream_without_passthrough_goes_by_its_id(hooks: dict[str, NamedHook]) -> None:
    event = hooks["mux"].hook.read(delivered(mux("", is_live=True, at_ms=NOW_MS)))
    assert event == StreamEvent("aA02skpHXoLrbQm49qIzAG6RtewFOcDEY", True, NOW_MS, None)


def test_viewers_of_ovenmediaengine_are_let_in_and_are_no_streams(hooks: dict[str, NamedHook]) -> None:
    hook = hooks["ovenmediaengine"].hook
    assert hook.read(delivered(ovenmediaengine("luna", is_live=True, at_ms=NOW_MS, way="outgoing"))) is None
    assert hook.answer(None) == {"allowed": True}
    assert hook.answer(StreamEvent("luna", True, NOW_MS, None)) == {"allowed": True}
    assert hook.answer(StreamEvent("luna", False, NOW_MS, None)) == {}


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"\xff", b"[" * 5_000])
def test_a_body_that_is_no_object_is_refused(hooks: dict[str, NamedHook], body: bytes) -> None:
    with pytest.raises(HookRefused, match="JSON"):
        hooks["owncast"].hook.read(delivered(Sent(body, secret=SECRET)))


@pytest.mark.parametrize("body", [b"{}", b'{"type":5,"eventData":[]}', b'{"type":"CHAT","eventData":{"id":"x"}}'])
def test_what_is_about_something_else_is_nothing(hooks: dict[str, NamedHook], body: bytes) -> None:
    assert hooks["owncast"].hook.read(delivered(Sent(body, secret=SECRET))) is None


def test_a_name_or_time_that_no_book_holds_is_refused(hooks: dict[str, NamedHook]) -> None:
    for stream in ("x" * 257, "a\x00b"):
        with pytest.raises(HookRefused):
            hooks["mux"].hook.read(delivered(mux(stream, is_live=True, at_ms=NOW_MS)))
    broken = json.loads(owncast("x", is_live=True, at_ms=NOW_MS).body)
    for when in ("yesterday", "", None, "0001-01-01T00:00:00Z"):
        broken["eventData"]["timestamp"] = when
        with pytest.raises(HookRefused):
            hooks["owncast"].hook.read(delivered(Sent(json.dumps(broken).encode(), secret=SECRET)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[x", "can't be read"),
        ("[Bad]\nkind='mux'\nsecret_file='hook.secret'", "a name is"),
        ("[x]\nkind='zoom'\nsecret_file='hook.secret'", "kind"),
        ("[x]\nkind='mux'", "secret_file"),
        ("[x]\nkind='mux'\nsecret_file='hook.secret'\ntypo=1", "typo"),
        ("[x]\nkind='mux'\nsecret_file='none'", "can't be read"),
        ("[x]\nkind='mux'\nsecret_file='short'", "guessed"),
        ("[x]\nkind='livekit'\nsecret_file='hook.secret'", "key is missing"),
        ("[x]\nkind='owncast'\nsecret_file='hook.secret'", "creator is missing"),
        ("x = 1", "object"),
    ],
)
def test_a_file_that_describes_nothing_that_works_is_told(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "hook.secret").write_text(SECRET)
    (tmp_path / "short").write_text("short")
    (tmp_path / "hooks.toml").write_text(text)
    with pytest.raises(CannotRun, match=why):
        open_hooks(tmp_path / "hooks.toml")
    with pytest.raises(CannotRun):
        open_hooks(tmp_path / "nowhere.toml")
