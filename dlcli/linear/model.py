"""A fitted linear, logistic or softmax model: what is saved, and how it predicts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.linear.objectives.loss import Kind, log_softmax
from dlcli.runs.model_file import read_model, write_model

FORMAT = 1
KIND = "dlcli-linear"


@dataclass(frozen=True)
class LinearModel:
    """Coefficients in the data's own units.

    coefficients (d, k), intercept (k,), fill (d,): what stands in for a missing value. k is 1 for ``mse`` and
    ``logistic``, else the number of classes. ``schema`` is the table's, as JSON; ``settings`` are those that
    predicting needs.
    """

    kind: Kind
    coefficients: FloatArray
    intercept: FloatArray
    fill: FloatArray
    schema: JsonObject
    settings: JsonObject

    def linear(self, X: FloatArray) -> FloatArray:
        """X coefficients + intercept, (n, k), for X (n, d); missing values are filled."""
        if np.isnan(X).any():
            X = np.where(np.isnan(X), self.fill, X)
        scores: FloatArray = X @ self.coefficients + self.intercept
        return scores

    def probabilities(self, X: FloatArray) -> FloatArray:
        """Probability of each class, (n, classes)."""
        return np.exp(self.log_probabilities(X))

    def log_probabilities(self, X: FloatArray) -> FloatArray:
        """Logarithm of each class's probability, (n, classes), exact where the probability rounds to 0."""
        return log_softmax(self.linear(X))

    def to_bytes(self) -> bytes:
        """The model as safetensors, its description in the metadata as JSON."""
        description = {
            "format": FORMAT, "kind": KIND, "loss": self.kind, "schema": self.schema, "settings": self.settings,
        }  # fmt: skip
        tensors = {"coefficients": self.coefficients, "intercept": self.intercept, "fill": self.fill}
        return write_model(description, tensors)

    @classmethod
    def load(cls, path: Path) -> "LinearModel":
        """Read a model; every tensor's name, shape, type and values are checked before use.

        Raises DlcliError for a file that is missing, broken or not such a model.
        """
        description, tensors = read_model(path, "fit-linear")
        if description.get("kind") != KIND or description.get("format") != FORMAT:
            raise DlcliError(
                f"{path} is not a linear model of format {FORMAT} (kind {description.get('kind')!r}, "
                f"format {description.get('format')!r})",
                "give a run directory of 'dlcli fit-linear' of this version",
            )
        kind: Any = description.get("loss")
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        right = set(tensors) == {"coefficients", "intercept", "fill"} and kind in (
            "mse",
            "logistic",
            "softmax",
        )
        if right:
            d, k = (*shapes["coefficients"], 0, 0)[:2]
            right = (
                shapes == {"coefficients": (d, k), "intercept": (k,), "fill": (d,)}
                and all(t.dtype == np.float64 and np.isfinite(t).all() for t in tensors.values())
                and (k == 1 if kind != "softmax" else k >= 2)
                and isinstance(description.get("schema"), dict)
                and isinstance(description.get("settings"), dict)
            )
        if not right:
            raise DlcliError(f"{path} is damaged: its tensors don't fit its description", "train it again")
        return cls(
            kind, tensors["coefficients"], tensors["intercept"], tensors["fill"],
            description["schema"], description["settings"],
        )  # fmt: skip
