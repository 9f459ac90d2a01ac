"""The fan-out scenario: one room full of viewers, gifts at a given rhythm, and what a delivery costs the server.

A delivery is one event at one viewer. ``burst`` gifts are sent at once, ``rate`` times a second, by people who are not
in the room; they are anonymous, so no combos add events of their own. What the gifts cost by themselves is measured
first, with nobody there. Viewers live in other processes (``crowd``) and read no more than they must.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from livegift_client import Api, Client, Login, Receipt, Send

from loadtests.crowd import crowd, text_frame
from loadtests.histogram import Histogram
from loadtests.people import briefly, log_in, patiently
from loadtests.provenance import UNKNOWN, Provenance, machine, provenance
from loadtests.timeline import OverTime, Timeline, add_up, beside
from loadtests.usage import Processes, Usage
from loadtests.vitals import Vitals
from loadtests.watching import Counted, Plan

VIEWERS_A_PERSON = 10
"""Each connection shows a token; people are made by HTTP, which would take most of the time."""
SENDS_A_SENDER_PER_S = 5
ALONE_S = 3.0
SETTLE_S = 10.0
SEEN_S = 2.0
"""After the last gift settled: two ticks, the writes of the largest room, and the edges' next report of them."""
CALM_S = 1.0
PASSES = "livegift_passes_cpu_ms_total"


class Fanned(Provenance):
    """Figures of one run. CPU in µs, from /proc; None without the server's data directory.

    ``cpu_us_per_delivery``: the edges', with all that the gifts cost them. ``…_of_fanout``: less ``cpu_us_per_gift``,
    the edges' for the same gifts without viewers. ``…_in_hub``: what passes cost, encoding and writing; the rest of
    ``…_of_fanout``, an event, is ``cpu_us_per_event_before_hub``. ``…_total``: every process of the server.
    """

    scenario: str
    parameters: dict[str, object]
    viewers: int
    rate: float
    burst: int
    sent: int
    settled: int
    deliveries: int
    lost: int
    doubled: int
    deliveries_per_s: float
    events_per_read: float
    bytes_per_event: float
    cpu_us_per_delivery: float | None
    cpu_us_per_delivery_of_fanout: float | None
    cpu_us_per_delivery_in_hub: float | None
    cpu_us_per_event_before_hub: float | None
    cpu_us_per_delivery_total: float | None
    cpu_us_per_gift: float | None
    kb_per_connection: float | None
    latency_ms: dict[str, dict[str, float | None]]
    bot_limited: bool
    machine: dict[str, object]
    over_time: OverTime


