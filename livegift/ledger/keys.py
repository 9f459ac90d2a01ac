"""Names of the ledger's keys and channels. The hash tag keeps one partition in one slot.

The incarnation counts restores of the book and stands in every key: state of before a restore is never found.
The generation stands in the keys of wallets, ids and stripes: recovery counts it up and all are loaded anew.
"""

LAYOUT = "1"
"""Version of the keys' content; other code than ours must refuse what it doesn't know."""


class LedgerKeys:
    """Key names of one deployment and incarnation."""

    def __init__(self, prefix: str, incarnation: int) -> None:
        self._prefix = f"{prefix}{incarnation}:"
        self.marks_channel = f"{self._prefix}marks"
        """``<p> <epoch> <mark>`` whenever the book has got further."""
        self.wallets_channel = f"{self._prefix}wallets"
        """``<balance> <reason> <user id>`` when a wallet moved by an inbox entry."""
        self.hints_channel = f"{self._prefix}hints"
        """``inbox``, ``rooms``, ``people`` or ``partitions``: what has news; the flusher looks, edges forget rooms and
        look whose tokens have ended."""

        self.every_partition = f"{self._prefix}{{p*"
        """Pattern of all partitions' keys."""

    def partition(self, p: int) -> str:
        """Return the common start of a partition's keys."""
        return f"{self._prefix}{{p{p:03d}}}:"

    def meta(self, p: int) -> str:
        """HASH: epoch, seq, mark, owner, generation, clock and bounds of a partition."""
        return f"{self.partition(p)}meta"

    def journal(self, p: int) -> str:
        """STREAM of what the book has yet to take."""
        return f"{self.partition(p)}journal"

    def wallet(self, p: int, generation: int, user_id: str) -> str:
        """HASH: coins, frozen, last seq, last use."""
        return f"{self.partition(p)}{generation}:w:{user_id}"

    def ids(self, p: int, generation: int, user_id: str) -> str:
        """ZSET, by member: the user's recent gift ids with their receipts."""
        return f"{self.partition(p)}{generation}:i:{user_id}"

    def stripe(self, p: int, generation: int, creator_id: str) -> str:
        """STRING: points the creator earned from senders of this partition."""
        return f"{self.partition(p)}{generation}:e:{creator_id}"
