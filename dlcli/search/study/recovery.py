"""Put the jobs of dead workers up again, once each."""

from collections.abc import Mapping
from typing import Any

from dlcli.search.study.codec import POINT, RUNG, WORKER, stored
from dlcli.search.study.liveness import is_dead


class StaleTrialRecovery:
    """Finds the trials whose worker died; ``journal`` for a file of one host, which keeps no signs of life."""

    def __init__(self, distributions: Mapping[str, Any], *, journal: bool) -> None:
        self.distributions, self.journal = distributions, journal
        self._revived = 0

    def revive(self, study: Any) -> int:
        """Put the trials of dead workers up again; how many."""
        import optuna

        self._revived = 0
        if not self.journal:
            optuna.storages.fail_stale_trials(study)
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            worker = str(trial.user_attrs.get(WORKER, ""))
            # A database knows by the signs of life; but one that died before the first has given none.
            if (self.journal or not worker) and is_dead(worker, trial.datetime_start):
                self._bury(study, trial)
        return self._revived

    def _bury(self, study: Any, trial: Any) -> None:
        import optuna

        try:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        except (ValueError, RuntimeError):
            return  # another process was quicker
        self.again(study, trial)

    def again(self, study: Any, trial: Any) -> None:
        """Put the job of a lost trial up again, unless that is a second try; Optuna calls it for those it finds."""
        attrs = trial.user_attrs
        if POINT not in attrs or attrs.get("retried"):
            return
        study.enqueue_trial(
            {n: stored(v, self.distributions[n]) for n, v in attrs["params"].items()},
            user_attrs={POINT: attrs[POINT], RUNG: attrs[RUNG], "params": attrs["params"], "retried": True},
        )
        self._revived += 1