@dataclass(slots=True, kw_only=True)
class Fanout:
    """One run: ``viewers`` in one room, ``burst`` gifts ``rate`` times a second for ``seconds``."""

    url: str
    viewers: int
    rate: float
    burst: int
    seconds: float
    processes: int = 2
    data: Path | None = None

    async def run(self) -> Fanned:
        """Run. Raises ``Unreachable`` or ``HttpFailed`` if it can't even begin."""
        server = await Processes.of(self.data) if self.data is not None else None
        origin = await provenance(self.data)
        async with Api(self.url, proxy=False) as api, AsyncExitStack() as stack:
            await briefly(api.catalogue)()
            [creator] = await log_in(api, ["Creator"], "creator")
            room = (await patiently(api.create_room)(creator.token, "Fan-out")).id
            sets = math.ceil(self.rate / SENDS_A_SENDER_PER_S)
            senders = await log_in(api, (f"Sender {number + 1}" for number in range(sets * self.burst)))
            people = await log_in(api, (f"Viewer {n + 1}" for n in range(-(-self.viewers // VIEWERS_A_PERSON))))
            clients = [await stack.enter_async_context(Client(self.url, who.token, proxy=False)) for who in senders]
            try:
                return {**await self._measure(server, clients, room, people), **origin}
            finally:
                await patiently(api.close_room)(creator.token, room)

    async def _measure(
        self, server: Processes | None, clients: Sequence[Client], room: str, people: Sequence[Login]
    ) -> Fanned:
        before_alone = server.usage() if server else None
        alone: list[Receipt] = []
        await self._gift(clients, room, ALONE_S, alone)
        after_alone = server.usage() if server else None
        async with crowd(self._plan(room, people), processes=self.processes) as viewers:
            await asyncio.sleep(CALM_S)
            vitals, over = Vitals(), asyncio.Event()
            receipts: list[Receipt] = []
            timeline = Timeline(lambda: {"sent": len(receipts), "settled": _settled(receipts)})
            async with asyncio.TaskGroup() as group:
                group.create_task(vitals.watch(over))
                await viewers.begin()
                group.create_task(timeline.watch(over))
                passes_ms = await server.metric(PASSES) if server else 0.0
                before = server.usage() if server else None
                await self._gift(clients, room, self.seconds, receipts)
                await asyncio.sleep(SEEN_S)
                after = server.usage() if server else None
                passes_ms = await server.metric(PASSES) - passes_ms if server else 0.0
                over.set()
            counted = await viewers.end()
        report = self._report(receipts, counted, vitals)
        report["over_time"] = beside(timeline.rates(), report["over_time"])
        if before_alone and after_alone and before and after:
            add_usage(report, before, after)
            own = _edge_us(before_alone, after_alone) / len(alone)
            report["cpu_us_per_gift"] = round(own, 1)
            of_fanout = _edge_us(before, after) - own * len(receipts)
            deliveries = max(1, report["deliveries"])
            report["cpu_us_per_delivery_of_fanout"] = round(of_fanout / deliveries, 2)
            report["cpu_us_per_delivery_in_hub"] = round(passes_ms * 1e3 / deliveries, 3)
            report["cpu_us_per_event_before_hub"] = round((of_fanout - passes_ms * 1e3) / len(receipts), 1)
            gained_kb = before.rss_kb["edge"] - after_alone.rss_kb["edge"]
            report["kb_per_connection"] = round(gained_kb / self.viewers, 2)
        return report

    def _plan(self, room: str, people: Sequence[Login]) -> Plan:
        host, _, port = self.url.removeprefix("http://").rstrip("/").partition(":")
        subscribe = text_frame(f'{{"type":"subscribe","id":2,"room":"{room}"}}').hex()
        connects = [text_frame(f'{{"type":"connect","id":1,"token":"{who.token}"}}').hex() for who in people]
        return Plan(
            host=host,
            port=int(port or 80),
            path="/v1/ws",
            answers=["\r\n\r\n", '"type":"connected"', '"type":"subscribed"'],
            greetings=[[connects[number % len(people)], subscribe] for number in range(self.viewers)],
        )

    async def _gift(self, clients: Sequence[Client], room: str, seconds: float, receipts: list[Receipt]) -> None:
        """Send as planned (open loop), add the receipts to those, and return when everything has settled."""
        start_ns = time.monotonic_ns()
        for number in range(int(self.rate * seconds)):
            planned_ns = start_ns + int(number / self.rate * 1e9)
            await asyncio.sleep(max(0.0, (planned_ns - time.monotonic_ns()) / 1e9))
            for place in range(self.burst):
                client = clients[(number * self.burst + place) % len(clients)]
                send = Send(
                    id=0,
                    room=room,
                    gift_event_id=client.new_gift_id(),
                    gift="rose",
                    price_coins=1,
                    message=f"t={planned_ns:020}",
                    anonymous=True,
                )
                receipts.append(client.post(send))
        async with asyncio.timeout(SETTLE_S):
            for receipt in receipts:
                await receipt.settled()

    def _report(self, receipts: Sequence[Receipt], counted: Sequence[Counted], vitals: Vitals) -> Fanned:
        expected = len(receipts) * self.viewers
        report = count_up(counted, seconds=self.seconds)
        report["rate"], report["burst"] = self.rate, self.burst
        report["parameters"] = {
            "viewers": self.viewers,
            "rate": self.rate,
            "burst": self.burst,
            "seconds": self.seconds,
            "processes": self.processes,
        }
        report["sent"] = report["settled"] = len(receipts)
        report["lost"] = max(0, expected - report["deliveries"])
        report["doubled"] = max(0, report["deliveries"] - expected)
        report["bot_limited"] |= vitals.is_limited
        report["machine"] = machine() | vitals.fared() | report["machine"]
        return report


def count_up(counted: Sequence[Counted], *, seconds: float) -> Fanned:
    """Return what all viewers have seen, as a report of a server of which nothing is known but that."""
    events, reads = sum(one["events"] for one in counted), sum(one["reads"] for one in counted)
    seen = Histogram()
    for one in counted:
        for time_ns in one["times_ns"]:
            seen.record(time_ns / 1e6)
    return Fanned(
        scenario="fanout",
        parameters={},
        version=UNKNOWN,
        commit=UNKNOWN,
        of_server=False,
        started_at="",
        viewers=sum(one["viewers"] for one in counted),
        rate=0.0,
        burst=0,
        sent=0,
        settled=0,
        deliveries=events,
        lost=0,
        doubled=0,
        deliveries_per_s=round(events / seconds, 1),
        events_per_read=round(events / max(1, reads), 2),
        bytes_per_event=round(sum(one["bytes"] for one in counted) / max(1, events), 1),
        cpu_us_per_delivery=None,
        cpu_us_per_delivery_of_fanout=None,
        cpu_us_per_delivery_in_hub=None,
        cpu_us_per_event_before_hub=None,
        cpu_us_per_delivery_total=None,
        cpu_us_per_gift=None,
        kb_per_connection=None,
        latency_ms={"seen": seen.summary()},
        bot_limited=any(one["is_limited"] for one in counted),
        machine={
            "viewers_cpu_share": [round(one["cpu_share"], 3) for one in counted],
            "viewers_lag_p99_ms": [one["lag_p99_ms"] for one in counted],
            "viewers_closed": sum(one["closed"] for one in counted),
        },
        over_time=add_up([one["over_time"] for one in counted]),
    )


def add_usage(report: Fanned, before: Usage, after: Usage) -> None:
    """Note what the server used meanwhile."""
    deliveries = max(1, report["deliveries"])
    report["cpu_us_per_delivery"] = round(_edge_us(before, after) / deliveries, 2)
    total_us = sum(after.cpu_s[role] - before.cpu_s[role] for role in after.cpu_s) * 1e6
    report["cpu_us_per_delivery_total"] = round(total_us / deliveries, 2)


def _settled(receipts: Sequence[Receipt]) -> int:
    return sum(receipt.state == "settled" for receipt in receipts)


def _edge_us(before: Usage, after: Usage) -> float:
    return (after.cpu_s["edge"] - before.cpu_s["edge"]) * 1e6
