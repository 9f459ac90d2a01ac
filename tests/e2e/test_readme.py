"""The README's five minutes with the SDK, as it stands there."""

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).parent.parent.parent / "README.md"


async def test_the_readmes_program_sends_a_gift_and_sees_it(server: dict[str, Any]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.S)
    assert 'URL = "http://127.0.0.1:8000"' in program
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-c", program.replace("http://127.0.0.1:8000", server["url"])),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(15):
            charged = (await process.stdout.readline()).decode()
            room = (await process.stdout.readline()).decode()
            event = (await process.stdout.readline()).decode()
    finally:
        process.kill()
        await process.wait()
    assert re.fullmatch(r"charged: \w{16} left: 99999\n", charged)
    assert room.startswith("Restored(room='r1'")
    assert event.startswith("GiftEvent(")
    assert "Ada" in event
