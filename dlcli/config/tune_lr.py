"""Settings of ``dlcli tune-lr``."""

import difflib
import re
import shlex
from collections.abc import Callable
from typing import ClassVar, Literal, Self
from urllib.parse import quote, unquote

from pydantic import field_validator, model_validator

from dlcli.config import aliases
from dlcli.config.base import Config
from dlcli.config.common import LogOptions, RunOptions
from dlcli.config.option import option
from dlcli.config.words import with_paths
from dlcli.errors import DlcliError

SEARCH = "Search"
STUDY = "Study"

FILE_OF_URL = re.compile(r"(journal://|sqlite:///)((?!/|\w?:)[^?]+)")  # in a URL, a path from the current folder
METHODS = ("grid", "random", "tpe", "sweep")
TRAININGS = ("fit-linear", "train-deconv")
Method = Literal["grid", "random", "tpe", "sweep"]


class MethodOptions(Config):
    """What is trained, and how the points to try are chosen."""

    training: tuple[str, ...] = option(
        ("fit-linear",),
        "fit-linear or train-deconv, and that command's own arguments and options; by default fit-linear on its "
        "built-in example.",
        argument=True,
        complete="file",
    )
    grid: bool = option(
        False, "Try every combination (the default).", panel=SEARCH, flags=("--grid",), also="grid_search gridsearch"
    )
    random: bool = option(
        False, "Draw combinations at random.", panel=SEARCH, flags=("--random",),
        also="random_search randomsearch randomized",
    )  # fmt: skip
    tpe: bool = option(
        False, "Let the finished trials choose the next one (Bergstra et al. 2011).", panel=SEARCH, flags=("--tpe",),
        also="bayes bayesian bayesian_optimization bo optuna hyperopt",
    )  # fmt: skip
    sweep: bool = option(
        False,
        "Learning-rate range test: one short run with a rising learning rate, instead of a search.",
        panel=SEARCH,
        flags=("--sweep",),
        also="range_test lr_range_test lr_find lr_finder find_lr auto_lr_find",
    )


class SearchOptions(Config):
    """What is searched, how long, and by which metric."""

    lr: str | None = option(
        None,
        "Learning rates: LOW:HIGH on a log scale, or A,B,C. By default around the one that the command would take.",
        panel=SEARCH,
        metavar="LOW:HIGH|A,B,...",
        also="learning_rate learning_rates lrs lr_range learn_rate lrate eta eta0 base_lr",
    )
    points: int | None = option(
        None,
        "Learning rates in a range of the grid (16; train-deconv 8); steps of a --sweep (100).",
        panel=SEARCH,
        ge=1,
        le=20_000,
        also="num_points n_points grid_points resolution num num_lrs",
    )
    vary: tuple[str, ...] = option(
        (),
        "Another option to search: NAME=A,B,C or NAME=LOW:HIGH, optionally followed by :log or :int; a grid takes 5 "
        "points of a range. Repeatable.",
        panel=SEARCH,
        metavar="NAME=VALUES",
        also="param params parameter parameters param_grid search_space space search grid_params hyperparameters",
    )
    trials: int | None = option(
        None, "Trials of --random and --tpe. Default: 16.", panel=SEARCH, ge=1, le=20_000,
        also="n_trials num_trials max_trials n_iter num_samples samples max_evals n_calls trial",
    )  # fmt: skip
    minutes: float | None = option(
        None, "Start no further trial after this time.", panel=SEARCH, gt=0, also=aliases.MINUTES
    )
    metric: str | None = option(
        None,
        "What to compare: loss, r2, rmse, accuracy, log_loss, auc, psnr or ssim, prefixed with train. or val. By "
        "default the validation loss (restored images: psnr), or the training loss without validation.",
        panel=SEARCH,
        metavar="[train.|val.]NAME",
        also="scoring score scorer monitor metrics eval_metric target_metric",
    )
    repeats: int | None = option(
        None, "Seeds per trial; their mean is compared. Default: 1; --sweep 3.", panel=SEARCH, ge=1, le=1000,
        also="repeat n_repeats num_repeats seeds n_seeds num_seeds",
    )  # fmt: skip
    cv: int | None = option(
        None, "Compare by cross-validation with this many folds.", panel=SEARCH, ge=2, metavar="K",
        also="k folds n_folds kfold k_fold n_splits cv_folds cross_validate cross_validation",
    )  # fmt: skip
    pruner: Literal["auto", "none", "asha", "hyperband", "median"] = option(
        "auto",
        "asha: successive halving, short runs for all and long ones for the best; hyperband, median: stop a run that "
        "is worse than those before it (never in a batch of fused trials). auto: for train-deconv asha, with --tpe "
        "median; else none.",
        panel=SEARCH,
        also="pruning prune early_stop early_stopping halving",
        also_as={"asha": "asha", "hyperband": "hyperband", "successive_halving": "asha", "no_pruning": "none"},
    )
    fuse: str = option(
        "auto",
        "Train trials of equal shape together, in one batch: off, the most at once, or auto: where timing a few steps "
        "shows that it is faster.",
        panel=SEARCH,
        metavar="auto|off|K",
        also="fused batched stack vectorize vmap",
        also_as={"no_fuse": "off"},
    )


