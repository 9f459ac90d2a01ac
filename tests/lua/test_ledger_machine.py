"""The ledger's scripts against the model, on a real Valkey: one partition, and four."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.lua.engine_side import script_texts
from tests.lua.ledger_machine import LedgerMachine

PHASES = [Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if "LIVEGIFT_SHRINK" in os.environ else [])]
EXAMPLES = 40 * int(os.environ.get("LIVEGIFT_EXAMPLES", "1"))


@pytest.mark.parametrize("partitions", [1, 4])
def test_the_scripts_do_what_the_model_does(valkey: str, partitions: int) -> None:
    machine = type("Machine", (LedgerMachine,), {"url": valkey, "partitions": partitions, "texts": script_texts()})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            # Shrinking takes minutes here; the blob replays the steps, and LIVEGIFT_SHRINK=1 looks for fewer.
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )
