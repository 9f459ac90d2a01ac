"""Bugs a careless change might bring, planted one by one in the scripts: the machine must find each."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.lua.engine_side import script_texts
from tests.lua.ledger_machine import LedgerMachine

PLANTED = {
    "the overlay's ids are forgotten": ("gift", "if own and own[id] then return own[id] end", ""),
    "the owner is not compared": ("gift", "if meta[4] ~= replid then return { 'fenced', 'owner' } end", ""),
    "one coin too little is enough": ("gift", "wallet.coins < coins", "wallet.coins + 1 < coins"),
    "a refusal comes before the known id": (
        "gift",
        "  local receipt = receipt_of(i, id)",
        "  if ARGV[at + 7] ~= '' then return { 'refused' } end\n  local receipt = receipt_of(i, id)",
    ),
    "a stale id does not keep the clock": ("gift", "elseif clock_used then", "elseif false then"),
    "ids are pruned too early": ("gift", "clock - ID_WINDOW_MS)", "clock - 500)"),
    "a frozen wallet spends": ("gift", "if wallet.frozen then return { 'frozen' } end", ""),
    "the journal has no bound": ("gift", "return { 'busy', 'journal' }", "n = n"),
    "the stripe is not written": ("gift", "redis.call('SET', KEYS[s]", "tostring(KEYS[s]"),
    "trim drops the entry at the mark": ("trim", "'=', id)", "'=', ARGV[1] .. '-' .. (ARGV[2] + 1))"),
    "trim ignores the epoch": ("trim", "if meta[1] ~= ARGV[1] then", "if false then"),
    "evict ignores the mark": ("evict", "tonumber(wallet[1]) <= mark and", ""),
    "evict keeps the counter": ("evict", "redis.call('HINCRBY', KEYS[1], 'evictions', 1)", ""),
    "load overwrites what is hot": ("load", "redis.call('EXISTS', KEYS[wallet]) == 0", "true"),
    "load ignores evictions": ("load", "if meta[5] ~= ARGV[4] then return { 'moved' } end", ""),
    "apply takes a number twice": ("apply", "if number <= consumed then return { 'known' } end", ""),
    "a take may go below zero": ("apply", "(kind == 'take' or kind == 'adjustment')", "kind == 'adjustment'"),
    "open ignores a newer epoch": ("open", "tonumber(meta[1]) >= tonumber(ARGV[3])", "false"),
    "open does not look at the owner": ("open", "if replid ~= ARGV[9] then", "if false then"),
    "close closes a healthy partition": ("close", "and ARGV[2] == '0'", "and false"),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(valkey: str, bug: str) -> None:
    name, right, wrong = PLANTED[bug]
    texts = script_texts()
    assert texts[name].count(right) >= 1, f"{name}.lua has changed: plant this bug anew"
    texts[name] = texts[name].replace(right, wrong)
    machine = type("Machine", (LedgerMachine,), {"url": valkey, "partitions": 1, "texts": texts})
    with pytest.raises(Exception):  # noqa: B017, PT011 - an assertion of the machine, or an error of the broken script
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=120,
                stateful_step_count=40,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
