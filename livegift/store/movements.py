"""The inbox: changes of wallets that are not gifts, asked for in the book before they reach the hot wallet."""

from livegift.domain.coins import is_amount
from livegift.domain.identity import partition_of
from livegift.domain.people import InboxEntry
from livegift.errors import Unavailable
from livegift.store.sql import Sql, one_row

KINDS = ("recharge", "promo", "take", "chargeback", "adjustment")
"""Why a wallet may change by something else than a gift."""


async def ask_movement(sql: Sql, user_id: str, coins: int, *, kind: str, now_ms: int) -> InboxEntry:
    """Put a change of a wallet into the inbox, inside the caller's transaction.

    The number is given under the partition's row lock, so that numbers are gapless in commit order. Raises
    ``ValueError`` for an amount or a kind that ``apply.lua`` would not take: once it stands in the inbox, nothing
    behind it could go on; ``Unavailable`` while the partitions are being changed.
    """
    if kind not in KINDS or not is_amount(abs(coins)) or (coins < 0 and kind != "adjustment"):
        raise ValueError(f"cannot move {coins} coins as {kind}")
    (partitions,) = await one_row(sql, "SELECT partitions FROM book")
    p = partition_of(user_id, partitions)
    (number,) = await one_row(
        sql, "UPDATE partition SET inbox_given = inbox_given + 1 WHERE p = $1 RETURNING inbox_given", p
    )
    await sql.run(
        "INSERT INTO movement (p, number, user_id, kind, coins, asked_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        *(p, number, user_id, kind, coins, now_ms),
    )
    # Only now is the partition's row ours: before it we may have waited for a repartition.
    if await one_row(sql, "SELECT partitions FROM book") != (partitions,):
        raise Unavailable("the partitions have been changed just now")
    return InboxEntry(p, number, user_id)
