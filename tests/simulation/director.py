"""What befalls a world, and when: planned from the seed before it begins."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from livegift.clock import now_ms
from livegift.domain.catalogue import FIRST_GIFTS
from tests.simulation.engine import Snapshot
from tests.simulation.people import EDGES
from tests.simulation.stage import PARTITIONS_MAX

if TYPE_CHECKING:
    from tests.simulation.processes import EdgeProcess
    from tests.simulation.world import World

FLUSHERS = ("flusher-1", "flusher-2")
SNAPSHOT_EVERY_S = 0.7
MINUTE_MS = 60_000
DECISIVE = (
    *("sql.flush", "sql.begin_epoch", "announce", "trim", "apply", "gift", "load", "close", "open", "end_combos"),
    *("close_room", "evict", "sql.read_cold", "sql.caught_up", "sql.room_gifts", "sql.settled_gift", "sql.mark"),
)
"""Calls after and before which a death matters most: half of the crashes are aimed at one of them."""


class Director:
    """Makes it happen."""

    def __init__(self, world: "World", *, until_s: float) -> None:
        self._world = world
        self._until_s = until_s
        self._snapshots: list[Snapshot] = []

    def plan(self) -> None:
        """Put all that will happen on the world's clock."""
        count = self._world.weather.count
        self._often("crash", count("crash", 4), self._crash)
        self._often("crash_in_call", count("crash_in_call", 4), self._crash_in_call)
        self._often("stop", count("stop", 2), self._stop)
        self._often("engine_down", count("engine_down", 2), self._engine_down)
        self._often("rolled_back", count("rolled_back", 2), self._roll_back)
        self._often("emptied", count("emptied", 2), self._empty)
        self._often("promoted", count("promoted", 2), self._promote)
        self._often("room_rolled_back", count("room_rolled_back", 2), self._roll_room_back)
        self._often("room_torn", count("room_torn", 2), self._tear_room)
        self._often("room_lost", count("room_lost", 2), self._lose_room)
        self._often("clocks_leap", count("clocks_leap", 2), self._leap)
        self._often("engine_clock_steps", count("engine_clock_steps", 2), self._step_engine_clock)
        self._often("process_clock_steps", count("process_clock_steps", 2), self._step_process_clock)
        self._often("stall", count("sql_refused", 3), self._stall)
        self._often("grant", 14, self._grant)
        self._often("reprice", 3, self._reprice)
        self._often("repartition", self._world.chance.randrange(3), self._repartition)
        for _ in range(self._world.chance.randrange(3)):
            self._world.loop.call_later(self._world.chance.uniform(0.6, 1.0) * self._until_s, self._close_room)
        at_s = SNAPSHOT_EVERY_S
        while at_s < self._until_s:
            self._world.loop.call_later(at_s, self._take_snapshot)
            at_s += SNAPSHOT_EVERY_S

    def _often(self, name: str, times: int, happen: Callable[[], None]) -> None:
        def now() -> None:
            self._world.note("director", name)
            happen()

        for _ in range(times):
            self._world.loop.call_later(self._world.chance.uniform(0.8, self._until_s), now)

    # --- processes ---

    def _crash(self) -> None:
        self._aim("crash")

    def _crash_in_call(self) -> None:
        self._aim("crash_in_call")

    def _aim(self, kind: str) -> None:
        world = self._world
        name = world.chance.choice((*EDGES, *FLUSHERS, *FLUSHERS))
        process = world.process(name) if world.operator is None or not world.operator.is_alive else world.operator
        if process is None:
            return
        target = world.chance.choice(DECISIVE) if world.chance.random() < 0.6 else None
        left = world.chance.randrange(1, 3 if target else 20)

        def crash_at(before: str, now: str) -> str | None:
            nonlocal left
            # In between: the call before was the decisive one, or the one not made is.
            left -= target is None or now == target or (kind == "crash" and before == target)
            return kind if left < 0 and not world.weather.is_calm else None

        process.line.crash_at = crash_at

    def _stop(self) -> None:
        flusher = self._world.flushers.get(self._world.chance.choice(FLUSHERS))
        if flusher is not None and flusher.is_alive:
            self._world.strike("stop", "flusher", "stop")
            flusher.stopping.set()

    def _stall(self) -> None:
        """Let the book be deaf to some processes for a while; sometimes the ids of unsettled gifts age meanwhile."""
        world, chance = self._world, self._world.chance
        deaf = chance.choice((FLUSHERS, FLUSHERS, EDGES, (*EDGES, *FLUSHERS)))
        world.deaf |= set(deaf)
        length_s = chance.uniform(0.3, 3.0)
        if chance.random() < 0.4:
            world.loop.call_later(length_s / 3, self._leap, 16)
        world.loop.call_later(length_s, world.deaf.difference_update, deaf)

    # --- the engine ---

    def _take_snapshot(self) -> None:
        self._snapshots.append(self._world.engine.snapshot())

    def _engine_down(self) -> None:
        world = self._world
        world.engine_is_down = True
        world.engine_dies()
        world.loop.call_later(world.chance.uniform(0.05, 1.0), self._engine_up)

    def _engine_up(self) -> None:
        self._world.engine.change_owner()
        self._world.engine.forget_scripts()
        self._world.engine_is_down = False

    def _roll_back(self) -> None:
        if not self._snapshots:
            return
        world, chance = self._world, self._world.chance
        snapshot = chance.choice(self._snapshots[-chance.choice((1, 2, 30)) :])
        slots = sorted(world.slots())
        if len(slots) > 1 and chance.random() < 0.4:
            slots = chance.sample(slots, chance.randrange(1, len(slots)))
        world.strike("rolled_back", "engine", "restart")
        world.engine.roll_back(snapshot, set(slots))
        self._restarted(lossy=True)

    def _empty(self) -> None:
        self._world.strike("emptied", "engine", "restart")
        self._world.engine.empty()
        self._restarted(lossy=True)

    def _promote(self) -> None:
        self._world.strike("promoted", "engine", "promote")
        self._restarted(lossy=False)

    def _restarted(self, *, lossy: bool) -> None:
        world = self._world
        if lossy:
            world.losses_s.append(world.loop.time())
        world.engine.change_owner()
        if world.chance.random() < 0.3:
            world.engine.forget_scripts()
        world.engine_dies()

    # --- rooms ---

    def _roll_room_back(self) -> None:
        if self._snapshots:
            world, chance = self._world, self._world.chance
            room = chance.choice(world.rooms)
            world.strike("room_rolled_back", "engine", "fail over")
            world.engine.roll_back(chance.choice(self._snapshots[-5:]), {f"r:{room.id}"})
            self._restarted(lossy=False)

    def _tear_room(self) -> None:
        world, chance = self._world, self._world.chance
        slot = f"{world.config.redis_prefix}1:{{r:{chance.choice(world.rooms).id}}}:"
        world.strike("room_torn", "engine", "fail over")
        world.engine.ask("UNLINK", slot + chance.choice(("state", "top", "names", "frames")))
        self._restarted(lossy=False)

    def _lose_room(self) -> None:
        world = self._world
        world.strike("room_lost", "engine", "unlink")
        world.engine.roll_back({}, {f"r:{world.chance.choice(world.rooms).id}"})

    # --- clocks ---

    def _leap(self, minutes: int | None = None) -> None:
        world = self._world
        if world.weather.is_calm:
            return
        world.strike("clocks_leap", "clock", "clock")
        by_ms = (minutes or world.chance.choice((1, 3, 8, 13, 15, 16, 17))) * MINUTE_MS
        world.leap_ms += by_ms
        world.engine.age(by_ms)

    def _step_engine_clock(self) -> None:
        world, chance = self._world, self._world.chance
        world.strike("engine_clock_steps", "clock", "clock")
        # Half are steps ahead by more than any window: what goes by the wall clock would be gone.
        near_ms = chance.choice((-1, 1)) * chance.choice((500, 90_000, 5 * MINUTE_MS, 16 * MINUTE_MS))
        by_ms = chance.choice((near_ms, 16 * MINUTE_MS))
        self._step_engine(by_ms)
        world.loop.call_later(chance.uniform(0.1, 1.5), self._step_engine, -by_ms)

    def _step_engine(self, by_ms: int) -> None:
        self._world.engine_skew_ms += by_ms
        self._world.engine.age(by_ms)

    def _step_process_clock(self) -> None:
        world, chance = self._world, self._world.chance
        process = world.process(chance.choice((*EDGES, *FLUSHERS)))
        if process is not None:
            world.strike("process_clock_steps", "clock", process.name)
            by_ms = chance.choice((-1, 1)) * chance.choice((500, 90_000, 10 * MINUTE_MS))
            process.skew_ms += by_ms

            def back() -> None:
                process.skew_ms -= by_ms

            world.loop.call_later(chance.uniform(0.1, 1.5), back)

    # --- operators ---

    def _edge(self) -> "EdgeProcess | None":
        edge = self._world.edges.get(self._world.chance.choice(EDGES))
        return edge if edge is not None and edge.is_alive and edge.tasks is not None else None

    def _grant(self) -> None:
        world, chance = self._world, self._world.chance
        kind = chance.choice(("recharge", "recharge", "promo", "take", "chargeback", "adjustment"))
        coins = chance.choice((10, 200, 3_000))
        if kind == "adjustment" and chance.random() < 0.5:
            coins = -coins
        self.grant(chance.choice(world.people.senders).id, kind, coins)

    def grant(self, user_id: str, kind: str, coins: int) -> None:
        """Ask one of the edges for a change of a wallet."""
        edge = self._edge()
        if edge is None:
            return

        async def work(edge: "EdgeProcess") -> None:
            entry = await edge.book.grant(user_id, coins, kind=kind, now_ms=now_ms())
            await edge.gifting.inbox_has_news()
            await edge.gifting.wait_granted(entry, timeout_ms=2_000)

        edge.do(work)

    def _reprice(self) -> None:
        world, chance = self._world, self._world.chance
        name = chance.choice(sorted(world.prices))
        price = world.prices[name] + chance.randrange(1, 4)
        gifts = [gift for gift in FIRST_GIFTS if gift.id in world.prices]
        prices = {**world.prices, name: price}
        edge = self._edge()
        if edge is None:
            return

        async def work(edge: "EdgeProcess") -> None:
            await edge.book.replace_catalogue([replace(gift, price_coins=prices[gift.id]) for gift in gifts])
            world.prices = prices

        edge.do(work)

    def _repartition(self) -> None:
        """Another number of partitions: usually with all stopped, sometimes by somebody who forgot to."""
        world, chance = self._world, self._world.chance
        stopped = chance.choice(((*EDGES, *FLUSHERS), (*EDGES, *FLUSHERS), FLUSHERS, ()))
        partitions = chance.choice([n for n in range(1, PARTITIONS_MAX + 1) if n != world.facts().partitions])
        world.people_tasks.append(world.loop.create_task(world.repartition(partitions, stopped)))

    def _close_room(self) -> None:
        world = self._world
        room = world.chance.choice(world.rooms[1:])  # one stays open: gifts must go somewhere
        edge = self._edge()
        if edge is None:
            return

        async def work(edge: "EdgeProcess") -> None:
            await edge.book.close_room(room.id, now_ms())
            await edge.gifting.rooms_have_news()

        edge.do(work)
