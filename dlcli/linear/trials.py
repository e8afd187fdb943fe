"""``fit-linear`` as the tuner sees it: tables read once, and any number of fits on them."""

import math
import os
from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlcli.config.common import DATA
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.linear.validation import ValidationOptions
from dlcli.config.option import field_meta
from dlcli.engine.arrays import FloatArray
from dlcli.engine.loop import Iterate, Step, train
from dlcli.engine.progress import Progress, Silent
from dlcli.engine.schedules.by_name import schedule_class
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.fingerprint import fingerprint
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.load import Loaded, folds_of, held_out, load
from dlcli.linear.data.rows import Held
from dlcli.linear.diagnostics.checks import SMALL_L2
from dlcli.linear.diagnostics.held_out_errors import held_out_errors
from dlcli.linear.fit import Prepared, prepare, to_keep
from dlcli.linear.metrics import higher_is_better, searched_metrics
from dlcli.linear.objectives.loss import of_numbers_by_rows
from dlcli.linear.plan import Plan, make_plan
from dlcli.linear.solvers.solver import LinearSolver
from dlcli.linear.start.run import Start, starting_point
from dlcli.search.trials import Metrics, Trial, shorter_decay
from dlcli.tables.example import LineExample
from dlcli.tables.terms.options import with_terms

DEFAULT_RATES = (1e-4, 1.0)
# What decides which rows and columns there are to train on: how a table is read, whatever options that has, and more.
READING = (
    *(name for name in FitLinearConfig.model_fields
      if field_meta(FitLinearConfig, name).panel == DATA and name != "data_seed"),
    *(name for name in ValidationOptions.model_fields if name != "early_stop"),
    "data", "loss", "intercept", "device", "seed_of_data", "init",
)  # fmt: skip
KEPT_TABLES = 4


