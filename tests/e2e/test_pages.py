"""Two viewers and the creator in a real browser: a gift sent in one tab moves in all."""

from typing import Any

import httpx2
from playwright.async_api import Browser, BrowserContext, expect

from tests.e2e.conftest import Tab, open_room
from tests.wire import login

Server = dict[str, Any]


async def enter(context: BrowserContext, url: str, room: str, name: str) -> Tab:
    tab = Tab(await context.new_page(), url)
    await tab.page.goto(f"{url}/r/{room}")
    await tab.page.get_by_test_id("name-input").fill(name)
    await tab.page.get_by_test_id("join").click()
    await expect(tab.page.get_by_test_id("connection")).to_have_text("connected")
    await expect(tab.page.get_by_test_id("balance")).to_contain_text("100,000")
    return tab


async def test_a_gift_sent_in_one_tab_moves_in_both_and_in_the_studio(server: Server, browser: Browser) -> None:
    url = server["url"]
    creator_token, _ = await login(url, "Luna", "creator")
    room = await open_room(url, creator_token)
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    ann, ben = await enter(context, url, room, "Ann"), await enter(context, url, room, "Ben")
    studio = Tab(await context.new_page(), url)
    await studio.page.goto(f"{url}/studio#token={creator_token}&room={room}")
    await expect(studio.page.get_by_test_id("studio-points")).to_have_text("0")
    assert "token" not in studio.page.url  # it is out of the address bar, and so out of the history

    await ann.page.bring_to_front()
    await ann.page.get_by_test_id("gift-heart").click()
    await ann.page.get_by_test_id("send").click()
    await expect(ann.page.get_by_test_id("balance")).to_contain_text("99,995")
    for tab in (ann, ben):
        await tab.page.bring_to_front()
        await expect(tab.page.get_by_test_id("totals-coins")).to_contain_text("5")
        await expect(tab.page.get_by_test_id("feed-item").first).to_contain_text("Ann")
        await expect(tab.page.get_by_test_id("top-item").first).to_contain_text("Ann")
    await ben.page.get_by_test_id("gift-castle").click()
    await ben.page.get_by_test_id("send").click()
    await expect(ben.page.get_by_test_id("stage-item").first).to_be_visible()
    await ann.page.bring_to_front()
    await expect(ann.page.get_by_test_id("stage-item").first).to_be_visible()
    await studio.page.bring_to_front()
    await expect(studio.page.get_by_test_id("studio-points")).to_contain_text("1,005")
    await expect(studio.page.get_by_test_id("studio-feed")).to_contain_text("Ben")
    for tab in (ann, ben, studio):
        assert tab.errors == []
        assert tab.strangers == []
    await context.close()


async def test_a_reload_keeps_the_person_and_a_narrow_screen_has_no_sideways_scroll(
    server: Server, browser: Browser
) -> None:
    context = await browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="light", locale="en-US")
    tab = await enter(context, server["url"], "r2", "Cleo")
    await tab.page.get_by_test_id("gift-rose").click()
    await tab.page.get_by_test_id("send").click()
    await expect(tab.page.get_by_test_id("balance")).to_contain_text("99,999")
    await tab.page.reload()
    await expect(tab.page.get_by_test_id("balance")).to_contain_text("99,999")
    width: int = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    assert tab.errors == []
    await context.close()


async def test_an_ended_live_says_so_to_everyone(server: Server, browser: Browser) -> None:
    url = server["url"]
    creator_token, _ = await login(url, "Kenji", "creator")
    room = await open_room(url, creator_token)
    context = await browser.new_context(locale="en-US")
    viewer = await enter(context, url, room, "Dora")
    studio = Tab(await context.new_page(), url)
    await studio.page.goto(f"{url}/studio#token={creator_token}&room={room}")
    await studio.page.get_by_test_id("close-room").click()
    await studio.page.get_by_test_id("close-confirm").click()
    await viewer.page.bring_to_front()
    await expect(viewer.page.get_by_role("heading", name="This live has ended")).to_be_visible()
    await expect(viewer.page.get_by_test_id("send")).to_have_count(0)
    await context.close()


async def test_other_origins_may_load_the_sdk_and_its_types_but_nothing_else(server: dict[str, Any]) -> None:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
        elsewhere = {"Origin": "https://stream.example"}
        for name, kind in (
            *(("livegift.js", "text/javascript"), ("livegift-msgpack.js", "text/javascript")),
            *(("livegift.d.ts", "text/plain"), ("livegift-msgpack.d.ts", "text/plain")),
        ):
            found = await http.get(f"/{name}", headers=elsewhere)
            assert (found.status_code, found.headers["access-control-allow-origin"]) == (200, "*"), name
            assert found.headers["content-type"].startswith(kind)
        for path in ("/v1/catalogue", "/v1/rooms", "/"):
            assert "access-control-allow-origin" not in (await http.get(path, headers=elsewhere)).headers
