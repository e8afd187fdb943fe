"""What the estimators have in common: from X and y to a table, a config and a fitted model."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, assert_all_finite, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from dlcli.api.frames import frame_of
from dlcli.api.summary import FitSummary
from dlcli.api.told import Told
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.errors import DlcliError, DlcliWarning
from dlcli.linear.model import LinearModel
from dlcli.linear.saved import AppliedSettings, open_data
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.tables.readers.memory import in_memory
from dlcli.tables.table import ReadOptions
from dlcli.tables.terms.saved import read_schema
from dlcli.tasks.fit_linear import fit_in_memory

if TYPE_CHECKING:
    import polars as pl

LABEL = "X"
# Options of the command that the estimators have under names of scikit-learn's, or not at all.
NOT_OPTIONS = frozenset({"data", "target", "seed", "loss", "weights"})


class DlcliLinear(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A linear model that ``fit-linear`` fits; its parameters are options of the command of the same names.

    Attributes after ``fit``: ``coef_`` and ``intercept_`` in the units of the data, ``coef_names_`` the names of the
    columns that they are of (texts become one for each level but the first), ``n_iter_`` the steps taken, and
    ``model_``; ``summary()`` prints the command's tables.
    """

    model_: LinearModel
    report_: FitLinearReport
    coef_names_: "np.ndarray"

    def __init__(  # noqa: PLR0913 - scikit-learn knows parameters by this signature
        self, *, l1: float = 0.0, l2: float = 0.0, optimizer: str = "auto", lr: float | str = "auto",
        schedule: str = "constant", momentum: float = 0.0, steps: int | None = None, tolerance: float | None = None,
        intercept: bool = True, standardize: bool = True, missing: str = "error", random_state: Any = None,
        options: Mapping[str, object] | None = None,
    ) -> None:  # fmt: skip
        self.l1 = l1
        self.l2 = l2
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.momentum = momentum
        self.steps = steps
        self.tolerance = tolerance
        self.intercept = intercept
        self.standardize = standardize
        self.missing = missing
        self.random_state = random_state
        self.options = options

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing != "error"
        return tags

    def summary(self) -> FitSummary:
        """What the fit found: coefficients, tests, intervals; prints as the command's tables."""
        check_is_fitted(self)
        return FitSummary(self.report_)

    def _fit(self, frame: "pl.DataFrame", y: FloatArray, loss: str, sample_weight: FloatArray | None) -> Self:
        """Fit to the columns of a frame (rows, columns) and the target (rows,), each row by its weight (None: 1).

        Raises ValueError.
        """
        import polars as pl

        target, weights = _free("y", frame), _free("weights", frame)
        config = self._config(frame, target, loss, None if sample_weight is None else weights)
        beside = [pl.Series(target, y)]
        if sample_weight is not None:
            beside.append(pl.Series(weights, sample_weight))
        told = Told()
        with as_value_errors():
            table = in_memory(frame.with_columns(beside), LABEL)
            fitted = fit_in_memory(config, table, told)
        self.model_, self.report_ = fitted.model, fitted.report
        schema = read_schema(fitted.model.schema)
        self.coef_names_ = np.asarray(schema.encoded_names, dtype=object)
        self.n_iter_ = max(fitted.report.steps, 1)
        told.tell(3, DlcliWarning)
        if fitted.report.status == "finished" and fitted.report.optimizer not in ("sgd", "adam"):
            reason = f"{fitted.report.status} after {fitted.report.steps:,} steps ({fitted.report.reason})"
            warnings.warn(f"not converged: {reason}", ConvergenceWarning, stacklevel=3)
        return self

    def _config(self, frame: "pl.DataFrame", target: str, loss: str, weights: str | None) -> FitLinearConfig:
        options = dict(self.options or {})
        if wrong := sorted(NOT_OPTIONS & options.keys()):
            raise ValueError(f"options: {wrong[0]} is a parameter of its own, or comes from X and y")
        seed = self.random_state
        if seed is None:
            seed = 0
        elif not isinstance(seed, (int, np.integer)):
            seed = check_random_state(seed).randint(2**31)
        names = ("optimizer", "lr", "schedule", "momentum", "intercept", "standardize", "missing")
        given = {name: getattr(self, name) for name in names}
        # A penalty of 0 is none given: fewer rows than coefficients then get a small one, with a warning.
        given |= {name: value for name in ("l1", "l2") if (value := getattr(self, name))}
        given |= {name: value for name in ("steps", "tolerance") if (value := getattr(self, name)) is not None}
        # What is a number in memory is no date or code, whatever its name.
        numbers = tuple(name for name, dtype in frame.schema.items() if dtype.is_numeric())
        known = {
            "data": (LABEL,),
            "target": target,
            "loss": loss,
            "seed": int(seed),
            "device": "cpu",
            "number": numbers,
        }
        known |= {} if weights is None else {"weights": weights}
        with as_value_errors():
            return FitLinearConfig.build({"number": numbers, **given, **options, **known})

    def _training(self, X: Any, y: Any, *, numbers: bool) -> "tuple[pl.DataFrame, AnyArray]":
        """X as a frame, and y (rows,), of ``numbers`` or of anything. Raises ValueError or TypeError."""
        if _is_frame(X):
            validate_data(self, X, skip_check_array=True)
            if y is None:
                raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
            y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
            assert_all_finite(y, input_name="y")
            y = y.astype(np.float64) if numbers else y
        else:
            X, y = validate_data(self, X, y, y_numeric=numbers, ensure_min_samples=2, **self._checks())
        return self._named(X), y

    def _checks(self) -> dict[str, Any]:
        return {"dtype": np.float64, "ensure_all_finite": "allow-nan" if self.missing != "error" else True}

    def _named(self, X: Any) -> "pl.DataFrame":
        """X as a frame with the names that it has, or x0, x1..."""
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(self.n_features_in_)])
        with as_value_errors():
            return frame_of(X, list(names))[0]

    def _of_rows(self, X: Any, compute: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """What ``compute`` makes of the rows of the encoded columns (m, d): (m, ...)."""
        if _is_frame(X):
            validate_data(self, X, reset=False, skip_check_array=True)
        else:
            X = validate_data(self, X, reset=False, **self._checks())
        frame = self._named(X)
        schema = read_schema(self.model_.schema)
        settings = AppliedSettings(Path(LABEL), (), None, ReadOptions(), in_memory(frame, LABEL))
        told = Told()
        with as_value_errors():
            trained = FitLinearConfig.build({"missing_value": tuple(self.model_.settings.get("missing_value", ()))})
            table = open_data(settings, self.model_, schema, trained, told, need_target=False)
            return np.concatenate([compute(chunk.X) for chunk in table.chunks()])


@contextmanager
def as_value_errors() -> Iterator[None]:
    """What scikit-learn expects where data or parameters don't fit."""
    try:
        yield
    except DlcliError as error:
        raise ValueError(str(error)) from error


def checked_weights(sample_weight: Any, y: AnyArray) -> FloatArray | None:
    """Weights (rows,) of the rows of y, None for none. Raises ValueError for such as can't be."""
    if sample_weight is None:
        return None
    weights: FloatArray = _check_sample_weight(sample_weight, y, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("all weights in sample_weight are zero: nothing counts")
    return weights


def _free(name: str, frame: "pl.DataFrame") -> str:
    """A name that no column of the frame has."""
    while name in frame.columns:
        name += "_"
    return name


def _is_frame(X: object) -> bool:
    kind = type(X)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] in ("pandas", "polars")
