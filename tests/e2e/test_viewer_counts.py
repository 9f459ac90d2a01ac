"""How many watch, on a real server with two edges: people and not tabs, told live and in the lists."""

from typing import Any

import httpx2

from tests.wire import MSGPACK, login, wire


async def test_everybody_hears_how_many_people_watch(server: dict[str, Any], room: tuple[str, str]) -> None:
    url, (room_id, _) = server["url"], room
    (ann, _), (ben, _) = await login(url, "Ann"), await login(url, "Ben")
    async with wire(url, ann) as first, wire(url, ann) as second, wire(url, ben, MSGPACK) as third:
        for client in (first, second, third):
            await client.ask("subscribe", room=room_id)
        for client in (first, second, third):
            while (await client.push("viewers"))["viewers"] != 2:
                pass
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as http:
            rooms = {room["id"]: room for room in (await http.get("/v1/rooms")).json()["rooms"]}
            one = (await http.get(f"/v1/rooms/{room_id}")).json()
            assert rooms[room_id]["viewers"] == one["viewers"] == one["snapshot"]["viewers"] == 2
        await third.ask("unsubscribe", room=room_id)
        while (told := await first.push("viewers"))["viewers"] != 1:
            pass
        assert told == {"type": "viewers", "room": room_id, "viewers": 1}
