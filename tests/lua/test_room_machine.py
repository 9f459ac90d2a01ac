"""The rooms' scripts against the model, on a real Valkey, and bugs planted in them that the machine must find."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.lua.room_machine import RoomMachine, script_texts

EXAMPLES = 60 * int(os.environ.get("LIVEGIFT_EXAMPLES", "1"))

PLANTED = {
    "prev is ignored": ("announce", "gaps[p] or tonumber(ARGV[at + 2]) ~= mark", "gaps[p]"),
    "repeats are folded": ("announce", "tonumber(ARGV[at + 1]) > mark", "true"),
    "the window is ignored": ("announce", "ts - combo.last > tonumber(ARGV[2])", "false"),
    "a count counts once": ("announce", "combo.total + count", "combo.total + 1"),
    "anonymous senders are ranked": ("announce", "string.sub(ARGV[at + 8], 1, 1) == 'a'", "false"),
    "a damaged room counts as whole": ("announce", "if is_whole(state) then", "if true then"),
    "an owner keeps the epoch": ("announce", "math.max(tonumber(state.epoch) + 1, now_ms)", "tonumber(state.epoch)"),
    "points forget the stripe before": ("announce", "- tonumber(state['e:' .. p] or '0')", "- 0"),
    "the sweeper does not wait": ("end_combos", "tonumber(due[i + 1]) < (caught_up[p] or 0)", "true"),
    "an ended combo stays": ("end_combos", "redis.call('HDEL', KEYS[5], unpack(ended))", ""),
    "the sweeper does not look at the owner": ("end_combos", "if meta[1] ~= replid then", "if false then"),
    "a room closes twice": ("close_room", "if meta[7] then return { 'known' } end", ""),
}


def run(url: str, texts: dict[str, str], config: settings) -> None:
    run_state_machine_as_test(type("Machine", (RoomMachine,), {"url": url, "texts": texts}), settings=config)


def test_the_scripts_do_what_the_model_does(valkey: str) -> None:
    config = settings(
        max_examples=EXAMPLES,
        stateful_step_count=30,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    run(valkey, script_texts(), config)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(valkey: str, bug: str) -> None:
    name, right, wrong = PLANTED[bug]
    texts = script_texts()
    assert right in texts[name], f"{name}.lua has changed: plant this bug anew"
    texts[name] = texts[name].replace(right, wrong)
    config = settings(
        max_examples=200,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(Exception):  # noqa: B017, PT011 - an assertion of the machine, or an error of the broken script
        run(valkey, texts, config)
