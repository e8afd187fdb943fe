"""Time whole processes in turn, A B C A B C ..., and take medians and ratios within each round."""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field


@dataclass
class Timing:
    """Wall seconds of each round, and the largest resident memory seen, in MB."""

    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0.0
    failed: str = ""

    @property
    def median(self) -> float:
        """Median wall seconds."""
        return statistics.median(self.seconds)


# The peak memory of a process counts that of its parent at the fork, so a small one starts and times it.
LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
errors = process.stderr.read()
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - start
code = os.waitstatus_to_exitcode(status)
print(json.dumps([seconds, usage.ru_maxrss / 1024, errors.decode(errors="replace")[-300:] if code else ""]))
"""


def run_once(command: list[str]) -> tuple[float, float, str]:
    """Wall seconds, peak memory in MB and, if it failed, the end of its error output."""
    # These make a current NumPy slower; every process runs without them alike.
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    launcher = [sys.executable, "-S", "-c", LAUNCHER, *command]
    done = subprocess.run(launcher, env=env, capture_output=True, text=True, check=True)
    seconds, megabytes, failed = json.loads(done.stdout)
    return float(seconds), float(megabytes), str(failed)


def in_turn(commands: dict[str, list[str]], rounds: int, warm_up: int = 1) -> dict[str, Timing]:
    """Timings of each command, by name; the first ``warm_up`` rounds are not counted."""
    timings = {name: Timing() for name in commands}
    for number in range(rounds + warm_up):
        for name, command in commands.items():
            if timings[name].failed:
                continue
            seconds, megabytes, failed = run_once(command)
            timing = timings[name]
            timing.failed = failed
            timing.megabytes = max(timing.megabytes, megabytes)
            if number >= warm_up:
                timing.seconds.append(seconds)
    return timings


def ratio(a: Timing, b: Timing) -> float:
    """Median over rounds of a's seconds by b's: a drift of the machine's speed cancels."""
    return statistics.median(x / y for x, y in zip(a.seconds, b.seconds, strict=True))
