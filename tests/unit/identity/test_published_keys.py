"""Keys that rotate: the issuer's new key is known with its first token, and nobody can make us ask without end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from livegift.errors import CannotRun
from livegift.identity import keys as module
from livegift.identity.keys import MISS_S, PublishedKeys
from tests.issuer import Issuer, as_set

OLD, NEW = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())


@pytest.fixture
async def issuer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Issuer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with Issuer(as_set(old=OLD)).serving() as issuer:
        yield issuer


class Time:
    """What the module takes for monotonic time."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(module, "monotonic_ms", time)
    return time


def ids(found: list[module.Key]) -> list[str | None]:
    return [key.kid for key in found]


async def test_a_new_key_is_known_with_its_first_token_and_the_old_one_until_it_is_withdrawn(
    issuer: Issuer, time: Time
) -> None:
    keys = PublishedKeys(issuer.url)
    await keys.read()
    issuer.document = as_set(old=OLD, new=NEW)
    time.ms += MISS_S * 1_000
    assert ids(await keys.candidates("new")) == ["new"]
    assert ids(await keys.candidates("old")) == ["old"]
    issuer.document = as_set(new=NEW)
    await keys.read()
    assert ids(await keys.candidates("old")) == []
    assert ids(await keys.candidates(None)) == ["new"]


async def test_tokens_that_name_nonsense_ask_once_in_a_while_however_many_they_are(issuer: Issuer, time: Time) -> None:
    keys = PublishedKeys(issuer.url)
    await keys.read()
    time.ms += MISS_S * 1_000
    await asyncio.gather(*(keys.candidates(f"nonsense {n}") for n in range(100)))
    assert issuer.asked == 2
    time.ms += MISS_S * 1_000
    await keys.candidates("nonsense")
    assert issuer.asked == 3


@pytest.mark.parametrize(
    "document", ["", "[]", '{"keys": 3}', '{"keys": []}', '{"keys":[{"kty":"EC"}]}', "x" * 2_000_000]
)
async def test_what_is_no_set_leaves_the_old_keys_standing(issuer: Issuer, time: Time, document: str) -> None:
    keys = PublishedKeys(issuer.url)
    await keys.read()
    issuer.document = document
    time.ms += MISS_S * 1_000
    assert ids(await keys.candidates("new")) == []
    assert ids(await keys.candidates("old")) == ["old"]
    with pytest.raises(CannotRun, match="can't be read"):
        await keys.read()


async def test_an_issuer_that_fails_or_is_away_leaves_the_old_keys_standing(issuer: Issuer, time: Time) -> None:
    keys = PublishedKeys(issuer.url)
    await keys.read()
    issuer.status = b"500 Oh no"
    time.ms += MISS_S * 1_000
    assert ids(await keys.candidates("new")) == []
    gone = PublishedKeys("http://127.0.0.1:1/keys")
    with pytest.raises(CannotRun, match="can't be read"):
        await gone.read()
    assert ids(await keys.candidates("old")) == ["old"]
