"""The intervals that ``dlcli predict`` writes beside predictions."""

from pathlib import Path

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.inference.uncertainty import Uncertainty
from dlcli.linear.losses.families import family_of, mean_interval
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import Kind, log_softmax, of_family, of_huber, of_quantile
from dlcli.runs.open import report_of
from dlcli.tables.table import Schema
from dlcli.text import printable


class Intervals:
    """Ends of intervals by the names of their columns, ``names``.

    Of numbers: of the mean, and of a new observation, by Student's t; of families with a link of the mean alone, from
    those of its link; of Huber's loss of the location that it estimates; of a model of logarithms by exp of those, of
    the mean times the factor of the predictions. Of two classes: of their probabilities, from those of the log-odds.
    """

    def __init__(self, model: LinearModel, schema: Schema, confidence: float, run: Path) -> None:
        """Raises DlcliError for a model that doesn't know how uncertain its coefficients are."""
        self._model, self._confidence = model, confidence
        self._known = _known(model, run)
        levels = schema.target.levels if schema.target is not None else ()
        whose = [f"probability_{level}" for level in levels] or _of_numbers(model.kind)
        self.names = tuple(f"{name}_{end}" for name in whose for end in ("low", "high"))
        if twice := set(whose) & set(self.names):
            raise DlcliError(
                f"--interval: two columns would be called '{printable(min(twice))}', by the names of the classes",
                "rename a class, and train again",
            )

    def of(self, X: FloatArray, offset: FloatArray | None = None) -> dict[str, FloatArray]:
        """The ends (n,) for rows X (n, d), with their ``offset`` (n,)."""
        X = self._model.filled(X)
        scores = self._model.linear(X, offset)[:, 0]
        low, high = self._known.around(scores, X, self._confidence)
        if of_family(self._model.kind):
            ends = list(mean_interval(family_of(self._model.kind), low, high))
        elif of_quantile(self._model.kind) or of_huber(self._model.kind):
            ends = [low, high]
        elif self._model.kind == "mse":
            ends = [low, high, *self._known.of_new(scores, X, self._confidence)]
            if (factor := self._model.smearing) is not None:  # a quantile's exp is one; a mean's is not the mean
                ends = [np.exp(low) * factor, np.exp(high) * factor, *(np.exp(end) for end in ends[2:])]
        else:
            at_low, at_high = (np.exp(log_softmax(end[:, None])) for end in (low, high))
            ends = [at_high[:, 0], at_low[:, 0], at_low[:, 1], at_high[:, 1]]
        return dict(zip(self.names, ends, strict=True))


def _of_numbers(kind: Kind) -> list[str]:
    """What has an interval, of models of numbers."""
    if kind == "mse":
        return ["mean", "new"]
    if of_huber(kind):
        return ["location"]
    return ["quantile"] if of_quantile(kind) else ["mean"]


def _known(model: LinearModel, run: Path) -> Uncertainty:
    if model.uncertainty is not None:
        return model.uncertainty
    if model.kind == "softmax":
        raise DlcliError("--interval: a softmax's probabilities have no intervals of their own", "leave it out")
    reason = report_of(run).std_error_reason
    if reason:
        raise DlcliError(f"--interval: the model has no standard errors: {reason}", "leave it out")
    raise DlcliError(
        f"--interval: the model in {run} keeps nothing of its coefficients' covariance: it is older, or has "
        "more than 1,000 of them", "train it again",
    )  # fmt: skip
