"""One example of every body, answer and problem, for the OpenAPI document: an evening at Luna's."""

from typing import Any, Literal

import msgspec

from livegift.domain.moderation import Policy
from livegift.edge.api import audit_log as log
from livegift.edge.api import (
    checkpoints,
    documents,
    hooks,
    mock_events,
    moderation,
    platform_coins,
    platform_events,
    platform_rooms,
    platform_users,
    rooms,
    wallets,
)
from livegift.edge.problems import ProblemDocument
from livegift.wire.messages import Snapshot, TopSender, Totals, User

NOW_MS = 1_795_600_000_000
GIFT_ID = "01a2111c-2e00-7a3b-8c4d-5e6f70819203"
EVENT_ID = "k7f3c0qz5vbn2m1x"
LUNA, TITLE, ROOM = User("luna", "Luna"), "Late at Luna's", "luna-tonight"
NEXT = "WyJyb29tcyIsImx1bmEtdG9uaWdodCJd"

_ROOM: tuple[str, str, User, Literal["open", "closed"], int] = (ROOM, TITLE, LUNA, "open", 42)
_SNAPSHOT = Snapshot(Totals(coins=1_250, gifts=31, senders=7), [TopSender("ann", "Ann", 520)], [], 42)
_GIFT = platform_events.GiftSettled(
    id=EVENT_ID,
    ts_ms=NOW_MS,
    gift_event_id=GIFT_ID,
    sender="ann",
    receiver="luna",
    room=ROOM,
    gift=platform_events.EventGift("rose", 1),
    count=9,
    coins=9,
    points=9,
    anonymous=False,
    message="Hello!",
    balance=341,
)
_LINE = log.AuditLine(
    *(17, NOW_MS, "key:01a2111c2e007a3b8c4d5e6f70819203", "coins.grant", "user:ann"),
    *("order 1042", None, {"coins": 350}, False),
)
_CHECKPOINT = checkpoints.SignedCheckpoint(
    7, msgspec.Raw(b'{"format":"livegift checkpoint 1","number":7,"incarnation":1,"partitions":[]}'), "9f" * 64
)

_ALL: tuple[Any, ...] = (
    ProblemDocument(
        type="/docs/protocol#insufficient_coins",
        title="The wallet holds fewer coins than the gift costs.",
        status=409,
        detail="The wallet holds fewer coins than the gift costs.",
        code="insufficient_coins",
        balance=3,
        needed=99,
    ),
    rooms.NewRoom(TITLE),
    rooms.MadeRoom("01a2111c2e007a3b8c4d5e6f70819203"),
    rooms.RoomList([rooms.Room(*_ROOM)], NEXT),
    rooms.RoomDetail(*_ROOM, "1795599000", 58, _SNAPSHOT),
    rooms.ClosedRoom(ROOM, "closed"),
    platform_rooms.RoomBody(TITLE, "luna"),
    platform_rooms.PlatformRoom(ROOM, TITLE, "luna"),
    wallets.Login("Ann", "viewer"),
    wallets.LoggedIn("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl", User("ann", "Ann")),
    wallets.GiftList(12, [wallets.CatalogueGift("rose", "Rose", 1, 1, True, "/assets/gifts/rose.svg")]),
    wallets.WalletPage(341, [wallets.WalletLine(GIFT_ID.replace("-", ""), "gift", -9, NOW_MS)], None),
    platform_users.UserBody("Ann", "viewer"),
    platform_users.PlatformUser("ann", "Ann", "viewer"),
    platform_users.PlatformWallet("ann", "Ann", "viewer", 341),
    platform_users.TokenBody(rooms=[ROOM], ttl_s=600),
    platform_users.MintedToken("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl", NOW_MS + 600_000),
    platform_users.ReasonBody("insults"),
    platform_users.Revoked("ann", NOW_MS),
    platform_users.CreatorPoints("luna", 1_250),
    platform_coins.CoinsBody(350, "order 1042"),
    platform_coins.MovedCoins("2-118", 350, 350),
    platform_coins.GiftBody("ann", ROOM, "rose", 9, 1, "Hello!"),
    platform_coins.SentGift(GIFT_ID, EVENT_ID, 9, 341, replayed=False),
    platform_events.EventList([_GIFT], "Qm9vaw"),
    moderation.SanctionBody("spam", 3_600),
    moderation.KickBody("ann", "spam"),
    moderation.PolicyBody(min_coins=5, deny=["rose"]),
    moderation.Sanctioned("ann", "mute", NOW_MS + 3_600_000),
    moderation.Kicked("ann", NOW_MS + 60_000),
    moderation.SanctionList([moderation.Sanctioned("ann", "ban", None)]),
    moderation.Moderates("ann", moderator=True),
    Policy(min_coins=5, deny=("rose",)),
    log.AuditLines([_LINE], None),
    checkpoints.CheckpointList([_CHECKPOINT], None),
    mock_events.TriggerBody("gift", "r1", "Ann", "rose", 9),
    mock_events.Triggered(
        *("gift", User("mock-5c9f1be0d2a4e713", "Ann"), "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtb2NrIn0.c2lnbmF0dXJl"),
        *([mock_events.TriggeredGift(GIFT_ID, EVENT_ID, "rose", 9, 9)], 9, 99_991),
    ),
    hooks.HookBody(),
    hooks.HookAnswer(allowed=True),
    documents.Readiness(ready=True),
)
EXAMPLES: dict[type, Any] = {type(one): one for one in _ALL}
"""By their types."""
