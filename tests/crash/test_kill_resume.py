"""A short campaign of kills; the long one is ``python tests/crash/kill_resume.py --kills 500 --sigterm 50``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_resume.py")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the campaign forks, and waits as Linux can")
def test_killed_runs_end_as_those_left_alone():
    command = [sys.executable, str(SCRIPT), "--kills", "20", "--sigterm", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 kills: 20 equal" in done.stdout
    assert "4 SIGTERMs: 4 equal" in done.stdout
