"""What a token is good for on a running server, when it ends, and tokens that a platform mints itself."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from uuid_utils import uuid7

from livegift.identity.keys import MISS_S
from livegift.identity.own import mint
from livegift.identity.secret import load_secret
from tests.e2e.conftest import open_room
from tests.issuer import Issuer, as_set
from tests.processes import Serving
from tests.wire import Wire, login, wire
from tests.world import until

Server = dict[str, Any]


@pytest.fixture
def secret(server: Server) -> bytes:
    return load_secret(server["data"] / "secret.key")


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["error"]["code"]) if answer["type"] == "error" else str(answer["type"])


async def test_a_token_for_one_room_opens_no_other(server: Server, room: tuple[str, str], secret: bytes) -> None:
    other = await open_room(server["url"], room[1])
    _, ann = await login(server["url"], "Ann")
    scoped = mint(secret, ann, "Ann", "viewer", 60, rooms=[room[0]])
    async with wire(server["url"], scoped) as client:
        assert code_of(await client.ask("subscribe", room=room[0])) == "subscribed"
        assert code_of(await client.ask("subscribe", room=other)) == "not_allowed"
        assert code_of(await client.gift(room[0])) == "accepted"
        assert code_of(await client.gift(other)) == "not_allowed"
        assert (await client.ask("connect", token=scoped))["error"]["code"] == "bad_request"


async def test_a_newer_token_counts_at_once(server: Server, room: tuple[str, str], secret: bytes) -> None:
    _, ann = await login(server["url"], "Ann")
    other = await open_room(server["url"], room[1])
    async with wire(server["url"], mint(secret, ann, "Ann", "viewer", 60)) as client:
        assert code_of(await client.ask("subscribe", room=room[0])) == "subscribed"
        narrow = mint(secret, ann, "Ann", "viewer", 60, rooms=[other])
        assert code_of(await client.ask("refresh", token=narrow)) == "refreshed"
        told = next(message for message in client.pushed if message["type"] == "error")
        assert (told["id"], code_of(told), room[0] in told["error"]["message"]) == (None, "not_allowed", True)
        assert code_of(await client.ask("subscribe", room=room[0])) == "not_allowed"
        assert code_of(await client.gift(room[0])) == "not_allowed"
        assert code_of(await client.gift(other)) == "accepted"


@pytest.mark.parametrize("role", ["bot", "auditor", "support", "finance"])
async def test_who_only_watches_sends_nothing_but_what_is_charged_is_answered(
    server: Server, room: tuple[str, str], secret: bytes, role: str
) -> None:
    token, ann = await login(server["url"], "Ann")
    charged = str(uuid7())
    async with wire(server["url"], token) as client:
        assert code_of(await client.gift(room[0], gift_event_id=charged)) == "accepted"
    async with wire(server["url"], mint(secret, ann, "Ann", role, 60)) as client:
        assert code_of(await client.ask("subscribe", room=room[0])) == "subscribed"
        assert code_of(await client.gift(room[0])) == "not_allowed"
        again = await client.gift(room[0], gift_event_id=charged)
        assert (again["type"], again["replayed"]) == ("accepted", True)


async def test_who_is_told_that_the_token_has_ended_may_bring_another(server: Server, secret: bytes) -> None:
    _, ann = await login(server["url"], "Ann")
    async with wire(server["url"], mint(secret, ann, "Ann", "viewer", 2)) as client:
        async with asyncio.timeout(8):
            told = await client.push("error")
        assert (told["id"], code_of(told)) == (None, "token_expired")
        assert code_of(await client.ask("ping")) == "token_expired"
        assert code_of(await client.ask("refresh", token=mint(secret, "somebody", "S", "viewer", 60))) == "not_allowed"
        assert code_of(await client.ask("refresh", token=mint(secret, ann, "Ann", "viewer", 60))) == "refreshed"
        assert code_of(await client.ask("ping")) == "pong"


def minted(key: EllipticCurvePrivateKey, kid: str, **claims: Any) -> str:
    """Return a token as a platform's own library makes it."""
    now_s = int(time.time())
    base = {"iss": "https://shop", "aud": ["gifts", "films"], "iat": now_s, "exp": now_s + 600}
    return pyjwt.encode({**base, **claims}, key, algorithm="ES256", headers={"kid": kid})


