"""The hot side of the money: wallets, stripes and the journal in Redis, changed by Lua scripts only."""
