"""A search under way: its study, and the trials that are written as they end."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dlcli.config.tune_lr import TuneLrConfig
from dlcli.runs import directory
from dlcli.runs.trials import JOURNAL, TRIALS
from dlcli.search.plan import Search
from dlcli.search.records import Outcome, Record
from dlcli.search.settings import StudyPlace, StudyRules
from dlcli.search.space import point_seed
from dlcli.search.study.liveness import is_dead
from dlcli.search.study.study import Study

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


def was_stopped(path: Path, header: dict[str, Any], statuses: tuple[str, ...]) -> bool:
    """Whether the run in ``path`` ended with one of ``statuses``, or was killed before it could say."""
    import json

    try:
        status = json.loads((path / directory.REPORT).read_text(encoding="utf-8")).get("status")
    except (OSError, ValueError):
        return is_dead(str(header.get("worker", "")), None)  # killed before it could write one
    return status in statuses


def record_of_line(line: dict[str, Any]) -> Record | None:
    """The trial that a line of trials.jsonl holds, or None where it is damaged."""
    try:
        outcome = Outcome.from_json(line["outcome"])
        return Record(int(line["number"]), dict(line["params"]), outcome.state, int(line["rung"]), outcome)
    except (KeyError, TypeError, ValueError):
        return None


def place_of(config: TuneLrConfig, run: directory.RunDirectory) -> tuple[str | None, str | None]:
    """Where the study is kept, and its name."""
    if config.storage is not None:
        return config.storage, config.study or "dlcli"
    if config.study is not None:
        return f"journal://{quote(str(Path('runs/studies').absolute() / (config.study + '.journal')))}", config.study
    if config.workers > 1:
        return f"journal://{quote(str(run.path.absolute() / JOURNAL))}", "dlcli"
    return None, None


def open_study(search: Search, url: str | None, name: str | None, known: int = 0) -> Study:
    """Open the study of a search, of which so many trials are ``known``."""
    import optuna

    config = search.config
    sampler: BaseSampler | None = None
    if config.method == "tpe":
        # A sampler taken up again must not draw what it drew before, nor two processes the same.
        seed = point_seed(config.seed, known, 0) if url is None else None
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=url is not None)
    pruner: BasePruner
    if config.pruner == "median":
        pruner = optuna.pruners.MedianPruner()
    elif config.pruner == "hyperband":
        pruner = optuna.pruners.HyperbandPruner()
    else:
        pruner = optuna.pruners.NopPruner()
    rules = StudyRules(search.metric.larger, sampler, pruner)
    return Study(StudyPlace(url, name, config.heartbeat), search.about, search.space, rules)


class Recorder:
    """Writes each trial as it ends, and shows it."""

    def __init__(
        self, run: directory.RunDirectory, search: Search, progress: Any, written: set[tuple[int, int]]
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

    def catch_up(self, records: list[Record]) -> None:
        """Trials that other workers ran."""
        for record in records:
            if record.ended:
                self._write(record)