async def ping(client: Wire) -> str:
    return code_of(await client.ask("ping"))


async def is_known(url: str, token: str) -> bool:
    async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
        answer = await http.get("/v1/wallet", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401, 429), answer.text
    return answer.status_code == 200


async def test_a_platforms_tokens_and_their_keys_rotate_without_a_dropped_socket(
    serving: Callable[..., Serving], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    old, new = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    async with Issuer(as_set(a=old)).serving() as issuer:
        settings = {"identity": "jwt", "jwt_keys": issuer.url, "jwt_issuer": "https://shop", "jwt_audience": "gifts"}
        for name, value in {**settings, "jwt_algorithms": "ES256", "jwt_roles": "host=creator"}.items():
            monkeypatch.setenv(f"LIVEGIFT_{name.upper()}", value)
        server = serving(data, "--demo", "--adults-only", command="serve")
        url = (await asyncio.to_thread(server.wait_ready))["url"]
        _, luna = await login(url, "Luna", "creator")
        token, ann = await login(url, "Ann")
        creator = {"sub": luna, "name": "Luna", "role": "host"}
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            for adult, status in ((None, 403), (False, 403), (True, 201)):
                answer = await http.post(
                    "/v1/rooms",
                    json={"title": "A room"},
                    headers={"Authorization": f"Bearer {minted(old, 'a', **creator, adult=adult)}"},
                )
                assert answer.status_code == status, answer.text
            assert answer.json()["id"]
            room = answer.json()["id"]
        viewer = {"sub": ann, "name": "Ann"}
        async with wire(url, minted(old, "a", **viewer)) as first, wire(url, token) as own:
            assert code_of(await first.gift(room)) == "adults_only"
            assert code_of(await own.gift(room)) == "adults_only"
            issuer.document = as_set(b=new)
            await until(lambda: is_known(url, minted(new, "b", **viewer, adult=True)))  # MISS_S after they were read
            async with wire(url, minted(new, "b", **viewer, adult=True)) as second:
                assert code_of(await second.gift(room)) == "accepted"
            assert await ping(first) == "pong"
            assert code_of(await first.ask("refresh", token=minted(new, "b", **viewer, adult=True))) == "refreshed"
            assert code_of(await first.gift(room)) == "accepted"
            assert code_of(await first.ask("refresh", token=minted(new, "c", **viewer))) == "bad_token"
            assert await ping(first) == "pong"


async def test_a_token_that_nobody_judges_in_time_is_a_temporary_error(
    serving: Callable[..., Serving], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    key = generate_private_key(SECP256R1())
    async with Issuer(as_set(a=key)).serving() as issuer:
        settings = {"identity": "jwt", "jwt_keys": issuer.url, "jwt_issuer": "https://shop", "jwt_audience": "gifts"}
        for name, value in {**settings, "jwt_algorithms": "ES256"}.items():
            monkeypatch.setenv(f"LIVEGIFT_{name.upper()}", value)
        server = serving(data, command="serve")
        url = (await asyncio.to_thread(server.wait_ready))["url"]
        await asyncio.sleep(MISS_S + 0.1)  # after they were read, for they shall be asked for again
        issuer.goes_on.clear()
        async with wire(url) as one, wire(url) as two, wire(url) as three:
            others = [one, two, three]
            unknown = minted(key, "b", sub="u1")
            answers = await asyncio.gather(*(client.ask("connect", token=unknown) for client in others))
            waited = [client for client, answer in zip(others, answers, strict=True) if answer["error"]["temporary"]]
            assert {code_of(await client.ask("connect", token=minted(key, "a", sub="u1"))) for client in waited} == {
                "connected"
            }
        issuer.goes_on.set()


def test_a_demo_does_not_start_in_production(serving: Callable[..., Serving], data: Path) -> None:
    server = serving(data, "--demo", "--environment", "production", command="serve")
    assert server.process.wait(timeout=20) == 2
    assert "a demo gives coins to everybody who asks" in server.errors.read_text()
