"""What the Dockerfile says makes an image whose container serves: as its user, in a root that is read-only."""

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root; sudo python -m tests.image does the same")
def test_a_container_of_the_image_serves_and_stops() -> None:
    command = [sys.executable, "-m", "tests.image"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=600)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-5_000:]
    for line in ("healthy\n", '"rooms":[]', "stopped with 0\n"):
        assert line in said
