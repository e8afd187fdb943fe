"""Fits by several processes, which are forks of one that has imported everything and started no threads.

As a program it takes a list of [number of processes, options of fit-linear] from standard input, and answers with what
each process says of each: its report, or its error. Polars' threads don't live on in a fork, so that tests, whose own
process reads tables, call it by ``answers``.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from tests.conftest import ROOT

BLOCK = 1 << 14  # bytes, so that small tables have many


def answers(jobs: Sequence[tuple[int, dict[str, Any]]]) -> list[Any]:
    """What the processes of each job say: the report, or the text of an error."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.linear.shared.fits"], input=json.dumps(jobs), cwd=ROOT, check=False,
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    found: list[Any] = json.loads(process.stdout)
    return found


def main() -> None:
    """Do the jobs."""
    from dlcli.config.fit_linear import FitLinearConfig
    from dlcli.engine.progress import Silent
    from dlcli.engine.ranks import Ranks
    from dlcli.linear.data import load
    from dlcli.tables.table import Table
    from dlcli.tasks.fit_linear import fit_linear
    from tests.ranks import in_ranks

    class Noted(Silent):
        def __init__(self) -> None:
            self.said: list[str] = []

        def note(self, text: str) -> None:
            self.said.append(text)

        def warn(self, text: str) -> None:
            self.said.append(text)

    opened = Table.open

    def open_in_blocks(*args: Any, **options: Any) -> Table:
        return opened(*args, **options, block_bytes=BLOCK)

    Table.open = open_in_blocks  # type: ignore[method-assign]
    found = []
    for count, given in json.load(sys.stdin):
        room = given.pop("room", 0)

        def work(_: Ranks, given: dict[str, Any] = given, room: int = room) -> Any:
            if room:
                load.room_for_rows = lambda _: room
            progress = Noted()
            config = FitLinearConfig.build({**given, "data": tuple(given["data"]), "drop": tuple(given["drop"])})
            report = fit_linear(config, progress)
            return {**report.document(), "said": progress.said} if hasattr(report, "rows") else "helped"

        found.append(in_ranks(count, work))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
