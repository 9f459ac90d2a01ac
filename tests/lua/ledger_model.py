"""A partition of the ledger as plain Python: what the scripts must do, written without looking at how they do it."""

from dataclasses import dataclass, field

ID_WINDOW_MS = 900_000
ID_AHEAD_MS = 120_000


@dataclass(frozen=True)
class Receipt:
    """What an id was answered with when it was charged."""

    epoch: int
    seq: int
    balance: int
    digest: str


@dataclass
class Wallet:
    """Coins of a user; ``seq`` of the last event that touched it."""

    coins: int = 0
    frozen: bool = False
    seq: int = 0
    ts: int = 0


@dataclass(frozen=True)
class Event:
    """A journalled event: ``g`` with (balance, earned), ``a`` with (number, outcome, balance)."""

    seq: int
    name: str
    user: str
    receipt_id: str
    creator: str
    digest: str
    number: int = 0
    freezes: bool = False


@dataclass
class Side:
    """What one side knows: the book, or the engine."""

    wallets: dict[str, Wallet] = field(default_factory=dict)
    stripes: dict[str, int] = field(default_factory=dict)
    ids: dict[str, dict[str, Receipt]] = field(default_factory=dict)
    seq: int = 0
    inbox: int = 0


@dataclass
class Partition:
    """One partition: book, engine, and the journal between them."""

    epoch: int = 0
    generation: int = 0
    clock: int = 0
    book: Side = field(default_factory=Side)
    hot: Side = field(default_factory=Side)
    mark: int = 0
    """As the engine knows it."""
    evictions: int = 0
    journal: list[list[Event]] = field(default_factory=list)
    """Entries the book has not taken, oldest first."""
    charged: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    """Every id that was ever charged and not lost."""

    # --- gift ---

    def gift(self, now: int, gifts: list["Gift"]) -> list[list[object]]:
        """Charge a batch at partition time ``now``; returns the results as the script must give them."""
        entry: list[Event] = []
        results = [self._one(now, gift, entry) for gift in gifts]
        if entry:
            self.journal.append(entry)
            for user in {event.user for event in entry}:
                own = self.hot.ids[user]
                for gift_id in [known for known in own if id_ms(known) < now - ID_WINDOW_MS]:
                    del own[gift_id]
        return results

    def _one(self, now: int, gift: "Gift", entry: list[Event]) -> list[object]:
        wallet = self.hot.wallets.get(gift.user)
        if wallet is None:
            return ["need_load"]
        known = self.hot.ids.setdefault(gift.user, {}).get(gift.gift_id)
        if known is not None:
            if known.digest != gift.digest:
                return ["mismatch"]
            return ["replayed", known.epoch, known.seq, known.balance]
        self.clock = now
        if now - id_ms(gift.gift_id) > ID_WINDOW_MS:
            return ["stale_id", self.hot.seq]
        if id_ms(gift.gift_id) - now > ID_AHEAD_MS:
            return ["early_id"]
        if gift.refusal:
            return ["refused"]
        if wallet.frozen:
            return ["frozen"]
        if wallet.coins < gift.coins:
            return ["insufficient_coins", wallet.coins]
        if gift.creator not in self.hot.stripes:
            return ["need_load"]
        self.hot.seq += 1
        wallet.coins -= gift.coins
        wallet.seq, wallet.ts = self.hot.seq, now
        self.hot.stripes[gift.creator] += gift.coins
        earned = self.hot.stripes[gift.creator]
        receipt = Receipt(self.epoch, self.hot.seq, wallet.coins, gift.digest)
        self.hot.ids[gift.user][gift.gift_id] = receipt
        assert (gift.user, gift.gift_id) not in self.charged, "the model itself would charge twice"
        self.charged[gift.user, gift.gift_id] = receipt
        name = f"g {self.hot.seq} {wallet.coins} {earned}"
        entry.append(Event(self.hot.seq, name, gift.user, gift.gift_id, gift.creator, gift.digest))
        return ["accepted", self.hot.seq, wallet.coins, earned]

    # --- apply ---

    def apply(self, now: int, user: str, number: int, kind: str, coins: int) -> list[object]:
        """Carry one inbox entry over."""
        if number <= self.hot.inbox:
            return ["known"]
        if number > self.hot.inbox + 1:
            return ["gap", self.hot.inbox]
        wallet = self.hot.wallets.get(user)
        if wallet is None:
            return ["need_load"]
        self.clock = now
        after = wallet.coins + (-coins if kind in ("take", "chargeback") else coins)
        rejected = after < 0 and kind in ("take", "adjustment")
        self.hot.seq += 1
        self.hot.inbox = number
        freezes = kind == "chargeback" and after < 0
        if not rejected:
            wallet.coins = after
            wallet.frozen |= freezes
        wallet.seq, wallet.ts = self.hot.seq, now
        outcome = "insufficient_coins" if rejected else "applied"
        name = f"a {self.hot.seq} {number} {outcome} {wallet.coins}"
        self.journal.append([Event(self.hot.seq, name, user, "", "", "", number, freezes)])
        return (
            ["rejected", self.hot.seq, outcome, wallet.coins] if rejected else ["applied", self.hot.seq, wallet.coins]
        )

    # --- the book ---

    def flush(self, entries: int) -> None:
        """The book takes the oldest entries."""
        taken, self.journal = self.journal[:entries], self.journal[entries:]
        for event in (event for entry in taken for event in entry):
            figures = event.name.split()
            wallet = self.book.wallets.setdefault(event.user, Wallet())
            wallet.seq = self.book.seq = event.seq
            if figures[0] == "g":
                wallet.coins = int(figures[2])
                self.book.stripes[event.creator] = int(figures[3])
                receipt = Receipt(self.epoch, event.seq, wallet.coins, event.digest)
                self.book.ids.setdefault(event.user, {})[event.receipt_id] = receipt
            else:
                wallet.coins, self.book.inbox = int(figures[4]), event.number
                wallet.frozen |= event.freezes

    def lose(self) -> None:
        """The engine loses everything the book has not taken."""
        self.journal = []
        self.charged = {(u, i): receipt for u, own in self.book.ids.items() for i, receipt in own.items()}

    def reopen(self, epoch: int) -> None:
        """Recovery is done: nothing is hot, a new epoch and generation."""
        assert self.journal == []
        self.epoch, self.generation = epoch, self.generation + 1
        self.hot = Side(seq=self.book.seq, inbox=self.book.inbox)
        self.mark, self.evictions = self.book.seq, 0


@dataclass(frozen=True)
class Gift:
    """A gift as the batcher hands it to the script."""

    user: str
    creator: str
    gift_id: str
    digest: str
    coins: int
    refusal: bool = False


def id_ms(gift_id: str) -> int:
    """Return an id's time."""
    return int(gift_id[:12], 16)
