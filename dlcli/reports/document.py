"""The fields that every report.json has."""

import os
import platform
import sys
from importlib import metadata
from typing import Any

from dlcli import __version__


def environment(device: str) -> dict[str, Any]:
    """Python, torch, platform and threads (or GPU); torch is looked up, not imported."""
    return {
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "numpy": metadata.version("numpy"),
        "platform": f"{platform.system()} {platform.machine()}",
        "threads": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "device": device,
    }


def base_report(command: str, run: str, device: str, seed: int) -> dict[str, Any]:
    """The keys that stand first in every report."""
    return {"dlcli": __version__, "command": command, "run": run, "device": device, "seed": seed}
