"""Put the jobs of dead workers up again, once each."""

from typing import TYPE_CHECKING

from dlcli.search.study.codec import PARAMS, POINT, RETRIED, RUNG, WORKER, Distributions, all_stored
from dlcli.search.study.liveness import is_dead

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class StaleTrialRecovery:
    """Finds the trials whose worker died; ``journal`` for a file of one host, which keeps no signs of life.

    ``distributions`` are those of the study, once it is open.
    """

    def __init__(self, *, journal: bool) -> None:
        self.journal = journal
        self.distributions: Distributions = {}
        self._revived = 0

    def revive(self, study: "optuna.Study") -> int:
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

    def _bury(self, study: "optuna.Study", trial: "FrozenTrial") -> None:
        import optuna

        try:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        except (ValueError, RuntimeError):
            return  # another process was quicker
        self.again(study, trial)

    def again(self, study: "optuna.Study", trial: "FrozenTrial") -> None:
        """Put the job of a lost trial up again, unless that is a second try; Optuna calls it for those it finds."""
        attrs = trial.user_attrs
        if POINT not in attrs or attrs.get(RETRIED):
            return
        study.enqueue_trial(
            all_stored(attrs[PARAMS], self.distributions),
            user_attrs={POINT: attrs[POINT], RUNG: attrs[RUNG], PARAMS: attrs[PARAMS], RETRIED: True},
        )
        self._revived += 1
