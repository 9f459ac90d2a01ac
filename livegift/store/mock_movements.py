"""Changes of demo wallets, triggered: the same inbox entries as real ones, each with its line in the audit log."""

from livegift.domain.action import Action
from livegift.domain.people import InboxEntry
from livegift.store import audit_log
from livegift.store.movements import ask_movement
from livegift.store.sql import Database, Sql


async def trigger_movement(
    database: Database, user_id: str, coins: int, *, kind: str, by: str, now_ms: int
) -> InboxEntry:
    """Ask for a change of a wallet of that kind; it has happened once the flusher has carried it over."""
    action = Action(actor=by, verb=f"mock.{kind}", subject=f"user:{user_id}", after={"coins": coins})

    async def write(sql: Sql) -> InboxEntry:
        entry = await ask_movement(sql, user_id, coins, kind=kind, now_ms=now_ms)
        await audit_log.record(sql, action, now_ms=now_ms)
        return entry

    return await database.write(write)
