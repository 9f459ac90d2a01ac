"""The Python SDK's HTTP calls, against answers of the test's own."""

import json

import httpx2
from livegift_client.http import Api

ROOM = {"title": "T", "creator": {"id": "luna", "name": "Luna"}, "state": "open", "viewers": 0}
PAGES = {"": (["r1", "r2"], "two+/="), "two+/=": (["r3"], None)}


async def test_rooms_are_read_page_by_page() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        cursor = request.url.params.get("cursor", "")
        asked.append(cursor)
        ids, behind = PAGES[cursor]
        return httpx2.Response(200, content=json.dumps({"rooms": [ROOM | {"id": one} for one in ids], "next": behind}))

    async with Api("http://server") as api:
        api._http = httpx2.AsyncClient(base_url="http://server", transport=httpx2.MockTransport(answer))
        assert [room.id for room in await api.rooms()] == ["r1", "r2", "r3"]
        await api._http.aclose()
    assert asked == ["", "two+/="]