class StudyOptions(Config):
    """Where trials are kept, and who runs them."""

    study: str | None = option(
        None, "Name of the study; an existing one is continued. Without --storage kept in runs/studies.", panel=STUDY,
        also="study_name name experiment experiment_name resume",
    )  # fmt: skip
    storage: str | None = option(
        None,
        "Where trials are kept: journal:///PATH (one machine), postgresql://... or mysql://... (many), sqlite:///PATH. "
        "By default in memory.",
        panel=STUDY,
        metavar="URL",
        also="database db storage_url db_url",
    )
    heartbeat: float = option(
        10.0,
        "Seconds between heartbeats to a database. After three missed ones a worker counts as dead, and its trial runs "
        "again.",
        panel=STUDY,
        ge=1,
        metavar="SECONDS",
        also="heartbeat_interval",
    )
    workers: int = option(
        1, "Processes to run trials in, with one thread each.", panel=STUDY, ge=1, le=1024,
        also="n_jobs jobs j n_workers num_workers parallel processes n_procs concurrency threads",
    )  # fmt: skip


# Pydantic takes the fields from the last base on: the order in --help and config.toml.
class TuneLrConfig(LogOptions, RunOptions, StudyOptions, SearchOptions, MethodOptions):
    """Search for the learning rate, the schedule, the filters, or any option of a training command."""

    command: ClassVar[str] = "tune-lr"

    @classmethod
    def items_of(cls, key: str, value: object) -> list[object]:
        """Of a training's command line its words."""
        return list(shlex.split(value)) if key == "training" and isinstance(value, str) else [value]

    @classmethod
    def changed(cls, name: str, value: object, change: Callable[[str], str]) -> object:
        """Likewise, for the paths in the training's command line."""
        if name == "training" and isinstance(value, list) and all(isinstance(word, str) for word in value):
            return with_paths(value, change)
        if name == "storage" and isinstance(value, str) and (found := FILE_OF_URL.fullmatch(value)):
            path = change(unquote(found[2], errors="surrogateescape"))
            return found[1] + quote(path, errors="surrogateescape") if found[1] == "journal://" else found[1] + path
        return super().changed(name, value, change)

    @property
    def method(self) -> Method:
        """How points are chosen."""
        chosen: list[Method] = [name for name in ("random", "tpe", "sweep") if getattr(self, name)]
        return chosen[0] if chosen else "grid"

    @property
    def most_fused(self) -> int:
        """The most trials in one batch; 0 where none are to be fused."""
        return {"off": 0, "auto": 64}.get(self.fuse) or (int(self.fuse) if self.fuse.isdigit() else 0)

    @field_validator("training", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        words = tuple(value) if isinstance(value, (list, tuple)) else ()
        if words and words[0] not in TRAININGS:
            close = difflib.get_close_matches(str(words[0]), TRAININGS, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"write dlcli tune-lr fit-linear {words[0]} ..."
            raise DlcliError(f"tune-lr {words[0]}: expected fit-linear or train-deconv and its own options", remedy)
        return value

    @field_validator("fuse", mode="before")
    @classmethod
    def _fusion(cls, value: object) -> object:
        text = str(value)
        if text not in ("auto", "off") and not (text.isdigit() and int(text) >= 2):
            raise ValueError("expected auto, off or a number from 2")
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        methods = [name for name in METHODS if getattr(self, name)]
        if len(methods) > 1:
            raise ValueError(f"give one of --grid, --random, --tpe and --sweep, got --{' and --'.join(methods)}")
        if self.trials is not None and self.method in ("grid", "sweep"):
            raise ValueError(f"--trials goes with --random or --tpe; a {self.method} takes --points")
        if self.points is not None and self.method in ("random", "tpe"):
            raise ValueError(f"--points goes with --grid or --sweep; --{self.method} takes --trials")
        if self.method == "sweep":
            self._check_sweep()
        if self.method == "tpe" and self.pruner == "asha":
            raise ValueError("--pruner asha goes with --grid or --random; use --pruner median or hyperband with --tpe")
        return self

    def _check_sweep(self) -> None:
        """Raise ValueError for an option that has no meaning in a range test."""
        for name in ("vary", "cv", "metric", "minutes", "study", "storage"):
            if getattr(self, name):
                raise ValueError(f"--{name} doesn't go with --sweep, which varies the learning rate only: leave it out")
        if self.workers > 1:
            raise ValueError("--workers doesn't go with --sweep: leave it out")
        if self.points is not None and self.points < 10:
            raise ValueError(f"--points {self.points}: a sweep needs at least 10 steps")
        if self.lr is not None and "," in self.lr:
            raise ValueError(f"--lr {self.lr}: a sweep needs a range, such as 1e-6:1")
