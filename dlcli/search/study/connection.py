"""The connection to a study's storage: what is stored there, and which of its workers are alive."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dlcli.search.settings import StudyPlace
from dlcli.search.study.codec import WORKER
from dlcli.search.study.liveness import Heartbeat, this_worker
from dlcli.search.study.recovery import StaleTrialRecovery
from dlcli.search.study.storage import open_storage, scheme_of, storage_errors

if TYPE_CHECKING:
    import optuna
    from optuna.trial import Trial


class Connection:
    """A storage that is open; ``shared`` says whether other processes may use it too."""

    def __init__(self, place: StudyPlace) -> None:
        """Raises DlcliError for a storage that can't be reached."""
        self.url = place.url
        self.shared = place.url is not None
        journal = place.url is not None and scheme_of(place.url) == "journal"
        self.recovery = StaleTrialRecovery(journal=journal)
        self.storage = open_storage(place.url, place.heartbeat, self.recovery.again)
        self._worker = this_worker()
        self._heartbeat: Heartbeat | None = None
        if self.shared and not journal:
            from optuna.storages import RDBStorage

            assert isinstance(self.storage, RDBStorage)
            self._heartbeat = Heartbeat(self.storage, place.heartbeat)

    @contextlib.contextmanager
    def errors(self, *, opening: bool = False) -> Iterator[None]:
        """Within, what goes wrong with the storage becomes a DlcliError; see ``storage_errors``."""
        with storage_errors(self.url, opening=opening):
            yield

    def begin(self, trial: "Trial") -> None:
        """This process begins to work on a trial."""
        # The first sign of life comes before the name: who is named without one would never be missed.
        if self._heartbeat:
            self._heartbeat.add(trial)
        trial.set_user_attr(WORKER, self._worker)

    def end(self, trial: "Trial") -> None:
        """Stop the heartbeats of a trial."""
        if self._heartbeat:
            self._heartbeat.remove(trial)

    def has_ended(self, trial: "Trial") -> bool:
        """Whether a trial has ended already, by whatever process."""
        return bool(self.storage.get_trial(trial._trial_id).state.is_finished())

    def revive(self, study: "optuna.Study") -> int:
        """Put the trials of dead workers up again, once each; how many."""
        if not self.shared:
            return 0
        with self.errors():
            return self.recovery.revive(study)

    def close(self) -> None:
        """Stop the heartbeats."""
        if self._heartbeat:
            self._heartbeat.close()
