"""``livegift trigger``: mock events of a running demo, over its HTTP API, as any other program would ask for them."""

import random
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx2
import orjson

from livegift.cli.app import AsJson, Flag, app
from livegift.errors import CannotRun
from livegift.supervisor.running import running_state

DEMO = Path("livegift-demo")
DEFAULT_URL = "http://127.0.0.1:8000"
NAMES = ("Mia", "Noah", "Ren", "Ada", "Kofi", "Lena", "Omar", "Yuki")
MESSAGES = (None, None, None, "Hello!", "This song!", "Greetings from Oslo", "🔥🔥🔥")
TIMEOUT_S = 30.0

Event = Literal["gift", "combo", "recharge", "refund", "chargeback"]


@app.command
def trigger(
    event: Event,
    /,
    *,
    room: Annotated[str, Flag(help="The room of a gift or a combo.")] = "r1",
    name: Annotated[str | None, Flag(name="--as", help="Who does it; the same name is the same user again.")] = None,
    gift: Annotated[str | None, Flag(help="The gift's id; without it, the cheapest that will do.")] = None,
    count: Annotated[int | None, Flag(help="Gifts of one send; of a combo, how many sends.")] = None,
    message: Annotated[str | None, Flag(help="A message with the gift.")] = None,
    anonymous: Annotated[bool, Flag(negative="", help="A gift whose sender nobody sees.")] = False,
    coins: Annotated[int | None, Flag(help="Coins of a recharge, refund or chargeback; 1,000.")] = None,
    repeat: Annotated[int, Flag(help="How often.")] = 1,
    every: Annotated[float, Flag(help="Seconds between two.")] = 1.0,
    seed: Annotated[int | None, Flag(help="Draw names, gifts, counts and messages that are not given.")] = None,
    token: Annotated[str | None, Flag(help="A demo user's token: it happens to them, not to a mock user.")] = None,
    url: Annotated[str | None, Flag(help="The demo's URL; found by itself beside `livegift demo`.")] = None,
    as_json: AsJson = False,
) -> int:
    """Trigger a mock event in a running demo, to see what an overlay or a bot makes of it.

    It is real but for its coins: it goes the road of every gift, so listeners see exactly what a live room sends.
    Servers that are no demo refuse. With `--json` each is a line of JSON: what was sent, by whom, and their balance.

    Examples: `livegift trigger gift --gift rocket --as Mia` · `livegift trigger combo --count 20` ·
    `livegift trigger gift --repeat 100 --every 0.2 --seed 7` · `livegift trigger chargeback --as Mia --coins 5000`
    """
    if repeat < 1 or every < 0:
        raise CannotRun("--repeat must be at least 1, --every at least 0.")
    base = url or running_state(DEMO)["url"] or DEFAULT_URL
    given = {
        "event": event,
        "room": room,
        "as": name,
        "gift": gift,
        "count": count,
        "message": message,
        "anonymous": anonymous,
        "coins": coins,
    }
    wanted = {field: value for field, value in given.items() if value is not None}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx2.Client(base_url=base, headers=headers, timeout=TIMEOUT_S, trust_env=False) as http:
            draw = _Draw(http, event, seed) if seed is not None else None
            for turn in range(repeat):
                if turn:
                    time.sleep(every)
                happened = _ask(http, "POST", "/v1/demo/trigger", (draw.one() if draw else {}) | wanted)
                print(orjson.dumps(happened).decode() if as_json else _line(happened, room), flush=True)
    except httpx2.HTTPError as error:
        raise CannotRun(f"No demo answers at {base}: {error}. Name it with --url.") from error
    return 0


class _Draw:
    """Draws what a body leaves open, the same for the same seed: cheap gifts often, dear ones seldom."""

    def __init__(self, http: httpx2.Client, event: str, seed: int) -> None:
        self._chance = random.Random(seed)
        self._event = event
        gifts = _ask(http, "GET", "/v1/catalogue")["gifts"]
        self._gifts = [gift for gift in gifts if event != "combo" or gift["streakable"]]

    def one(self) -> dict[str, Any]:
        drawn: dict[str, Any] = {"as": self._chance.choice(NAMES)}
        if self._event not in ("gift", "combo"):
            return drawn | {"coins": self._chance.choice((70, 350, 700, 1_400, 3_500))}
        [gift] = self._chance.choices(self._gifts, [gift["price_coins"] ** -0.5 for gift in self._gifts])
        count = self._chance.choice((2, 3, 5, 9)) if self._event == "combo" else self._chance.choice((1, 1, 1, 5, 9))
        message = self._chance.choice(MESSAGES)
        return drawn | {"gift": gift["id"], "count": count} | ({"message": message} if message else {})


def _ask(http: httpx2.Client, method: str, path: str, body: object = None) -> dict[str, Any]:
    answer = http.request(method, path, json=body)
    try:
        told = dict(answer.json())
    except ValueError as error:
        raise CannotRun(f"What answers at {http.base_url} is no livegift.") from error
    if answer.is_success:
        return told
    raise CannotRun(f"{told.get('code', answer.status_code)}: {told.get('detail', 'the server refused')}")


def _line(happened: dict[str, Any], room: str) -> str:
    who, left = happened["user"]["name"], f"{happened['balance']:,} left"
    if not happened["gifts"]:
        return f"{happened['event']}: {who}, {happened['coins']:,} coins, {left}"
    first, sends = happened["gifts"][0], len(happened["gifts"])
    what = f"{sends} × {first['gift']}" if sends > 1 else f"{first['count']} × {first['gift']}"
    return f"{happened['event']}: {who} → {room}, {what}, {happened['coins']:,} coins, {left}"
