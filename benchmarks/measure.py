"""Time whole processes in turn, A B C A B C ..., and take medians and ratios within each round."""

import os
import statistics
import subprocess
import time
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


def run_once(command: list[str]) -> tuple[float, float, str]:
    """Wall seconds, peak memory in MB and, if it failed, the end of its error output."""
    # These make a current NumPy slower; every process runs without them alike.
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    failed = errors.decode(errors="replace").strip()[-300:] if process.returncode else ""
    return seconds, usage.ru_maxrss / 1024, failed


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
