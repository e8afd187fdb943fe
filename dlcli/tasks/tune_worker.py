"""A worker process of a search: runs jobs of the study, shows nothing."""

import json
import signal
import sys
import time
from typing import Any

from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.errors import DlcliError, Interrupted
from dlcli.search.pool import TIME_IS_UP
from dlcli.search.records import Record


class _Quiet:
    """A worker shows nothing: its parent reads the study."""

    def trial(self, record: Record, progress: float) -> None:
        """Ignore."""


def main() -> int:
    """What a worker process does."""
    from dlcli.config.fit_linear import FitLinearConfig
    from dlcli.config.train_deconv import TrainDeconvConfig
    from dlcli.engine.progress import Silent
    from dlcli.search.plan import plan_search
    from dlcli.search.runner import Runner
    from dlcli.search.session import open_study
    from dlcli.tasks.trainings import open_trials

    if hasattr(signal, "pthread_sigmask"):
        # Ctrl-C reaches all processes of a terminal, but the parent says when to stop, and says it once.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    order: dict[str, Any] = json.load(sys.stdin)
    command: Any = {"fit-linear": FitLinearConfig, "train-deconv": TrainDeconvConfig}[order["training"]]
    deadline = float("inf") if order["seconds"] is None else time.monotonic() + order["seconds"]
    try:
        with deferred_signals() as check:
            search = plan_search(
                TuneLrConfig.build(order["config"]), command.build(order["base"]), Silent(), open_trials
            )
            study = open_study(search, order["url"], order["study"])
            runner = Runner(
                search.config, search.base, search.trials, study, search.halving, search.metric, _Quiet(), check
            )
            stopped = runner.work(deadline)
            study.close()
    except Interrupted as interrupt:
        return 128 + interrupt.signum
    except DlcliError as error:
        print(f"dlcli: {error.message}: {error.hint}", file=sys.stderr)
        return int(error.exit_code)
    return TIME_IS_UP if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
