"""A saved linear model in Python."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from dlcli.api.frames import TableLike, frame_of
from dlcli.api.summary import FitSummary
from dlcli.api.told import Told
from dlcli.config.evaluate import PredictConfig
from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.objectives.loss import loss_of, of_classes
from dlcli.linear.predict import Asked, predictions
from dlcli.linear.saved import AppliedSettings, SavedRun, load_run
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.runs import directory
from dlcli.runs.open import run_folder
from dlcli.tables.readers.memory import in_memory

if TYPE_CHECKING:
    import polars as pl

Missing = Literal["auto", "drop", "mean", "error"]
Unseen = Literal["error", "baseline"]


@dataclass(frozen=True, repr=False)
class TableModel:
    """A linear, logistic or softmax regression that ``dlcli fit-linear`` saved in ``run``."""

    run: Path
    saved: SavedRun

    @classmethod
    def load(cls, run: "str | os.PathLike[str]") -> "TableModel":
        """That of a run directory. Raises DlcliError."""
        return cls(Path(run), load_run(Path(run)))

    def __repr__(self) -> str:
        loss = loss_of(self.saved[0].kind).name
        what = "linear" if loss == "mse" else loss
        return f"<{what} model of {self.target} by {', '.join(self.features)}; {self.run}>"

    @property
    def target(self) -> str:
        """The name of the column that is predicted."""
        target = self.saved[1].target
        return target.name if target is not None else ""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns that it needs, in the order that an array without names has them in."""
        return tuple(column.name for column in self.saved[1].features)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of ``predict_proba``; () where numbers are predicted."""
        target = self.saved[1].target
        return target.levels if target is not None and of_classes(self.saved[0].kind) else ()

    @property
    def coefficients(self) -> "dict[str, float] | dict[str, dict[str, float]]":
        """By the name of the encoded column, in the units of the data; the intercept under ``intercept``.

        Of two classes they are log-odds of the second one, of more a dict by class, whose values sum to 0.
        """
        model, schema, _ = self.saved
        every = np.vstack([model.intercept[None, :], model.coefficients]).tolist()
        names = ["intercept", *schema.encoded_names]
        if not model.settings.get("intercept", True):
            every, names = every[1:], names[1:]
        if model.kind == "softmax":
            return {name: dict(zip(self.classes, row, strict=True)) for name, row in zip(names, every, strict=True)}
        return {name: row[0] for name, row in zip(names, every, strict=True)}

    def summary(self) -> FitSummary:
        """What the fit found: prints as the command's tables. Raises DlcliError where its report.json is gone."""
        path = run_folder(self.run) / directory.REPORT
        try:
            return FitSummary(FitLinearReport.model_validate_json(path.read_bytes()))
        except (OSError, ValueError):
            hint = "its coefficients are in .coefficients; for tests and intervals fit it again"
            raise DlcliError(f"there is no report of this version at {path}", hint) from None

    def predict(
        self, data: TableLike, *, threshold: float | None = None, missing: Missing | None = None,
        unseen: Unseen = "error",
    ) -> AnyArray:  # fmt: skip
        """Predictions (rows,) in the order of the rows of ``data``: numbers, or names of classes.

        Of two classes the second is predicted from a probability of ``threshold`` on. ``missing`` and ``unseen`` as in
        ``dlcli predict``; a row that gets no prediction has nan or None. Raises DlcliError for data that don't fit the
        model; what the command would tell on standard error are warnings (``DlcliWarning``).
        """
        found = self._predicted(data, Asked(threshold=threshold), missing, unseen).get_column("prediction")
        numbers = not of_classes(self.saved[0].kind)
        return found.to_numpy() if numbers else np.asarray(found.to_list(), dtype=object)

    def predict_proba(
        self, data: TableLike, *, missing: Missing | None = None, unseen: Unseen = "error"
    ) -> FloatArray:  # fmt: skip
        """The probability of each class, (rows, classes), in the order of ``classes``; else like ``predict``.

        Raises DlcliError too where numbers are predicted.
        """
        if not self.classes:
            raise DlcliError(f"the model predicts a number, '{self.target}', and no classes", "use .predict")
        found = self._predicted(data, Asked(), missing, unseen)
        return found.select(f"probability_{name}" for name in self.classes).to_numpy()

    def predict_frame(
        self, data: TableLike, *, interval: float | None = None, threshold: float | None = None,
        missing: Missing | None = None, unseen: Unseen = "error",
    ) -> "pl.DataFrame":  # fmt: skip
        """The columns that ``dlcli predict`` writes: predictions, probabilities, ends of intervals (``interval=0.95``).

        Else like ``predict``.
        """
        return self._predicted(data, Asked(interval, threshold), missing, unseen)

    def _predicted(
        self, data: TableLike, asked: Asked, missing: Missing | None, unseen: Unseen
    ) -> "pl.DataFrame":  # fmt: skip
        import polars as pl

        given = {"missing": missing, "unseen": unseen, "interval": asked.interval, "threshold": asked.threshold}
        config = PredictConfig.build({"run": self.run, **given})  # which checks them
        asked = Asked(config.interval, None if config.threshold is None else float(config.threshold))
        frame, label = frame_of(data, self.features)
        settings = replace(AppliedSettings.of(config), held=in_memory(frame, label))
        told = Told()
        made = predictions(settings, self.saved, asked, told)
        frames = list(made.frames)
        for text in made.table.warnings:
            told.warn(text)
        told.tell(3)
        return pl.concat(frames) if frames else pl.DataFrame(schema=made.columns)
