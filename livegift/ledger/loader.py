"""Making wallets hot: one SQL snapshot, one ``load.lua`` call, again if an eviction came between."""

from collections.abc import Awaitable, Callable

from livegift.clock import now_ms
from livegift.domain.identity import ID_AHEAD_MS, ID_WINDOW_MS
from livegift.engine import Arg, Client, Script, faults
from livegift.errors import Busy
from livegift.ledger.keys import LedgerKeys
from livegift.ledger.view import PartitionView
from livegift.store.book import ColdWallet

TRIES_MAX = 8
# The partition's clock may be off ours by as much as the script tolerates, and ids may come from the future.
IDS_BACK_MS = ID_WINDOW_MS + 2 * ID_AHEAD_MS

ReadCold = Callable[[list[str], list[tuple[int, str]], int], Awaitable[tuple[list[ColdWallet], list[int]]]]
"""(users, [(partition, creator)], ids since ms) -> wallets and points, all of one snapshot of the primary."""

_load = Script("livegift.ledger", "load")


class Fenced(Exception):
    """The partition is not what the caller believes: read the view again."""


class Loader:
    """Loads what a script found missing."""

    def __init__(self, client: Client, keys: LedgerKeys, read_cold: ReadCold, *, hot_wallets_max: int) -> None:
        self._client = client
        self._keys = keys
        self._read_cold = read_cold
        self._hot_wallets_max = hot_wallets_max

    async def load(self, p: int, view: PartitionView, *, users: list[str], creators: list[str]) -> None:
        """Make these wallets and stripes hot. Raises ``Fenced``, ``Busy`` at the bound, ``Unavailable``."""
        for _ in range(TRIES_MAX):
            async with faults():
                evictions = await self._client.hget(self._keys.meta(p), "evictions")
            if evictions is None:
                raise Fenced
            wallets, points = await self._read_cold(users, [(p, c) for c in creators], now_ms() - IDS_BACK_MS)
            keys, args = self._arguments(p, view, wallets, list(zip(creators, points, strict=True)))
            tag, *rest = await _load.run(self._client, keys, [*args[:3], evictions, *args[3:]])
            match tag:
                case b"loaded":
                    return
                case b"fenced":
                    raise Fenced
                case b"full":
                    raise Busy(f"partition {p} has {int(rest[0])} hot wallets, limit is {self._hot_wallets_max}")
                case b"busy":
                    raise Busy(f"partition {p} is being recovered", retry_after_ms=100)
        raise Busy(f"partition {p} evicted {TRIES_MAX} times while wallets were being loaded", retry_after_ms=100)

    def _arguments(
        self, p: int, view: PartitionView, wallets: list[ColdWallet], stripes: list[tuple[str, int]]
    ) -> tuple[list[str], list[Arg]]:
        names = [self._keys.meta(p)]
        args: list[Arg] = [view.epoch, view.generation, view.owner]
        args += [self._hot_wallets_max, len(wallets), len(stripes)]
        for wallet in wallets:
            names.append(self._keys.wallet(p, view.generation, wallet.user_id))
            names.append(self._keys.ids(p, view.generation, wallet.user_id))
            args += [len(names) - 1, len(names), wallet.coins, int(wallet.frozen), wallet.last_seq]
            args += [len(wallet.ids), *wallet.ids]
        for creator, points in stripes:
            names.append(self._keys.stripe(p, view.generation, creator))
            args += [len(names), points]
        return names, args
