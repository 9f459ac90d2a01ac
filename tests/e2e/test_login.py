"""Signing in to the studio with a provider's account, and everything that must not be a sign-in."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.async_api import Browser, expect

from livegift.identity.own import verify
from livegift.identity.secret import load_secret
from tests.e2e.conftest import Tab
from tests.provider import CLIENT, CLIENT_SECRET, Provider

Site = tuple[Provider, str, Path]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
async def site(serving: Any, tmp_path: Path) -> AsyncIterator[Site]:
    """A provider, a server below /gifts that signs people in with it, and the server's data."""
    (tmp_path / "client.secret").write_text(CLIENT_SECRET)
    port = free_port()  # the provider must be told where people come back to
    url = f"http://127.0.0.1:{port}/gifts"
    async with Provider().serving() as provider:
        words = ("--oidc-issuer", provider.url, "--oidc-client-id", CLIENT, "--public-url", url, "--workers", "2")
        words += ("--oidc-client-secret-file", str(tmp_path / "client.secret"), "--base-path", "/gifts")
        words += ("--oidc-claims", "role=groups", "--oidc-roles", "streamers=creator", "--oidc-default-role", "viewer")
        server = serving(tmp_path / "data", *words, "--port", str(port))
        await asyncio.to_thread(server.wait_ready)
        yield provider, url, server.data


async def test_a_creator_signs_in_and_opens_a_room(site: Site, browser: Browser) -> None:
    provider, url, data = site
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    tab = Tab(await context.new_page(), url)
    await tab.page.goto(f"{url}/studio")
    await expect(tab.page.get_by_test_id("name-input")).to_have_count(0)
    await tab.page.get_by_test_id("sign-in").click()
    await expect(tab.page.get_by_role("button", name="Sign out")).to_be_visible()
    assert tab.page.url == f"{url}/studio"  # the token has left the address
    assert tab.errors == []
    assert {one.split("?")[0] for one in tab.strangers} == {f"{provider.url}/authorize"}
    token = await tab.page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    claims = verify(load_secret(data / "secret.key"), token.split('token\\":\\"')[1].split('\\"')[0], 0)
    assert (claims.user, claims.name, claims.role) == ("luna", "Luna", "creator")
    provider.denies = True
    await tab.page.get_by_role("button", name="Sign out").click()
    await tab.page.get_by_test_id("sign-in").click()
    await expect(tab.page.get_by_role("alert")).to_contain_text("could not be signed in")
    await context.close()


class Visitor:
    """A browser without a window: it keeps cookies, and follows one redirect at a time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.AsyncClient(trust_env=False)

    async def begin(self) -> str:
        """Go to the provider, and return where it sends us back to."""
        sent = await self.http.get(f"{self.url}/login")
        assert sent.status_code == 303
        cookie = sent.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/gifts/login" in cookie
        return str((await self.http.get(sent.headers["location"])).headers["location"])

    async def finish(self, where: str) -> tuple[str, str]:
        """Come back; returns what stands behind the ``#``."""
        back = await self.http.get(where)
        assert back.status_code == 303
        place, _, fragment = back.headers["location"].partition("#")
        assert place == "/gifts/studio"
        name, _, value = fragment.partition("=")
        return name, unquote(value)


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[Visitor]:
    visitor = Visitor(site[1])
    yield visitor
    await visitor.http.aclose()


async def test_roles_come_from_the_provider_and_no_code_is_good_twice(site: Site, visitor: Visitor) -> None:
    provider, _, data = site
    provider.lies = {"groups": ["fans"], "sub": "ann", "name": "Ann"}
    where = await visitor.begin()
    name, token = await visitor.finish(where)
    claims = verify(load_secret(data / "secret.key"), token, 0)
    assert (name, claims.user, claims.role) == ("token", "ann", "viewer")
    assert (await visitor.finish(where))[0] == "problem"


async def test_a_token_that_is_not_for_this_login_signs_nobody_in(site: Site, visitor: Visitor) -> None:
    other = {"nonce": "another", "aud": "another-client", "iss": "https://evil.example", "exp": 1, "sub": ""}
    for name, value in [*other.items(), ("nonce", None)]:
        site[0].lies = {name: value}
        assert (await visitor.finish(await visitor.begin()))[0] == "problem", name
    site[0].lies = {}
    assert (await visitor.finish(await visitor.begin()))[0] == "token"


async def test_strangers_cookies_states_and_keys_sign_nobody_in(site: Site, visitor: Visitor) -> None:
    provider, url, _ = site
    where = await visitor.begin()
    victim = Visitor(url)  # somebody else's browser is sent our code: it has begun nothing
    assert (await victim.finish(where))[0] == "problem"
    mine = await victim.begin()
    assert parse_qs(urlsplit(mine).query)["state"] != parse_qs(urlsplit(where).query)["state"]
    assert (await victim.finish(where))[0] == "problem"  # it has begun another one
    await victim.http.aclose()
    for query in ("", "code=x", "state=x", "code=x&state=x", "error=access_denied"):
        other = await visitor.begin()
        assert (await visitor.finish(other.partition("?")[0] + "?" + query))[0] == "problem"
    provider.signs_with = rsa.generate_private_key(65_537, 2_048)
    assert (await visitor.finish(await visitor.begin()))[0] == "problem"


async def test_a_provider_that_is_away_is_told_and_comes_back(site: Site, visitor: Visitor) -> None:
    provider, url, _ = site
    known, provider.url = provider.url, "http://127.0.0.1:9/elsewhere"  # its metadata now names another issuer
    away = await visitor.http.get(f"{url}/login")
    assert "problem=" in away.headers["location"]
    provider.url = known
    assert (await visitor.finish(await visitor.begin()))[0] == "token"


async def test_with_tls_the_cookie_needs_it_and_logins_are_limited(serving: Any, tmp_path: Path) -> None:
    async with Provider().serving() as provider, httpx2.AsyncClient(trust_env=False) as http:
        words = ("--oidc-issuer", provider.url, "--oidc-client-id", CLIENT, "--public-url", "https://gifts.example")
        server = serving(tmp_path / "data", *words, "--address-requests-per-s", "1")
        url = (await asyncio.to_thread(server.wait_ready))["url"]
        cookie = (await http.get(f"{url}/login")).headers["set-cookie"]
        assert 429 in [(await http.get(f"{url}/login/done")).status_code for _ in range(30)]
    assert cookie.startswith("__Secure-livegift-login=")
    assert "; Secure" in cookie


async def test_a_server_without_a_provider_has_no_login(server: dict[str, Any]) -> None:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
        for path in ("/login", "/login/done"):
            answer = await http.get(path)
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")
