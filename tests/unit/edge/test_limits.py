"""Limits: a burst, then a pace; who is believed about addresses; which pages may connect."""

from collections.abc import Callable

import pytest

from livegift.config import Config
from livegift.edge import limits as module
from livegift.edge.limits import Addresses, Frames, Limits, Pace, Proxies
from livegift.errors import CannotRun


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        ("", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.0/8", "203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.0/8", "10.1.2.3", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.0/8,192.0.2.1", "192.0.2.1", "198.51.100.1 , 10.9.9.9,", "198.51.100.1"),
        ("10.0.0.0/8", "10.1.2.3", "", "10.1.2.3"),
        ("10.0.0.0/8", "10.1.2.3", "nonsense", "nonsense"),
        ("::1", "::1", "2001:db8::7", "2001:db8::7"),
    ],
)
def test_only_trusted_proxies_are_believed(trusted: str, peer: str, forwarded: str, client: str) -> None:
    assert Proxies(trusted).client_of(peer, forwarded) == client


def test_a_network_that_is_none_is_a_sentence() -> None:
    with pytest.raises(CannotRun, match="trusted_proxies"):
        Proxies("10.0.0.0/8, proxy.example")


def test_an_address_has_as_many_connections_as_it_may() -> None:
    addresses = Addresses(2)
    assert [addresses.enter("a") for _ in range(3)] == [True, True, False]
    assert addresses.enter("b")
    addresses.leave("a")
    assert addresses.enter("a")
    for one in ("a", "a", "b"):
        addresses.leave(one)
    assert addresses._count == {}
    assert all(Addresses(0).enter("a") for _ in range(1_000))


def test_a_pace_is_each_names_own_and_says_how_long_to_wait() -> None:
    pace = Pace(rate_per_s=1, burst=3)
    assert [pace.wait_ms("a") for _ in range(3)] == [0, 0, 0]
    assert 0 < pace.wait_ms("a") <= 1_000
    assert pace.wait_ms("b") == 0
    assert all(Pace(rate_per_s=0, burst=0).wait_ms("a") == 0 for _ in range(1_000))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    return lambda now: monkeypatch.setattr(module, "monotonic_ms", lambda: now)


def test_a_connections_frames_come_in_a_burst_and_then_at_a_pace(at: Callable[[int], None]) -> None:
    frames, whole_at = Frames(rate_per_s=10, burst=5), 0
    at(1_000_000)
    early = []
    for _ in range(8):
        whole_at, wait_ms = frames.take(whole_at)
        early.append(wait_ms)
    assert early == [0, 0, 0, 0, 0, 100, 100, 100]
    at(1_000_100)
    whole_at, wait_ms = frames.take(whole_at)
    assert (wait_ms, frames.take(whole_at)[1]) == (0, 100)
    at(1_900_000)
    assert frames.take(whole_at)[1] == 0
    assert Frames(rate_per_s=0, burst=0).take(0) == (0, 0)


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        (None, "https://evil.example", True),
        ("https://shop.example", "https://shop.example", True),
        ("https://shop.example, https://two.example", "https://two.example", True),
        ("https://shop.example", "https://evil.example", False),
        ("https://shop.example", "https://gifts.example", True),
        ("https://shop.example", None, True),
        ("https://shop.example", "null", False),
    ],
)
def test_pages_of_named_origins_and_our_own_may_connect(
    allowed: str | None, origin: str | None, is_allowed: bool
) -> None:
    assert Limits(Config(allowed_origins=allowed)).allows_origin(origin, "gifts.example") is is_allowed
