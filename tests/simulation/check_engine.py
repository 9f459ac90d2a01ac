"""What stands in the engine when everything has come to rest, and whether it has."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.simulation.stage import PARTITIONS_MAX

if TYPE_CHECKING:
    from tests.simulation.world import World

FOLD_MS = 57 * 60_000
"""A closed room folds for an hour; processes' clocks may run ahead by some minutes."""


def _fields(flat: list[Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}


def unrest(world: "World") -> Iterator[str]:
    """Name everything that has not come to rest yet."""
    for gift in world.people.unanswered():
        yield f"{gift.sender.name} has no final answer for {gift.id}: {gift.answer}"
    if world.held:
        yield f"{sorted(world.held)} have been stopped"
    partitions = world.facts().partitions
    owner = _owner(world)
    for p, epoch, mark, given, done in world.book.query(
        "SELECT p, epoch, mark, inbox_given, inbox_done FROM partition"
    ):
        if given != done:
            yield f"partition {p} has carried {done} of {given} inbox entries"
        if p >= partitions:
            continue
        meta = _fields(world.engine.ask("HGETALL", world.meta(p)))
        found = tuple(meta.get(name) for name in ("owner", "state", "epoch", "seq", "mark"))
        if found != (owner, "open", str(epoch), str(mark), str(mark)):
            yield f"partition {p} stands at {found}, book ({epoch}, {mark}), owner {owner}"
    for room_id, is_closed in folding_rooms(world):
        yield from _room_unrest(world, room_id, owner, is_closed=is_closed)
    yield from world.creators.unrest([room_id for room_id, _ in folding_rooms(world)])


def folding_rooms(world: "World") -> list[tuple[str, bool]]:
    """Return the rooms that must have state, and whether they are closed: an hour after that they may be dropped."""
    since_ms = world.now_ms() - FOLD_MS
    rows = world.book.query("SELECT id, closed_at_ms FROM room ORDER BY id")
    return [(room_id, closed is not None) for room_id, closed in rows if closed is None or closed > since_ms]


def ahead_ms(world: "World") -> int:
    """Return how far the partitions' clocks stand ahead of the time."""
    clocks = [world.engine.ask("HGET", world.meta(p), "clock") for p in range(PARTITIONS_MAX)]
    return max(0, *(int(clock or 0) - world.now_ms() for clock in clocks))


def _owner(world: "World") -> str:
    said = world.engine.ask("INFO", "replication").decode()
    return str(said.split("master_replid:")[1].split("\r\n")[0])


def _room_unrest(world: "World", room_id: str, owner: str, *, is_closed: bool) -> Iterator[str]:
    slot = f"{world.config.redis_prefix}1:{{r:{room_id}}}:"
    state = _fields(world.engine.ask("HGETALL", slot + "state"))
    if state.get("owner") != owner or state.get("feeding") == "1":
        yield f"room {room_id} has no state of this owner's, or is being fed"
        return
    for p, seq in world.book.query("SELECT p, seq FROM room_mark WHERE room_id = $1", room_id):
        if int(state.get(f"m:{p}", 0)) < seq:
            yield f"room {room_id} stands at {state.get(f'm:{p}')} of partition {p}, book {seq}"
    if world.engine.ask("HLEN", slot + "combos") or world.engine.ask("ZCARD", slot + "due"):
        yield f"room {room_id} has open combos"
    if is_closed and "closed" not in state:
        yield f"room {room_id} does not know that it is closed"


def check_engine(world: "World") -> None:
    """Hold every hot figure against the book's."""
    query = world.book.query
    wallets = {row[0]: row[1:] for row in query("SELECT user_id, coins, frozen FROM wallet")}
    stripes = {(p, creator): points for p, creator, points in query("SELECT p, creator_id, points FROM stripe")}
    for p, generation in query("SELECT p, generation FROM partition WHERE p < (SELECT partitions FROM book)"):
        start = world.meta(p).removesuffix("meta") + f"{generation}:"
        hot = 0
        for key in map(bytes.decode, world.engine.key_names()):
            kind, _, name = key.removeprefix(start).partition(":")
            if not key.startswith(start):
                continue
            if kind == "w":
                hot += 1
                coins, frozen = world.engine.ask("HMGET", key, "coins", "frozen")
                if (int(coins), int(frozen)) != wallets.get(name, (0, 0)):
                    world.violate("a hot wallet is not the book's", f"{name}: {coins!r}, book {wallets.get(name)}")
            elif kind == "e":
                points = int(world.engine.ask("GET", key))
                if points != stripes.get((p, name), 0):
                    world.violate("a hot stripe is not the book's", f"{key}: {points}, book {stripes.get((p, name))}")
        if hot != int(world.engine.ask("HGET", world.meta(p), "hot")):
            world.violate("the count of hot wallets is wrong", f"partition {p}: {hot}")
        journal = world.engine.ask("XRANGE", world.meta(p).removesuffix("meta") + "journal", "-", "+")
        if len(journal) != 1:
            world.violate("a journal was not trimmed", f"partition {p}: {len(journal)} entries")
