"""Reading a room: its state at one offset, its history, its position, its viewers."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from livegift.clock import now_ms
from livegift.domain.cursor import Marks
from livegift.domain.headcount import Sample, estimate
from livegift.engine import Client, faults
from livegift.rooms.keys import RoomKeys
from livegift.wire.folds import ComboFact, History, RoomView, parse_fold
from livegift.wire.messages import OpenCombo, TopSender, Totals

VIEWERS_BELIEVED_MS = 7_500
"""A worker that has not spoken for this long counts no viewers."""
VIEWERS_KEPT_MS = 60_000
"""What one has said is removed after this long: it has died, for workers take themselves out."""


class RoomReader:
    """Reads rooms for hubs and pages; raises ``Unavailable`` when the engine does not answer."""

    def __init__(self, client: Client, keys: RoomKeys, *, top_max: int) -> None:
        self._client = client
        self._keys = keys
        self._top_max = top_max

    def channel(self, room_id: str) -> str:
        """Return the channel whose messages are folds."""
        return self._keys.channel(room_id)

    async def view(self, room_id: str) -> RoomView | None:
        """Return the room at one offset, or None if it has no state yet."""
        state_key, top_key, names_key, _, combos_key, _, _ = self._keys.all(room_id)
        async with faults(), self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(state_key)
            # Twice the ranking: of those level with the last one, who came first stays.
            pipe.zrevrange(top_key, 0, 2 * self._top_max - 1, withscores=True, score_cast_func=_whole)
            pipe.hvals(combos_key)
            pipe.hgetall(names_key)
            state, top, combos, names = await pipe.execute()
        if not state:
            return None
        return RoomView(
            epoch=state[b"epoch"].decode(),
            offset=int(state[b"offset"]),
            closed=b"closed" in state,
            feeding=state.get(b"feeding") == b"1",
            totals=Totals(int(state[b"coins"]), int(state[b"gifts"]), int(state[b"senders"])),
            points=int(state[b"points"]),
            top=_ranking(top, names)[: self._top_max],
            combos=[_combo(text) for text in combos],
            marks=_marks(state),
        )

    async def since(self, room_id: str, epoch: str, offset: int) -> History | None:
        """Return what is stored of the events after ``offset``, perhaps from a later one on; None in another epoch.

        None also if the room has not come as far as ``offset``.
        """
        state_key, *_, frames_key = self._keys.all(room_id)
        async with faults(), self._client.pipeline(transaction=True) as pipe:
            pipe.hgetall(state_key)
            pipe.xrange(frames_key, min=f"{epoch}-{offset + 1}" if epoch.isdigit() else "-")
            state, entries = await pipe.execute()
        if not state or state[b"epoch"].decode() != epoch or int(state[b"offset"]) < offset:
            return None
        totals, end = Totals(int(state[b"coins"]), int(state[b"gifts"]), int(state[b"senders"])), int(state[b"offset"])
        folds = [parse_fold(fields[b"d"]) for _, fields in entries] if offset < end else []
        after = max(offset, folds[0].events[0].offset - 1 if folds else end)
        return History(epoch, after, end, folds, totals, _marks(state))

    async def positions(self, room_ids: list[str]) -> dict[str, tuple[str, int]]:
        """Return (epoch, offset) of the rooms that have state, in one round trip."""
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for room_id in room_ids:
                pipe.hmget(self._keys.all(room_id)[0], ["epoch", "offset"])
            found = await pipe.execute()
        return {
            room_id: (epoch.decode(), int(offset))
            for room_id, (epoch, offset) in zip(room_ids, found, strict=True)
            if epoch is not None
        }

    async def count_viewers(self, worker: str, samples: Mapping[str, Sample]) -> None:
        """Say who of this worker's viewers are in these rooms; nobody any more where the sample is empty."""
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for room_id, sample in samples.items():
                if sample.hashes:
                    pipe.hset(self._keys.viewers(room_id), worker, b"%d " % now_ms() + sample.pack())
                else:
                    pipe.hdel(self._keys.viewers(room_id), worker)
            await pipe.execute()

    async def viewers(self, room_ids: Sequence[str]) -> dict[str, int]:
        """Return how many people watch each room, in all workers that have spoken lately; one round trip."""
        async with faults(), self._client.pipeline(transaction=False) as pipe:
            for room_id in room_ids:
                pipe.hgetall(self._keys.viewers(room_id))
            found = await pipe.execute()
        now = now_ms()
        counts: dict[str, int] = {}
        gone: list[tuple[str, list[bytes]]] = []
        for room_id, said in zip(room_ids, found, strict=True):
            samples = {worker: _said(value) for worker, value in said.items()}
            counts[room_id] = estimate(
                sample for at_ms, sample in samples.values() if at_ms >= now - VIEWERS_BELIEVED_MS
            )
            old = [worker for worker, (at_ms, _) in samples.items() if at_ms < now - VIEWERS_KEPT_MS]
            if old:
                gone.append((room_id, old))
        await self._forget_workers(gone)
        return counts

    async def _forget_workers(self, gone: Sequence[tuple[str, list[bytes]]]) -> None:
        for room_id, workers in gone:
            async with faults():
                await self._client.hdel(self._keys.viewers(room_id), *workers)


def _said(value: bytes) -> tuple[int, Sample]:
    at_ms, _, sample = value.partition(b" ")
    return int(at_ms), Sample.unpack(sample)


def _whole(score: Any) -> int:
    return int(float(score))


def _marks(state: dict[bytes, bytes]) -> Marks:
    return {int(field[2:]): int(value) for field, value in state.items() if field.startswith(b"m:")}


def _ranking(top: list[tuple[bytes, int]], names: dict[bytes, bytes]) -> list[TopSender]:
    lines = []
    for sender, coins in top:
        first, _, name = names.get(sender, b"0 ").partition(b" ")
        lines.append((-coins, int(first), TopSender(sender.decode(), name.decode(), coins)))
    lines.sort(key=lambda line: line[:2])
    return [line[2] for line in lines]


def _combo(text: bytes) -> OpenCombo:
    combo_id, total, coins, _, _, fact_json = text.split(b" ", 5)
    fact = msgspec.json.decode(fact_json, type=ComboFact)
    return OpenCombo(combo_id.decode(), fact.sender, fact.receiver, fact.gift, int(total), int(coins))
