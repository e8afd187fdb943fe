"""A worker process of a search: runs jobs of the study, shows nothing."""

import math
import signal
import sys
import time
from contextlib import closing

from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.errors import DlcliError, Interrupted
from dlcli.search.pool import TIME_IS_UP, WorkerOrder
from dlcli.search.progress import IgnoredTrials
from dlcli.search.settings import StudyPlace, TrainingConfig


def main() -> int:
    """What a worker process does."""
    from dlcli.config.fit_linear import FitLinearConfig
    from dlcli.config.train_deconv import TrainDeconvConfig
    from dlcli.engine.progress import Silent
    from dlcli.search.plan import plan_search
    from dlcli.search.runner import Runner
    from dlcli.search.session import as_kept, open_study
    from dlcli.tasks.trainings import open_trials

    if hasattr(signal, "pthread_sigmask"):
        # Ctrl-C reaches all processes of a terminal, but the parent says when to stop, and says it once.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    order = WorkerOrder.from_json(sys.stdin.read())
    base: TrainingConfig
    if order.training == "fit-linear":
        base = FitLinearConfig.build(order.training_options)
    else:
        base = TrainDeconvConfig.build(order.training_options)
    deadline = math.inf if order.seconds is None else time.monotonic() + order.seconds
    try:
        with deferred_signals() as check:
            search = plan_search(TuneLrConfig.build(order.options), base, Silent(), open_trials)
            with closing(open_study(search, StudyPlace(order.url, order.study, search.study.heartbeat))) as study:
                stopped = Runner(as_kept(search, study), study, IgnoredTrials(), check).work(deadline)
    except Interrupted as interrupt:
        return 128 + interrupt.signum
    except DlcliError as error:
        print(f"dlcli: {error.message}: {error.hint}", file=sys.stderr)
        return int(error.exit_code)
    return TIME_IS_UP if stopped else 0


if __name__ == "__main__":
    sys.exit(main())
