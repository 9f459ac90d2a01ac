"""The machine: random steps on the scripts and on the model, which must agree after each one."""

from typing import Any, ClassVar

import redis
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.lua.engine_side import HOT_MAX, LIMIT, Engine
from tests.lua.ledger_model import Gift, Partition, Wallet

USERS = ("ann", "ben", "cy", "dee")
CREATORS = ("luna", "kenji")
KINDS = ("recharge", "take", "chargeback", "adjustment")
HOUR_MS = 3_600_000

users, creators = st.sampled_from(USERS), st.sampled_from(CREATORS)
amounts = st.sampled_from([1, 5, 30, 99, 1_000, 10**13 - 1])
# Where a gift's id comes from: a new one, one used before, the batch's previous one, too old, too far ahead.
origins = st.sampled_from(["new", "new", "new", "known", "known", "twin", "stale", "ahead"])
gifts = st.tuples(users, creators, amounts, origins, st.booleans(), st.sampled_from(["", "", "", "refused"]))


class LedgerMachine(RuleBasedStateMachine):
    """Scripts against model. Subclasses name the engine's URL, the number of partitions and the scripts' texts."""

    url: ClassVar[str] = ""
    partitions: ClassVar[int] = 1
    texts: ClassVar[dict[str, str]] = {}
    count: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        LedgerMachine.count += 1
        self.client: redis.Redis[bytes] = redis.Redis.from_url(self.url, protocol=2)
        prefix = f"machine{id(type(self))}-{LedgerMachine.count}:"
        self.engine = Engine(self.client, prefix, self.partitions, self.texts)
        self.parts = [Partition() for _ in range(self.partitions)]
        self.used: list[tuple[str, str, str, str, int]] = []
        self.stale: set[tuple[int, str, str]] = set()
        self.serial = 0

    def teardown(self) -> None:
        self.engine.drop()
        self.client.close()

    def pick(self, number: int) -> tuple[int, Partition]:
        p = number % self.partitions
        return p, self.parts[p]

    @initialize()
    def open_all(self) -> None:
        for p in range(self.partitions):
            self.recover(p, self.parts[p])
            self.recharge(p, self.parts[p], "ann")

    def recharge(self, p: int, part: Partition, user: str) -> None:
        self.load_one(p, user, "luna")
        found = self.engine.apply(p, part, user, part.hot.inbox + 1, "recharge", 500)
        assert found == part.apply(self.clock_of(p), user, part.hot.inbox + 1, "recharge", 500)

    def clock_of(self, p: int) -> int:
        return int(self.client.hget(self.engine.key(p, "meta"), "clock") or 0)

    # --- gifts ---

    def gift_id(self, now: int, origin: str, previous: str | None) -> str:
        self.serial += 1
        at = {"stale": now - 901_000 - 10_000, "ahead": now + 120_000 + 10_000}.get(origin, now - 1_000)
        if origin == "twin" and previous is not None:
            return previous
        return f"{at:012x}7{self.serial:03x}8{'0' * 15}"

    def make(self, now: int, drawn: list[tuple[Any, ...]], part: Partition) -> list[Gift]:
        batch: list[Gift] = []
        for user, creator, coins, origin, same, refusal in drawn:
            digest = "d" * 32
            if origin == "known" and self.used:
                user, creator, gift_id, digest, coins = self.used[coins % len(self.used)]
                digest = digest if same else "e" * 32
            elif origin == "twin" and batch:
                last = batch[-1]
                user, gift_id = last.user, last.gift_id
                digest, creator, coins = (last.digest, last.creator, last.coins) if same else ("f" * 32, creator, coins)
            else:
                gift_id = self.gift_id(now, origin, None)
            batch.append(Gift(user, creator, gift_id, digest, coins, refusal=bool(refusal)))
        return batch

    @rule(number=st.integers(0, 3), drawn=st.lists(gifts, min_size=1, max_size=5))
    def send(self, number: int, drawn: list[tuple[Any, ...]]) -> None:
        p, part = self.pick(number)
        clock = max(self.engine.now(), part.clock)
        batch = self.make(clock, drawn, part)
        before = self.engine.dump()
        reply = self.engine.gift(p, part, batch)
        note(f"p{p} {batch} -> {reply}")
        if part.hot.seq - part.mark + len(batch) > LIMIT:
            assert reply == ["busy", "journal"]
            assert self.engine.dump() == before
            return
        tag, epoch, mark, now, results = reply
        assert (tag, epoch, mark) == ("ok", part.epoch, part.mark)
        assert clock <= now <= max(self.engine.now(), part.clock)
        expected = part.gift(now, batch)
        assert [shorten(result) for result in results] == expected
        for gift, result in zip(batch, results, strict=True):
            if result[0] == "accepted":
                assert (p, gift.user, gift.gift_id) not in self.stale, "an id once answered stale was charged"
                self.used.append((gift.user, gift.creator, gift.gift_id, gift.digest, gift.coins))
            if result[0] == "stale_id":
                self.stale.add((p, gift.user, gift.gift_id))
                self.used.append((gift.user, gift.creator, gift.gift_id, gift.digest, gift.coins))

    @rule(
        number=st.integers(0, 3), case=st.sampled_from(["twin", "one too little", "stale, then the clock steps back"])
    )
    def send_at_the_edge(self, number: int, case: str) -> None:
        """What matters most, made to happen often: a hot wallet with coins meets each edge."""
        p, _ = self.pick(number)
        self.load_one(p, "ann", "luna")
        coins = self.parts[p].hot.wallets["ann"].coins if "ann" in self.parts[p].hot.wallets else 0
        if case == "twin":
            self.send(number, [("ann", "luna", 1, "new", True, ""), ("ann", "luna", 1, "twin", True, "")])
        elif case == "one too little" and 0 <= coins < 10**13 - 1:
            self.send(number, [("ann", "luna", coins + 1, "new", True, "")])
        else:
            self.send(number, [("ann", "luna", 1, "stale", True, "")])
            self.step_the_clock(-1_200_000)
            # The newest id used, if the answer was 'stale': it must not be younger now.
            self.send(number, [("ann", "luna", len(self.used) - 1 or 1, "known", True, "")])

    @rule(number=st.integers(0, 3), wrong=st.sampled_from(["P", "epoch", "generation", "owner"]))
    def send_as_somebody_else(self, number: int, wrong: str) -> None:
        p, part = self.pick(number)
        identity = self.engine.identity(part)
        place = ["P", "epoch", "generation", "owner"].index(wrong)
        identity[place] = "0" * 40 if wrong == "owner" else int(str(identity[place])) + 1
        before = self.engine.dump()
        gift = Gift("ann", "luna", self.gift_id(self.engine.now(), "new", None), "d" * 32, 1)
        reply = self.engine.gift(p, part, [gift], identity=identity)
        assert reply == ["fenced", "partitions" if wrong == "P" else "epoch"]
        assert self.engine.dump() == before

    @rule(number=st.integers(0, 3), off=st.sampled_from([-121_000, 121_000, HOUR_MS]))
    def send_with_another_clock(self, number: int, off: int) -> None:
        p, part = self.pick(number)
        before = self.engine.dump()
        gift = Gift("ann", "luna", self.gift_id(self.engine.now(), "new", None), "d" * 32, 1)
        assert self.engine.gift(p, part, [gift], caller=self.engine.now() + off)[0] == "clock_skew"
        assert self.engine.dump() == before

    # --- loading and evicting ---

    def load_one(self, p: int, user: str, creator: str) -> None:
        part = self.parts[p]
        reply = self.engine.load(p, part, user, creator, evictions=part.evictions)
        is_new = user not in part.hot.wallets
        if is_new and len(part.hot.wallets) >= HOT_MAX:
            assert reply == ["full", HOT_MAX]
            return
        assert reply == ["loaded", int(is_new)]
        if is_new:
            known = part.book.wallets.get(user, Wallet())
            hot_ts = int(self.client.hget(self.engine.key(p, part.generation, "w", user), "ts") or 0)
            part.hot.wallets[user] = Wallet(known.coins, known.frozen, known.seq, hot_ts)
            part.hot.ids[user] = dict(part.book.ids.get(user, {}))
        part.hot.stripes.setdefault(creator, part.book.stripes.get(creator, 0))

    @rule(number=st.integers(0, 3), user=users, creator=creators)
    def load(self, number: int, user: str, creator: str) -> None:
        self.load_one(number % self.partitions, user, creator)

    @rule(number=st.integers(0, 3), user=users)
    def load_from_an_old_snapshot(self, number: int, user: str) -> None:
        p, part = self.pick(number)
        before = self.engine.dump()
        assert self.engine.load(p, part, user, "luna", evictions=part.evictions - 1) == ["moved"]
        assert self.engine.dump() == before

    @rule(number=st.integers(0, 3), idle_ms=st.sampled_from([0, 0, HOUR_MS]))
    def evict(self, number: int, idle_ms: int) -> None:
        p, part = self.pick(number)
        now = max(self.engine.now(), part.clock)
        gone = [
            user
            for user, wallet in part.hot.wallets.items()
            if wallet.seq <= part.mark and (idle_ms == 0 or now - wallet.ts >= idle_ms + 5_000)
        ]
        close = [u for u, w in part.hot.wallets.items() if 0 < abs(now - w.ts - idle_ms) < 5_000 and idle_ms]
        if close:
            return  # too close to the edge to say
        assert self.engine.evict(p, part, list(USERS), idle_ms) == ["evicted", len(gone)]
        for user in gone:
            del part.hot.wallets[user]
            part.hot.ids.pop(user, None)
        part.evictions += bool(gone)

    # --- inbox ---

    @rule(
        number=st.integers(0, 3),
        user=users,
        kind=st.sampled_from(KINDS),
        coins=amounts,
        step=st.sampled_from([0, 1, 1, 1, 2]),
    )
    def apply(self, number: int, user: str, kind: str, coins: int, step: int) -> None:
        p, part = self.pick(number)
        if part.hot.seq - part.mark + 1 > LIMIT:
            return
        entry = part.hot.inbox + step
        before = self.engine.dump()
        reply = self.engine.apply(p, part, user, entry, kind, coins)
        expected = part.apply(self.clock_of(p), user, entry, kind, coins)
        assert reply == expected
        if reply[0] in ("known", "gap", "need_load"):
            assert self.engine.dump() == before

    def move(self, p: int, user: str, kind: str, coins: int) -> bool:
        """Apply the next inbox entry; False if the wallet is not hot."""
        part = self.parts[p]
        number = part.hot.inbox + 1
        reply = self.engine.apply(p, part, user, number, kind, coins)
        assert reply == part.apply(self.clock_of(p), user, number, kind, coins)
        return bool(reply[0] != "need_load")

    @rule(number=st.integers(0, 3), user=users, coins=amounts)
    def owe(self, number: int, user: str, coins: int) -> None:
        """A chargeback takes what is not there; coins that come later do not thaw the wallet."""
        p, part = self.pick(number)
        self.load_one(p, user, "luna")
        if part.hot.seq - part.mark + 3 > LIMIT or user not in part.hot.wallets:
            return
        debt = max(1, part.hot.wallets[user].coins + coins)
        if debt >= 10**13:
            return
        self.move(p, user, "chargeback", debt)
        self.move(p, user, "recharge", 10**13 - 1)
        self.send(number, [(user, "luna", 1, "new", True, "")])

    @rule(number=st.integers(0, 3), user=users)
    def fill(self, number: int, user: str) -> None:
        """The journal at its limit takes nothing more, of either kind, until the book has taken something."""
        p, part = self.pick(number)
        self.load_one(p, user, "luna")
        while part.hot.seq - part.mark < LIMIT:
            if not self.move(p, user, "recharge", 1):
                return
        before = self.engine.dump()
        gift = Gift(user, "luna", self.gift_id(self.engine.now(), "new", None), "d" * 32, 1)
        assert self.engine.gift(p, part, [gift]) == ["busy", "journal"]
        assert self.engine.apply(p, part, user, part.hot.inbox + 1, "recharge", 1) == ["busy", "journal"]
        assert self.engine.dump() == before

    # --- the book ---

    @rule(number=st.integers(0, 3), entries=st.integers(1, 3), trims=st.booleans())
    def flush(self, number: int, entries: int, trims: bool) -> None:
        p, part = self.pick(number)
        part.flush(entries)
        if trims and part.book.seq > part.mark:
            assert self.engine.trim(p, part.epoch, part.book.seq)[0] == "trimmed"
            part.mark = part.book.seq
            assert self.engine.trim(p, part.epoch, part.book.seq) == ["known"]
            assert self.engine.trim(p, part.epoch + 1, part.book.seq + 1) == ["fenced", "epoch"]

    # --- faults ---

    @rule(step_ms=st.sampled_from([-3 * HOUR_MS, -1_200_000, -5_000, 5_000, 1_200_000, 3 * HOUR_MS]))
    def step_the_clock(self, step_ms: int) -> None:
        self.engine.offset_ms += step_ms
        for p in range(self.partitions):
            self.client.hset(self.engine.key(p, "meta"), "clock_offset_ms", self.engine.offset_ms)

    def recover(self, p: int, part: Partition) -> None:
        epoch = part.epoch + 1
        tag, owner, _ = self.engine.close(p, part.epoch, force=True)
        assert (tag, owner) == ("closed", self.engine.owner())
        part.flush(len(part.journal))
        assert self.engine.open(p, part, epoch, "0" * 40) == ["fenced", "owner"]
        assert self.engine.open(p, part, epoch, owner) == ["opened"]
        if epoch > 1:
            assert self.engine.open(p, part, epoch, owner) == ["older", epoch]
        self.client.hset(self.engine.key(p, "meta"), "clock_offset_ms", self.engine.offset_ms)
        part.reopen(epoch)
        part.clock = self.clock_of(p)

    @rule(number=st.integers(0, 3), user=users)
    def restart(self, number: int, user: str) -> None:
        """The engine comes back as another owner, with everything it had."""
        p, part = self.pick(number)
        self.client.hset(self.engine.key(p, "meta"), "owner", "0" * 40)
        before = self.engine.dump()
        gift = Gift(user, "luna", self.gift_id(self.engine.now(), "new", None), "d" * 32, 1)
        assert self.engine.gift(p, part, [gift]) == ["fenced", "owner"]
        assert self.engine.apply(p, part, user, part.hot.inbox + 1, "recharge", 1) == ["fenced", "owner"]
        assert self.engine.load(p, part, user, "luna", evictions=part.evictions) == ["fenced", "owner"]
        assert self.engine.evict(p, part, [user], 0) == ["fenced", "owner"]
        assert self.engine.dump() == before
        self.recover(p, part)

    @rule()
    def empty(self) -> None:
        """The engine forgets everything."""
        self.engine.drop()
        for p, part in enumerate(self.parts):
            gift = Gift("ann", "luna", self.gift_id(self.engine.now(), "new", None), "d" * 32, 1)
            assert self.engine.gift(p, part, [gift]) == ["fenced", "owner"]
            part.lose()
            self.recover(p, part)
        self.stale.clear()  # the clock that judged them is lost, too

    @precondition(lambda self: self.parts[0].epoch > 0)
    @rule(number=st.integers(0, 3))
    def closed(self, number: int) -> None:
        """Between close and open the partition is busy; a healthy one is not closed by mistake."""
        p, part = self.pick(number)
        assert self.engine.close(p, part.epoch) == ["healthy"]
        self.engine.close(p, part.epoch, force=True)
        gift = Gift("ann", "luna", self.gift_id(self.engine.now(), "new", None), "d" * 32, 1)
        assert self.engine.gift(p, part, [gift]) == ["busy", "closed"]
        assert self.engine.load(p, part, "ann", "luna", evictions=part.evictions) == ["busy", "closed"]
        self.recover(p, part)

    # --- what always holds ---

    @invariant()
    def engine_equals_model(self) -> None:
        for p, part in enumerate(self.parts):
            if part.epoch == 0:
                continue
            dump = {
                key.decode(): value for key, value in self.engine.dump().items() if self.engine.key(p).encode() in key
            }
            start = self.engine.key(p, part.generation)
            meta = dump[self.engine.key(p, "meta")]
            figures = {name: int(meta[name.encode()]) for name in ("epoch", "seq", "mark", "inbox", "evictions", "hot")}  # type: ignore[index]
            assert figures == {
                "epoch": part.epoch, "seq": part.hot.seq, "mark": part.mark, "inbox": part.hot.inbox,
                "evictions": part.evictions, "hot": len(part.hot.wallets),
            }  # fmt: skip
            for user, wallet in part.hot.wallets.items():
                found = dump[f"{start}:w:{user}"]
                assert (int(found[b"coins"]), found[b"frozen"] == b"1", int(found[b"seq"])) == (  # type: ignore[index]
                    wallet.coins, wallet.frozen, wallet.seq,
                )  # fmt: skip
                members = {
                    f"{i}:{r.epoch}:{r.seq}:{r.balance}:{r.digest}".encode()
                    for i, r in part.hot.ids.get(user, {}).items()
                }
                assert set(dump.get(f"{start}:i:{user}", [])) == members  # type: ignore[call-overload]
            wallets = {key for key in dump if key.startswith(f"{start}:w:")}
            assert wallets == {f"{start}:w:{user}" for user in part.hot.wallets}
            for creator, points in part.hot.stripes.items():
                assert int(dump[f"{start}:e:{creator}"]) == points  # type: ignore[call-overload]
            self.journal_equals_model(part, dump[self.engine.key(p, "journal")])

    def journal_equals_model(self, part: Partition, entries: Any) -> None:
        opening = entries[0]
        found = [(entry_id.decode(), [name.decode() for name in fields]) for entry_id, fields in entries]
        expected = [
            (f"{part.epoch}-{entry[-1].seq}", ["t", *(event.name for event in entry)]) for entry in part.journal
        ]
        # In front of what the book lacks: the entry its mark names, and what has not been trimmed yet.
        assert found[len(found) - len(expected) :] == expected
        front = found[: len(found) - len(expected)]
        assert front, "the entry at the book's mark is gone"
        assert front[-1][0] == f"{part.epoch}-{part.book.seq}"
        assert int(opening[0].split(b"-")[1]) <= max(part.mark, part.book.seq)

    @invariant()
    def coins_are_conserved(self) -> None:
        for part in self.parts:
            for user, wallet in part.hot.wallets.items():
                assert wallet.coins >= 0 or wallet.frozen, user


def shorten(result: list[Any]) -> list[Any]:
    """Drop the clock from a result: the model does not know it."""
    return result[:2] if result[0] == "stale_id" else result[:1] if result[0] == "early_id" else result