class LinearTrials:
    """Fits of one command line; ``base`` is what they have in common."""

    def __init__(self, base: FitLinearConfig, progress: Progress) -> None:
        self.base, self.progress = base, progress
        self._tables: dict[Hashable, tuple[Loaded, FitCache]] = {}
        self.watched = self.by_training_loss = False

    @property
    def device(self) -> str:
        """Where the fits on the latest table are computed."""
        return next(reversed(self._tables.values()))[0].device if self._tables else "cpu"

    def _table(self, config: FitLinearConfig) -> tuple[Loaded, FitCache]:
        """The data of a config, read at the first use."""
        config = with_terms(config)
        if config.path:
            raise DlcliError(
                f"{config.path} is a search of its own",
                f"run dlcli fit-linear with it, or search --vary {config.path[2:4]}=1e-4:1:log",
            )
        key = tuple(getattr(config, name) for name in READING)
        known = self._tables.get(key)
        if known is not None and (known[0].plan.keep_rows or not self._plan(config, known[0]).keep_rows):
            return known
        # What is worth saying of the data is said once.
        start = Start.of(config.init) if config.init else None
        progress = Silent() if self._tables else self.progress
        loaded = load(config, progress)
        begun = starting_point(start, config, loaded, progress)
        while len(self._tables) >= KEPT_TABLES:
            del self._tables[next(iter(self._tables))]
        self._tables[key] = loaded, FitCache(loaded.usable, loaded.device, lasting=True, start=begun)
        return self._tables[key]

    def _plan(self, config: FitLinearConfig, loaded: Loaded) -> Plan:
        plan = make_plan(with_terms(config), loaded.kind, demo=not config.data, coefficients=loaded.coefficients)
        plan = replace(plan, split=loaded.plan.split)
        if plan.penalty.present or "l2" in config.given() or not loaded.few_rows:
            return plan
        return replace(plan, penalty=replace(plan.penalty, l2=SMALL_L2))

    def metric_names(self) -> Mapping[str, Sequence[str]]:
        """Metrics by part."""
        loaded, _ = self._table(self.base)
        target = loaded.usable.schema.target
        names = searched_metrics(loaded.kind, 0 if target is None else len(target.levels))
        validated = bool(self.base.holds_out or self.base.cv)
        return {"train": names, "val": names} if validated else {"train": names}

    def higher_is_better(self, name: str) -> bool:
        """As the table of metrics says."""
        return higher_is_better(self._table(self.base)[0].kind, name)

    def default_metric(self) -> str:
        """The loss, on validation rows where there are some."""
        return "val.loss" if self.base.holds_out or self.base.cv else "train.loss"

    def default_rates(self) -> tuple[float, float]:
        """The usual range for standardized columns."""
        return DEFAULT_RATES

    def fingerprint(self, configs: Sequence[FitLinearConfig]) -> JsonObject:
        """That of the table's files, or of the built-in example; no option that is searched names another file."""
        config = configs[0]
        if config.data:
            return fingerprint(_named_alike(self._table(config)[0].files))
        chunk = next(LineExample(config.seed_of_data).chunks())
        return fingerprint([("the built-in example", np.column_stack([chunk.X, chunk.y]))])

    def check(self, config: FitLinearConfig) -> None:
        """Plan the config, which refuses what can't be trained."""
        loaded, _ = self._table(config)
        plan = self._plan(config, loaded)
        if plan.optimizer in ("newton", "lbfgs", "exact") and config.lr != "auto":
            raise DlcliError(f"--optimizer {plan.optimizer} has no learning rate to choose", "use gd, sgd or adam")

    def start(self, config: FitLinearConfig, check_signal: Callable[[], None]) -> list[Trial]:
        """One fit, or one for each fold."""
        trials = []
        for ready in self._prepared(config):
            schedule = ready.schedule()
            lr = math.nan if schedule is None else schedule.lr
            trials.append(self._trial(ready, ready.solver(schedule), lr, check_signal))
        return trials

    def ready(self, config: FitLinearConfig) -> Prepared:
        """The one fit of a config without cross-validation, ready to run."""
        return self._prepared(config)[0]

    def _prepared(self, config: FitLinearConfig) -> list[Prepared]:
        return [self._part(config, fold) for fold in range(config.cv or 1)]

    def _part(self, config: FitLinearConfig, fold: int) -> Prepared:
        """The fit of a fold, or the only one."""
        loaded, space = self._table(config)
        plan = self._plan(config, loaded)
        held = held_out(plan.split, loaded.usable)
        if config.cv:
            folds = folds_of(plan.split, loaded.usable)
            rest = plan.split.beside(folds[fold], loaded.usable.training_groups())
            return prepare(plan, space, rest, Held(held, [folds[fold]]))
        return prepare(plan, space, loaded.usable.training_groups(), Held(held, held))

    def _trial(self, ready: Prepared, solver: LinearSolver, lr: float, check_signal: Callable[[], None]) -> Trial:
        seen: list[Step] = []
        kept: list[Iterate[FloatArray] | None] = [None]

        limits, validate, score = ready.plan.stopping, ready.problem.validate, ready.problem.score
        if validate is None and not self.watched and not schedule_class(ready.plan.schedule.name).listens:
            # Nobody looks at what comes between, and it is what such a trial spends its time on.
            limits = replace(limits, report_every=limits.steps)

        def steps() -> Generator[Step, None, None]:
            for step in train(solver, limits, validate, check_signal=check_signal):
                kept[0] = to_keep(kept[0], step, limits)
                shown = step.val_loss
                if self.watched and ready.plan.split.folds and score is not None:
                    shown = score(step.parameters)["loss"]  # a pruner compares folds by what scores them
                seen.append(replace(step.numbers(), val_loss=shown))
                yield seen[-1]

        def metrics() -> Metrics:
            assert kept[0] is not None
            with np.errstate(over="ignore", invalid="ignore"):
                return ready.result(solver, lr, seen, kept[0], with_errors=False).metrics

        def errors(metrics: Mapping[str, float]) -> Mapping[str, float]:
            assert kept[0] is not None
            return held_out_errors(ready.problem, kept[0].parameters, metrics)

        return Trial(steps(), metrics, ready.stable, errors)

    def fusion_key(self, config: FitLinearConfig) -> Hashable | None:
        """Full-batch descent on rows can be fused: all fits pass over the same rows at once."""
        loaded, _ = self._table(config)
        plan = self._plan(config, loaded)
        if not plan.keep_rows or plan.optimizer != "gd" or loaded.device != "cpu" or config.minutes:
            return None
        if loaded.stored is not None or config.init is not None or of_numbers_by_rows(loaded.kind):
            return None
        if config.weights or config.offset or config.exposure or config.class_weight:
            return None  # the batch knows of none
        return tuple(getattr(config, name) for name in (*READING, "standardize", "report_every")), plan.steps

    def start_fused(self, configs: Sequence[FitLinearConfig], check_signal: Callable[[], None]) -> list[list[Trial]]:
        """All fits of one key, fold by fold."""
        from dlcli.linear.batched.rows import BatchedRows, RowReplica

        runs: list[list[Trial]] = [[] for _ in configs]
        for fold in range(configs[0].cv or 1):
            column = [self._part(config, fold) for config in configs]  # of one fold all have the same rows
            first = column[0]
            rows = first.problem.rows
            assert rows is not None
            assert rows.objective is not None
            assert isinstance(rows.Z, np.ndarray)
            schedules = [ready.schedule() for ready in column]
            replicas = [
                RowReplica(schedule, ready.plan.momentum, ready.plan.tolerance, ready.plan.penalty)
                for ready, schedule in zip(column, schedules, strict=True)
                if schedule is not None
            ]
            outputs, penalized, y = rows.objective.shape[1], rows.objective.penalized[:, 0], rows.responses[:].y
            batch = BatchedRows(rows.Z, y, rows.kind, outputs, penalized, replicas)
            for run, ready, solver in zip(runs, column, batch.solvers, strict=True):
                run.append(self._trial(ready, solver, solver.replica.schedule.lr, check_signal))
        return runs

    def fusion_pays(self, config: FitLinearConfig) -> bool:
        """Always, where it can be done: one pass over the rows for all is never slower than one for each."""
        return self.fusion_key(config) is not None

    def shorter(self, config: FitLinearConfig, fraction: float) -> FitLinearConfig:
        """The config with fewer steps."""
        if fraction >= 1:
            return config
        loaded, _ = self._table(config)
        steps = self._plan(config, loaded).steps
        update = {"steps": max(1, round(steps * fraction)), **shorter_decay(config, fraction)}
        if config.minutes:
            update["minutes"] = config.minutes * fraction
        return config.model_copy(update=update)

    def final(self, config: FitLinearConfig) -> FitLinearConfig:
        """As it is: every option that was left to dlcli depends on the data alone."""
        return config

    def as_fused(self, config: FitLinearConfig) -> FitLinearConfig:
        """As it is: a batch computes what its fits compute alone."""
        return config


def _named_alike(files: Sequence[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Files by their names in the folder that has them all, which are the same from wherever the command is run."""
    named = [str(path.absolute()) for name, path in files if name == str(path)]
    if not named:
        return list(files)
    folder = os.path.commonpath([os.path.dirname(path) for path in named])
    return [(os.path.relpath(path, folder) if name == str(path) else name, path) for name, path in files]
