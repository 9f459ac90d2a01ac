"""A room as a script needs it: offsets, sums and event ids that fit together, and the messages that carry them."""

from itertools import count
from typing import Literal

from msgspec import UNSET, UnsetType, convert, structs, to_builtins

from livegift.wire.messages import (
    AnyEvent,
    GiftEvent,
    GiftInfo,
    Missed,
    MissedGift,
    OpenCombo,
    RoomFrame,
    Sender,
    Session,
    Snapshot,
    SnapshotPush,
    Subscribe,
    Subscribed,
    TopSender,
    Totals,
    User,
)

SENDER = User("u-ada", "Ada")
UNKNOWN_SUM = to_builtins(Sender(SENDER.id, SENDER.name, False, None))
RECEIVER = User("u-luna", "Luna")
ROSE = GiftInfo("rose", "Rose", 10, 1)
MESSAGE = "für dich 🌹 李小龍"
EPOCH = "1800000000"


class ScriptedRoom:
    """``gift`` makes the next event; frames and snapshots say what is so after the events made by then."""

    def __init__(self, name: str = "r1", *, offset: int = 40, coins: int = 400, is_creators: bool = False) -> None:
        self.name, self.epoch = name, EPOCH
        self.offset, self.coins, self.gifts = offset, coins, 40
        self.combos: list[OpenCombo] = []
        self._is_creators = is_creators
        self._feed: Literal["creator"] | UnsetType = "creator" if is_creators else UNSET
        self._numbers = count(1)

    @property
    def totals(self) -> Totals:
        """The sums now."""
        return Totals(self.coins, self.gifts, 1)

    @property
    def cursor(self) -> str | UnsetType:
        """The creator's cursor now, which is none of a real server's."""
        return f"at-{self.epoch}-{self.offset}" if self._is_creators else UNSET

    def gift(self, event_id: str | None = None, *, coins: int = 10) -> GiftEvent:
        """Make the next event: Ada's gift of so many coins."""
        self.offset, self.coins, self.gifts = self.offset + 1, self.coins + coins, self.gifts + 1
        event = GiftEvent(
            offset=self.offset,
            event_id=event_id or f"e{self.epoch[-3:]}x{next(self._numbers)}",
            ts_ms=1_800_000_000_000 + self.offset,
            sender=Sender(SENDER.id, SENDER.name, False, self.coins),
            receiver=RECEIVER,
            gift=ROSE,
            count=1,
            coins=coins,
            points=coins,
            combo=None,
            message=MESSAGE,
            test=False,
        )
        if not self._is_creators:
            return event
        session = Session(self.coins, self.coins, self.gifts)
        return structs.replace(event, points_total=self.coins + 1_000, session=session)

    def open_combo(self, combo_id: str) -> None:
        """Let a combo be open, as the next snapshot says."""
        self.combos.append(OpenCombo(combo_id, SENDER, RECEIVER, ROSE, 3, 30))

    def rebuild(self) -> None:
        """Lose the room's state and make it anew: another epoch, other offsets, the same sums."""
        self.epoch, self.offset = str(int(self.epoch) + 1), 0

    def frame(self, *events: AnyEvent) -> RoomFrame:
        """Return these events as a push."""
        return RoomFrame(
            room=self.name,
            feed=self._feed,
            epoch=self.epoch,
            offset=events[-1].offset,
            events=list(events),
            totals=self.totals,
            cursor=self.cursor,
        )

    def missed(self, *events: GiftEvent) -> Missed:
        """Return these gifts as the book has them."""
        gifts = [convert(to_builtins(event) | {"sender": UNKNOWN_SUM, "combo": None}, MissedGift) for event in events]
        return Missed(room=self.name, events=gifts, cursor=f"after-{events[-1].event_id}")

    def snapshot(self) -> Snapshot:
        """Return the room as it is."""
        top = [TopSender(SENDER.id, SENDER.name, self.coins)]
        if not self._is_creators:
            return Snapshot(self.totals, top, list(self.combos), 7)
        session = Session(self.coins, self.coins, self.gifts)
        return Snapshot(self.totals, top, list(self.combos), 7, self.coins + 1_000, session)

    def pushed(self) -> SnapshotPush:
        """Return what a conflated viewer gets."""
        return SnapshotPush(room=self.name, epoch=self.epoch, offset=self.offset, snapshot=self.snapshot())

    def subscribed(self, command: Subscribe) -> Subscribed:
        """Answer with a snapshot."""
        return self._reply(command, [], self.snapshot())

    def recovered(self, command: Subscribe, *missed: AnyEvent) -> Subscribed:
        """Answer with exactly the missed events."""
        return self._reply(command, list(missed), None)

    def _reply(self, command: Subscribe, events: list[AnyEvent], snapshot: Snapshot | None) -> Subscribed:
        return Subscribed(
            id=command.id,
            room=self.name,
            feed=self._feed,
            epoch=self.epoch,
            offset=self.offset,
            recovered=snapshot is None,
            events=events,
            totals=self.totals,
            snapshot=snapshot,
            cursor=self.cursor,
        )
