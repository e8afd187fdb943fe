"""Settings of ``dlcli tune-lr``."""

import difflib
from typing import Literal, Self

from pydantic import field_validator, model_validator

from dlcli.config.base import option
from dlcli.config.common import RunOptions
from dlcli.errors import DlcliError

SEARCH = "Search"
STUDY = "Study"

METHODS = ("grid", "random", "tpe", "sweep")
TRAININGS = ("fit-linear", "train-deconv")
Method = Literal["grid", "random", "tpe", "sweep"]


class TuneLrConfig(RunOptions):
    """Search for the learning rate, the schedule, the filters, or any option of a training command."""

    training: tuple[str, ...] = option(
        ("fit-linear",),
        "fit-linear or train-deconv, and that command's own arguments and options; by default fit-linear on its "
        "built-in example.",
        argument=True,
        complete="file",
    )
    grid: bool = option(False, "Try every combination (the default).", panel=SEARCH, flags=("--grid",))
    random: bool = option(False, "Draw combinations at random.", panel=SEARCH, flags=("--random",))
    tpe: bool = option(
        False, "Let the trials so far choose the next one (Bergstra et al. 2011).", panel=SEARCH, flags=("--tpe",)
    )
    sweep: bool = option(
        False,
        "Learning-rate range test: one short run with the rate rising, instead of a search.",
        panel=SEARCH,
        flags=("--sweep",),
    )
    lr: str | None = option(
        None,
        "Learning rates: LOW:HIGH on a log scale, or A,B,C. By default around the one that the command would take.",
        panel=SEARCH,
        metavar="LOW:HIGH|A,B,...",
    )
    points: int | None = option(
        None,
        "Rates in a range of the grid (16; train-deconv 8); steps of a --sweep (100).",
        panel=SEARCH,
        ge=1,
        le=20_000,
    )
    vary: tuple[str, ...] = option(
        (),
        "Another option to search: NAME=A,B,C or NAME=LOW:HIGH, with :log or :int behind; a grid takes 5 points of a "
        "range. Repeatable.",
        panel=SEARCH,
        metavar="NAME=VALUES",
    )
    trials: int | None = option(None, "Trials of --random and --tpe. Default: 16.", panel=SEARCH, ge=1, le=20_000)
    minutes: float | None = option(None, "Start no further trial after this time.", panel=SEARCH, gt=0)
    metric: str | None = option(
        None,
        "What to compare: loss, r2, rmse, accuracy, log_loss, auc, psnr or ssim, with train. or val. before it. By "
        "default the validation loss (restored images: psnr), or the training loss without validation.",
        panel=SEARCH,
        metavar="[train.|val.]NAME",
    )
    repeats: int | None = option(
        None, "Seeds for each trial, whose mean counts. Default: 1; --sweep 3.", panel=SEARCH, ge=1, le=1000
    )
    cv: int | None = option(None, "Compare by cross-validation with this many folds.", panel=SEARCH, ge=2, metavar="K")
    pruner: Literal["auto", "none", "asha", "hyperband", "median"] = option(
        "auto",
        "asha: successive halving, short runs for all and long ones for the best; hyperband, median: stop a run that "
        "lags behind those before it (never in a stack). auto: for train-deconv asha, with "
        "--tpe median; else none.",
        panel=SEARCH,
    )
    fuse: str = option(
        "auto",
        "Train trials of one shape in one stack: off, the most at once, or auto: where a timing of a few steps says "
        "that it is faster.",
        panel=SEARCH,
        metavar="auto|off|K",
    )
    study: str | None = option(
        None, "Name of the study; an existing one is continued. Without --storage kept in runs/studies.", panel=STUDY
    )
    storage: str | None = option(
        None,
        "Where trials are kept: journal:///PATH (one machine), postgresql://... or mysql://... (many), sqlite:///PATH. "
        "By default in memory.",
        panel=STUDY,
        metavar="URL",
        cli_only=True,
    )
    heartbeat: float = option(
        10.0,
        "Seconds between signs of life to a database; a worker silent for three of them is dead, and its trial is run "
        "again.",
        panel=STUDY,
        ge=1,
        metavar="SECONDS",
    )
    workers: int = option(1, "Processes to run trials in, with one thread each.", panel=STUDY, ge=1, le=1024)

    @property
    def method(self) -> Method:
        """How points are chosen."""
        chosen: list[Method] = [name for name in ("random", "tpe", "sweep") if getattr(self, name)]
        return chosen[0] if chosen else "grid"

    @property
    def most_fused(self) -> int:
        """The most trials in one stack; 0 where none are to be stacked."""
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
    def _stack(cls, value: object) -> object:
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
            for name in ("vary", "cv", "metric", "minutes", "study", "storage"):
                if getattr(self, name):
                    raise ValueError(f"--{name} doesn't go with --sweep, which only looks at the rate: leave it out")
            if self.workers > 1:
                raise ValueError("--workers doesn't go with --sweep: leave it out")
            if self.points is not None and self.points < 10:
                raise ValueError(f"--points {self.points}: a sweep needs at least 10 steps")
            if self.lr is not None and "," in self.lr:
                raise ValueError(f"--lr {self.lr}: a sweep needs a range, such as 1e-6:1")
        if self.method == "tpe" and self.pruner == "asha":
            raise ValueError("--pruner asha goes with --grid or --random; use --pruner median or hyperband with --tpe")
        return self
