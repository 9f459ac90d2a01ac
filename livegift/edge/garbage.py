"""When cyclic garbage is collected: seldom, for looking through everything stops the whole process.

A full collection of an edge with some thousand connections takes 100 to 200 ms, and a storm or a siege used to cause
one every few seconds. Our objects are freed as their last reference goes; cycles are few, and mostly die young. So
young ones are collected as ever, everything is looked through every ten minutes, and what the start has made never.
"""

import asyncio
import gc

YOUNG = 10_000
"""New objects between two looks at the young ones."""
MIDDLE = 20
NEVER = 1_000_000_000
FULL_S = 600.0


async def collect() -> None:
    """Set this process' garbage collector, and collect everything now and then, until cancelled."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)
    while True:
        await asyncio.sleep(FULL_S)
        gc.collect()
