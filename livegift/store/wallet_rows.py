"""A wallet's history in pages, newest first: gifts by their ids' time, movements by the time of their event.

Each kind has an order of its own that an index serves; a page merges the two by time without ever changing either, so a
place in the history is a place in each, and no row is told twice or left out however many are added meanwhile.
"""

from livegift.domain.people import WalletRow
from livegift.store.events import MOVES, movement_delta
from livegift.store.sql import Database, Row, Sql

WalletPlace = tuple[str, int, int, int]
"""The last gift's id that was told, and of the last movement time, seq and partition."""
NEWEST: WalletPlace = ("g", 2**53 - 1, 0, 0)  # ids are hex: none stands behind it

_GIFTS = """SELECT gift_event_id, coins, ts_ms FROM gift WHERE sender_id = $1 AND gift_event_id < $2
            ORDER BY gift_event_id DESC LIMIT $3"""
_MOVES = """SELECT p, number, kind, coins, ts_ms, seq FROM movement
            WHERE user_id = $1 AND outcome = 'applied' AND NOT kind = ANY($2) AND (ts_ms, seq, p) < ($3, $4, $5)
            ORDER BY ts_ms DESC, seq DESC, p DESC LIMIT $6"""


async def wallet_rows(
    database: Database, user_id: str, *, limit: int, behind: WalletPlace | None = None
) -> tuple[list[WalletRow], WalletPlace | None]:
    """Return a page of a wallet's rows, gifts negative, and the place behind it, None if it is the last."""
    gift_id, ts_ms, seq, p = behind or NEWEST

    async def read(sql: Sql) -> tuple[list[Row], list[Row]]:
        gifts = await sql.rows(_GIFTS, user_id, gift_id, limit + 1)
        return gifts, await sql.rows(_MOVES, user_id, MOVES, ts_ms, seq, p, limit + 1)

    gifts, moves = await database.read(read)
    more = len(gifts) + len(moves) > limit
    rows: list[WalletRow] = []
    while (gifts or moves) and len(rows) < limit:
        if gifts and (not moves or gifts[0][2] >= moves[0][4]):
            gift_id, coins, at_ms = gifts.pop(0)
            rows.append(WalletRow(gift_id, "gift", -coins, at_ms))
        else:
            p, number, kind, coins, ts_ms, seq = moves.pop(0)
            rows.append(WalletRow(f"{p}-{number}", kind, movement_delta(kind, coins, "applied"), ts_ms))
    return rows, (gift_id, ts_ms, seq, p) if more else None
