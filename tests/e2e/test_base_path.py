"""A server below a path of somebody's site: pages, API and WebSocket ask for nothing outside of it."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from playwright.async_api import Browser, expect

from tests.e2e.conftest import Tab, open_room
from tests.e2e.test_pages import enter
from tests.wire import login


async def test_all_of_it_is_below_the_path_and_nothing_is_elsewhere(
    serving: Any, browser: Browser, tmp_path: Path
) -> None:
    server = serving(tmp_path / "data", "--demo", "--base-path", "/live/gifts")
    url = (await asyncio.to_thread(server.wait_ready))["url"]
    assert url.endswith("/live/gifts")
    root = url.removesuffix("/live/gifts")
    token, _ = await login(url, "Luna", "creator")
    room = await open_room(url, token)
    async with httpx2.AsyncClient(trust_env=False) as http:
        for path in ("/", "/v1/rooms", "/live/giftsx/v1/rooms", "/assets/icon.svg", "/live"):
            outside = await http.get(root + path)
            assert (outside.status_code, outside.json()["type"]) == (404, "/live/gifts/docs/protocol#unknown_route")
            assert {"x-request-id", "content-security-policy"} <= set(outside.headers)
        assert (await http.get(f"{url}/v1/rooms")).status_code == 200
        missing = (await http.get(f"{url}/v1/rooms/none")).json()
        assert missing["type"] == "/live/gifts/docs/protocol#unknown_room"
        assert (await http.get(f"{url}/v1/openapi.json")).json()["servers"] == [{"url": "/live/gifts"}]
        for gift in (await http.get(f"{url}/v1/catalogue")).json()["gifts"]:
            assert (await http.get(root + gift["image"])).status_code == 200
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(f"{root.replace('http', 'ws')}/v1/ws", proxy=None)
    assert refused.value.response.status_code == 404

    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    ann = await enter(context, url, room, "Ann")
    await ann.page.get_by_test_id("gift-heart").click()
    await ann.page.get_by_test_id("send").click()
    await expect(ann.page.get_by_test_id("balance")).to_contain_text("99,995")
    await expect(ann.page.get_by_test_id("feed-item").first).to_contain_text("Ann")
    start = Tab(await context.new_page(), url)
    await start.page.goto(url)
    await start.page.get_by_test_id("room-link").first.click()
    await expect(start.page).to_have_url(re.compile(re.escape(f"{url}/r/")))
    studio = Tab(await context.new_page(), url)
    await studio.page.goto(f"{url}/studio#token={token}&room={room}")
    await expect(studio.page.get_by_test_id("studio-points")).to_have_text("5")
    docs = Tab(await context.new_page(), url)
    await docs.page.goto(f"{url}/docs")
    await expect(docs.page.locator(".part").first).to_be_visible()
    await docs.page.get_by_role("link", name="WebSocket", exact=True).click()
    await expect(docs.page.locator(".part").first).to_be_visible()
    for tab in (ann, start, studio, docs):
        assert tab.errors == []
        assert tab.strangers == []
    await context.close()
