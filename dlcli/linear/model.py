"""A fitted linear model of any loss: what is saved, and how it predicts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.linear.inference.uncertainty import Uncertainty
from dlcli.linear.losses.families import response
from dlcli.linear.objectives.loss import Kind, is_kind, log_softmax
from dlcli.runs.model_file import read_model, write_model
from dlcli.tables.names import RowColumns

FORMAT = 1
KIND = "dlcli-linear"
KEPT = ("factor", "center")  # the tensors of an ``Uncertainty``


@dataclass(frozen=True)
class LinearModel:
    """Coefficients in the data's own units.

    coefficients (d, k), intercept (k,), fill (d,): what stands in for a missing value. k is 1 but for ``softmax``,
    where it is the number of classes. ``schema`` is the table's, as JSON; ``settings`` are those that
    predicting needs. ``uncertainty`` is that of the coefficients, of one output; None where it isn't known.
    """

    kind: Kind
    coefficients: FloatArray
    intercept: FloatArray
    fill: FloatArray
    schema: JsonObject
    settings: JsonObject
    uncertainty: Uncertainty | None = None

    def filled(self, X: FloatArray) -> FloatArray:
        """X (n, d) with missing values filled."""
        return np.where(np.isnan(X), self.fill, X) if np.isnan(X).any() else X

    def linear(self, X: FloatArray, offset: FloatArray | None = None) -> FloatArray:
        """X coefficients + intercept, (n, k), for X (n, d); missing values are filled. ``offset`` (n,) is added."""
        scores: FloatArray = self.filled(X) @ self.coefficients + self.intercept
        return scores if offset is None else scores + offset[:, None]

    @property
    def smearing(self) -> float | None:
        """Of a model of the target's logarithm, what exp of its numbers is multiplied by; else None."""
        factor = self.settings.get("smearing")
        return factor if isinstance(factor, float) else None

    def predicted(self, X: FloatArray, offset: FloatArray | None = None) -> FloatArray:
        """Predictions of a model of numbers, (n,): means, whatever the link, in the target's own units.

        Of a model of its logarithm these are exp times the mean of exp(residual) of the training rows. Source: N. Duan,
        Smearing Estimate: A Nonparametric Retransformation Method (1983). ``offset`` (n,) is part of the scores.
        """
        with np.errstate(over="ignore", divide="ignore"):
            means = response(self.kind, self.linear(X, offset)[:, 0])
            return means if self.smearing is None else np.exp(means) * self.smearing

    def probabilities(self, X: FloatArray, offset: FloatArray | None = None) -> FloatArray:
        """Probability of each class, (n, classes)."""
        return np.exp(self.log_probabilities(X, offset))

    def log_probabilities(self, X: FloatArray, offset: FloatArray | None = None) -> FloatArray:
        """Logarithm of each class's probability, (n, classes), exact where the probability rounds to 0."""
        return log_softmax(self.linear(X, offset))

    @property
    def beside(self) -> RowColumns:
        """The columns of the training's weights and offset; the latter is part of every prediction."""
        names = (self.settings.get(name) for name in ("weights", "offset", "exposure"))
        return RowColumns(*(name if isinstance(name, str) else None for name in names))

    def to_bytes(self) -> bytes:
        """The model as safetensors, its description in the metadata as JSON."""
        description = {
            "format": FORMAT, "kind": KIND, "loss": self.kind, "schema": self.schema, "settings": self.settings,
        }  # fmt: skip
        tensors = {"coefficients": self.coefficients, "intercept": self.intercept, "fill": self.fill}
        if (known := self.uncertainty) is not None:
            description["uncertainty"] = {"dispersion": known.dispersion, "df": known.df}
            tensors |= {"factor": known.factor, "center": known.center}
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
        uncertainty = _uncertainty(description.get("uncertainty"), tensors)
        shapes = {name: shape for name, shape in shapes.items() if uncertainty is None or name not in KEPT}
        right = set(shapes) == {"coefficients", "intercept", "fill"} and is_kind(kind)
        if right:
            d, k = (*shapes["coefficients"], 0, 0)[:2]
            right = (
                shapes == {"coefficients": (d, k), "intercept": (k,), "fill": (d,)}
                and all(t.dtype == np.float64 and np.isfinite(t).all() for t in tensors.values())
                and (k == 1 if kind != "softmax" else k >= 2)
                and isinstance(description.get("schema"), dict)
                and isinstance(description.get("settings"), dict)
                and _is_factor(description["settings"].get("smearing", 1.0))
                and (uncertainty is None or uncertainty.center.shape == (d,))
            )
        if not right:
            raise DlcliError(f"{path} is damaged: its tensors don't fit its description", "train it again")
        return cls(
            kind, tensors["coefficients"], tensors["intercept"], tensors["fill"],
            description["schema"], description["settings"], uncertainty,
        )  # fmt: skip


def _is_factor(value: object) -> bool:
    return isinstance(value, float) and 0 < value < np.inf


def _uncertainty(described: object, tensors: dict[str, AnyArray]) -> Uncertainty | None:
    """What a file keeps of it; None where that is nothing, or no such thing."""
    if not isinstance(described, dict) or not set(KEPT) <= set(tensors):
        return None
    factor, center = (tensors[name] for name in KEPT)
    dispersion, df = described.get("dispersion"), described.get("df")
    if not isinstance(dispersion, float) or not (df is None or (isinstance(df, float) and df > 0)):
        return None
    if factor.ndim != 2 or center.shape != (len(factor) - 1,):
        return None
    return Uncertainty(factor, center, dispersion, df)
