"""A search under way: its run directory, its study, and the trials that are written as they end."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from dlcli.errors import DlcliError, Interrupted
from dlcli.files import JsonObject
from dlcli.runs import directory
from dlcli.runs.trials import JOURNAL, TRIALS, read_trials
from dlcli.search.plan import Search
from dlcli.search.pool import WorkerOrder, work_together
from dlcli.search.progress import SearchProgress
from dlcli.search.records import Outcome, Record
from dlcli.search.report import Ending
from dlcli.search.runner import Runner
from dlcli.search.settings import StudyPlace, StudyRules
from dlcli.search.space import point_seed
from dlcli.search.study.liveness import is_dead, this_worker
from dlcli.search.study.opening import data_changed, differing
from dlcli.search.study.study import Study
from dlcli.text import counted

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


@dataclass(frozen=True)
class Session:
    """A search under way. ``known`` are the trials that had ended before this process began.

    ``added`` says how many points it put up.
    """

    search: Search
    progress: SearchProgress
    run: directory.RunDirectory
    place: StudyPlace
    study: Study
    known: list[Record]
    added: int
    recorder: "Recorder"

    @classmethod
    def open(cls, search: Search, progress: SearchProgress) -> "Session":
        """A new run directory, or that of the same search if it was stopped, and the study. Raises DlcliError."""
        run, known = _open_run(search, progress)
        place = _place_of(search, run)
        study = open_study(search, place, len(known))
        try:
            added = study.enqueue(search.points, known)
            search = as_kept(search, study)
        except BaseException:
            study.close()
            raise
        recorder = Recorder(run, search, progress, {(r.number, r.rung) for r in known})
        return cls(search, progress, run, place, study, known, added, recorder)

    def begin(self) -> None:
        """Say what there is already, and what is to be run."""
        search, study, progress = self.search, self.study, self.progress
        if not self.known:
            self.run.append_metrics({"about": search.fingerprint, "worker": this_worker()}, TRIALS)
        else:
            # From now on this process is at work there: another copy of the command must not join in.
            self.run.append_metrics({"worker": this_worker()}, TRIALS)
            self.run.remove(directory.REPORT)
            progress.note(f"continuing {self.run.path}: {counted(len(self.known), 'trial')} already ended")
        if study.shared and not study.created:
            ended = sum(r.ended for r in study.records())
            more = f"; {self.added} new ones are added" if ended and self.added else ""
            progress.note(f"the study exists: {ended} of its trials have ended{more}")
        left = search.runs - sum(job.ended for job in study.jobs())
        progress.search(
            f"tune-lr: {search.configs.command}, {search.settings.method}, {search.metric}",
            tuple(axis.name for axis in search.space.axes), str(search.metric), search.metric.larger, max(left, 0),
        )  # fmt: skip
        progress.known(study.records(search.halving))

    def work(self, order: WorkerOrder, deadline: float, check_signal: Callable[[], None]) -> tuple[str, int]:
        """Run trials until none are left; why it stopped earlier, if it did, and the signal, if there was one."""
        try:
            if self.search.settings.workers > 1:
                order = order.for_study(self.place.url, self.study.study.study_name)
                return work_together(self.search, self.study, self.recorder, order, deadline, check_signal), 0
            return Runner(self.search, self.study, self.recorder, check_signal).work(deadline), 0
        except Interrupted as interrupt:
            return interrupt.reason, interrupt.signum
        finally:
            self.progress.end()

    def ending(self, reason: str, signum: int, seconds: float) -> Ending:
        """What the search came to; trials that other processes ran are written and shown too."""
        records = self.study.records(self.search.halving)
        self.progress.known(records)
        self.recorder.catch_up(records)
        first = [job for job in self.study.jobs() if job.rung == 0]
        return Ending(records, first, reason, signum, seconds)

    def close(self) -> None:
        """Stop the heartbeats."""
        self.study.close()


class Recorder:
    """Writes each trial as it ends, and shows it."""

    def __init__(
        self, run: directory.RunDirectory, search: Search, progress: SearchProgress, written: set[tuple[int, int]]
    ) -> None:
        self.run, self.search, self.progress, self.written = run, search, progress, written

    def trial(self, record: Record, progress: float) -> None:
        """A job of this process has ended."""
        self._write(record)
        self.progress.trial(record, progress)

    def _write(self, record: Record) -> None:
        key = (record.number, record.rung)
        if key in self.written or record.outcome is None:
            return
        self.written.add(key)
        self.run.append_metrics(
            {
                "number": record.number,
                "rung": record.rung,
                "params": record.params,
                "outcome": record.outcome.to_json(),
            },
            TRIALS,
        )

    def catch_up(self, records: Sequence[Record]) -> None:
        """Trials that other workers ran."""
        for record in records:
            if record.ended:
                self._write(record)


def open_study(search: Search, place: StudyPlace, known: int = 0) -> Study:
    """Open the study of a search, of which so many trials are ``known``. Raises DlcliError."""
    import optuna

    sampler: BaseSampler | None = None
    if search.settings.method == "tpe":
        # A sampler taken up again must not draw what it drew before, nor two processes the same.
        seed = point_seed(search.configs.seed, known, 0) if place.url is None else None
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=place.url is not None)
    pruner: BasePruner
    if search.settings.pruner == "median":
        pruner = optuna.pruners.MedianPruner()
    elif search.settings.pruner == "hyperband":
        pruner = optuna.pruners.HyperbandPruner()
    else:
        pruner = optuna.pruners.NopPruner()
    rules = StudyRules(search.metric.larger, sampler, pruner, grid=search.settings.method == "grid")
    return Study(place, search.fingerprint, search.space, rules)


def as_kept(search: Search, study: Study) -> Search:
    """The search with the points and the rungs of its study, which may have more than this command gave."""
    if not search.study.named or search.settings.method == "tpe":
        return search
    return replace(search, halving=study.rungs(search.halving))


def _place_of(search: Search, run: directory.RunDirectory) -> StudyPlace:
    study = search.study
    if study.storage is not None:
        return StudyPlace(study.storage, study.name or "dlcli", study.heartbeat)
    if study.name is not None:
        path = Path("runs/studies").absolute() / f"{study.name}.journal"
        return StudyPlace(f"journal://{quote(str(path))}", study.name, study.heartbeat)
    if search.settings.workers > 1:
        return StudyPlace(f"journal://{quote(str(run.path.absolute() / JOURNAL))}", "dlcli", study.heartbeat)
    return StudyPlace(heartbeat=study.heartbeat)


def _open_run(search: Search, progress: SearchProgress) -> tuple[directory.RunDirectory, list[Record]]:
    """The run directory: a new one, or that of the same search if it was stopped; and what had ended there.

    A study that has a name goes on in the directory of --out even when it has ended.
    """
    output, named = search.output, search.study.named
    goes_on = ("stopped", "finished") if named else ("stopped",)
    changed = ""
    candidates = directory.RunDirectory.existing("tune-lr", output.out)
    for path in candidates if not output.force and (output.out or not named) else []:
        header, lines = read_trials(path / TRIALS)
        if not header:
            continue
        if difference := data_changed(header["about"], search.fingerprint):
            if not changed and _was_stopped(path, header, goes_on):
                changed = f"{path}: its data have changed since its trials: {difference}"
            continue
        if differing(header["about"], search.fingerprint):
            continue
        if _was_stopped(path, header, goes_on):
            records = [r for line in lines if (r := _record_of_line(line)) is not None]
            return directory.RunDirectory.taken_up("tune-lr", path), records
        break  # it has ended, or another copy of the command is at work there
    if changed and output.out:
        another = "another --study and another --out" if named else "another --out, or start again with --force"
        raise DlcliError(changed, f"restore the old data, or choose {another}")
    if changed:
        progress.warn(f"{changed}; this search starts again from the beginning")
    return directory.RunDirectory("tune-lr", output.out, output.force), []


def _was_stopped(path: Path, header: JsonObject, statuses: tuple[str, ...]) -> bool:
    """Whether the run in ``path`` ended with one of ``statuses``, or was killed before it could say."""
    try:
        status = json.loads((path / directory.REPORT).read_text(encoding="utf-8")).get("status")
    except (OSError, ValueError):
        return is_dead(str(header.get("worker", "")), None)  # killed before it could write one
    return status in statuses


def _record_of_line(line: JsonObject) -> Record | None:
    """The trial that a line of trials.jsonl holds, or None where it is damaged."""
    try:
        outcome = Outcome.from_json(line["outcome"])
        return Record(int(line["number"]), dict(line["params"]), outcome.state, int(line["rung"]), outcome)
    except (KeyError, TypeError, ValueError):
        return None
