"""Calling the ledger's scripts on a real Valkey, synchronously, the way batcher, loader and recovery call them."""

from importlib.resources import files
from typing import Any

import redis

from tests.lua.ledger_model import Gift, Partition, id_ms

NAMES = ("gift", "load", "apply", "evict", "trim", "close", "open")
LIMIT = 40
HOT_MAX = 3


def script_texts() -> dict[str, str]:
    """Return the ledger's scripts by name."""
    return {name: (files("livegift.ledger") / "lua" / f"{name}.lua").read_text() for name in NAMES}


class Engine:
    """One deployment's keys under a prefix of its own."""

    def __init__(self, client: "redis.Redis[bytes]", prefix: str, partitions: int, texts: dict[str, str]) -> None:
        self.client = client
        self.prefix = prefix
        self.partitions = partitions
        self.texts = texts
        self.offset_ms = 0

    def key(self, p: int, *rest: object) -> str:
        return f"{self.prefix}{{p{p:03d}}}:" + ":".join(map(str, rest))

    def owner(self) -> str:
        return str(self.client.info("replication")["master_replid"])

    def now(self) -> int:
        seconds, micros = self.client.time()
        return seconds * 1_000 + micros // 1_000 + self.offset_ms

    def call(self, name: str, keys: list[str], args: list[object]) -> list[Any]:
        reply = self.client.eval(self.texts[name], len(keys), *keys, *args)  # type: ignore[arg-type]
        return [plain(part) for part in reply]  # type: ignore[union-attr]

    def identity(self, part: Partition) -> list[object]:
        return [self.partitions, part.epoch, part.generation, self.owner()]

    def gift(
        self,
        p: int,
        part: Partition,
        gifts: list[Gift],
        *,
        identity: list[object] | None = None,
        caller: int | None = None,
    ) -> list[Any]:
        names = {self.key(p, "meta"): 1, self.key(p, "journal"): 2}
        caller = self.now() if caller is None else caller
        args: list[object] = [*(identity or self.identity(part)), caller, caller + 10**9, len(gifts)]
        for gift in gifts:
            wallet, ids, stripe = (
                names.setdefault(self.key(p, part.generation, kind, who), len(names) + 1)
                for kind, who in (("w", gift.user), ("i", gift.user), ("e", gift.creator))
            )
            args += [wallet, ids, stripe, gift.gift_id, id_ms(gift.gift_id), gift.digest]
            args += [gift.coins, "room_closed" if gift.refusal else "", b"payload"]
        return self.call("gift", list(names), args)

    def load(self, p: int, part: Partition, user: str, creator: str, *, evictions: int) -> list[Any]:
        wallet = part.book.wallets.get(user)
        coins, frozen, seq = (wallet.coins, int(wallet.frozen), wallet.seq) if wallet else (0, 0, 0)
        ids = [f"{i}:{r.epoch}:{r.seq}:{r.balance}:{r.digest}" for i, r in part.book.ids.get(user, {}).items()]
        keys = [self.key(p, "meta")]
        keys += [self.key(p, part.generation, kind, who) for kind, who in (("w", user), ("i", user), ("e", creator))]
        _, epoch, generation, owner = self.identity(part)
        args = [epoch, generation, owner, evictions, HOT_MAX, 1, 1, 2, 3, coins, frozen, seq, len(ids), *ids]
        return self.call("load", keys, [*args, 4, part.book.stripes.get(creator, 0)])

    def apply(self, p: int, part: Partition, user: str, number: int, kind: str, coins: int) -> list[Any]:
        keys = [self.key(p, "meta"), self.key(p, "journal"), self.key(p, part.generation, "w", user)]
        return self.call("apply", keys, [*self.identity(part), self.now(), number, kind, coins, b"payload"])

    def evict(self, p: int, part: Partition, users: list[str], idle_ms: int) -> list[Any]:
        keys = [self.key(p, "meta")]
        for user in users:
            keys += [self.key(p, part.generation, "w", user), self.key(p, part.generation, "i", user)]
        return self.call("evict", keys, [*self.identity(part)[1:], idle_ms])

    def trim(self, p: int, epoch: int, mark: int) -> list[Any]:
        return self.call("trim", [self.key(p, "meta"), self.key(p, "journal")], [epoch, mark, f"{self.prefix}marks", p])

    def close(self, p: int, epoch: int, *, force: bool = False) -> list[Any]:
        return self.call("close", [self.key(p, "meta")], [epoch, int(force)])

    def open(self, p: int, part: Partition, epoch: int, owner: str) -> list[Any]:
        keys = [self.key(p, "meta"), self.key(p, "journal")]
        args = [1, self.partitions, epoch, part.generation + 1, part.book.seq, part.book.inbox, part.clock, LIMIT]
        return self.call("open", keys, [*args, owner, "00" * 32])

    def dump(self) -> dict[bytes, object]:
        """Return everything under the prefix."""
        found: dict[bytes, object] = {}
        for key in self.client.scan_iter(match=self.prefix + "*", count=1_000):
            match self.client.type(key):
                case b"hash":
                    found[key] = self.client.hgetall(key)
                case b"zset":
                    found[key] = self.client.zrange(key, 0, -1)
                case b"stream":
                    found[key] = self.client.xrange(key)
                case _:
                    found[key] = self.client.get(key)
        return found

    def drop(self) -> None:
        keys = list(self.client.scan_iter(match=self.prefix + "*", count=1_000))
        if keys:
            self.client.unlink(*keys)


def plain(value: Any) -> Any:
    """Return a reply with text for bytes, and whole numbers for decimal text."""
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        text = value.decode()
        return int(text) if text.lstrip("-").isdigit() else text
    return value
