"""The documents' page in a real browser: all that is served is there, and problems' types lead to codes."""

from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, expect

from livegift.edge import api
from livegift.edge.problems import STATUS
from livegift.wire.codes import CLOSE, HTTP, REFUSALS, TEMPORARY
from tests.e2e.conftest import Tab

Server = dict[str, Any]


async def opened(browser: Browser, url: str, path: str, *, width: int = 1280, scheme: Any = "dark") -> Tab:
    context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, locale="en-US")
    tab = Tab(await context.new_page(), url)
    await tab.page.goto(url + path)
    await expect(tab.page.locator(".part").first).to_be_visible()
    return tab


async def test_every_operation_stands_on_the_page_and_nothing_comes_from_strangers(
    server: Server, browser: Browser
) -> None:
    tab = await opened(browser, server["url"], "/docs")
    cards = tab.page.get_by_test_id("operation")
    shown = [await cards.nth(number).get_attribute("id") for number in range(await cards.count())]
    assert sorted(str(one) for one in shown) == sorted(one.id for one in api.operations())
    gift = tab.page.locator("#send_gift")
    await expect(gift).to_contain_text("Idempotency-Key")
    await expect(gift).to_contain_text("curl")
    await expect(gift.get_by_role("link", name="insufficient_coins")).to_have_attribute(
        "href", "/docs/protocol#insufficient_coins"
    )
    assert (tab.errors, tab.strangers) == ([], [])


async def test_the_search_is_a_key_away_and_leaves_what_has_every_word(server: Server, browser: Browser) -> None:
    tab = await opened(browser, server["url"], "/docs")
    await tab.page.keyboard.press("/")
    await tab.page.keyboard.type("end sockets tokens")
    cards = tab.page.get_by_test_id("operation")
    await expect(cards).to_have_count(1)
    await expect(cards.first).to_have_attribute("id", "revoke")
    await tab.page.get_by_test_id("search").fill("nothing of the kind")
    await expect(tab.page.locator("main")).to_contain_text("Nothing here")
    assert tab.errors == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
async def test_a_problems_type_leads_to_its_code(server: Server, browser: Browser, width: int, scheme: str) -> None:
    async with httpx2.AsyncClient(base_url=server["url"], trust_env=False) as http:
        problem = (await http.get("/v1/rooms/nowhere")).json()
    tab = await opened(browser, server["url"], problem["type"], width=width, scheme=scheme)
    row = tab.page.locator("#unknown_room")
    await expect(row).to_be_in_viewport()
    await expect(row).to_have_class("is-chosen")
    await expect(row).to_contain_text(problem["title"])
    assert await tab.page.evaluate("document.documentElement.scrollWidth") <= width
    assert (tab.errors, tab.strangers) == ([], [])


async def test_every_code_and_message_stands_where_links_point_to(server: Server, browser: Browser) -> None:
    tab = await opened(browser, server["url"], "/docs/protocol")
    ids = set(await tab.page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)"))
    assert set(REFUSALS | TEMPORARY | HTTP) | set(STATUS) <= ids
    assert {f"close-{code}" for code in CLOSE} <= ids
    assert {"command-send", "push-accepted", "push-room", "event-gift", "event-combo_ended"} <= ids
    await expect(tab.page.locator("#event-gift")).to_contain_text("sender.coins_total")
    assert (tab.errors, tab.strangers) == ([], [])
