"""What a client of a linear model answers in a round: sums over its rows, or how local steps move the model."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.data.scale import check_target
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.objectives.responses import RowResponses
from dlcli.linear.saved import AppliedSettings, load_run, open_data
from dlcli.tables.options import read_options

AGREED = "agreed"  # of a model's settings: what all clients train in


@dataclass(frozen=True)
class Agreed:
    """The units that all clients train in: Z = [1, (X - shift) * inverse], both (d,); inverse 0 leaves a column out."""

    shift: FloatArray
    inverse: FloatArray
    intercept: bool

    @classmethod
    def of(cls, model: LinearModel) -> "Agreed":
        """Those of a model that an export began with. Raises DlcliError for another."""
        found, d = model.settings.get(AGREED), len(model.coefficients)
        try:
            assert isinstance(found, dict)
            shift, inverse = (np.array(found[name], dtype=np.float64) for name in ("shift", "inverse"))
            assert shift.shape == inverse.shape == (d,)
        except (AssertionError, KeyError, TypeError, ValueError):
            raise DlcliError(
                "--init: the model doesn't say which units clients train in",
                "give the folder start of an app that 'dlcli federate fit-linear --export' wrote",
            ) from None
        return cls(shift, inverse, bool(model.settings.get("intercept", True)))

    def rows(self, X: FloatArray) -> FloatArray:
        """Z (n, p) of X (n, d)."""
        Z = (X - self.shift) * self.inverse
        return np.concatenate([np.ones((len(Z), 1)), Z], axis=1) if self.intercept else Z

    def theta(self, model: LinearModel) -> FloatArray:
        """Parameters (p, k) of a model."""
        slopes = np.divide(
            model.coefficients, self.inverse[:, None], out=np.zeros_like(model.coefficients),
            where=self.inverse[:, None] > 0,
        )  # fmt: skip
        first = model.intercept + self.shift @ model.coefficients
        return np.concatenate([first[None], slopes]) if self.intercept else slopes

    def into(self, model: LinearModel, theta: FloatArray) -> LinearModel:
        """The model with parameters (p, k)."""
        slopes = (theta[1:] if self.intercept else theta) * self.inverse[:, None]
        first = theta[0] - self.shift @ slopes if self.intercept else np.zeros(theta.shape[1])
        return replace(model, coefficients=slopes, intercept=first, uncertainty=None)


@dataclass(frozen=True)
class Answer:
    """The gradient and the Hessian as ``tensors``, or the ``model`` after local steps, and what goes with them.

    ``weight`` is what the client's ``rows`` weigh in a mean over clients; ``loss`` and ``value`` (with the penalty)
    are those of the model that came, and ``stable`` is the largest stable rate of gradient descent on these rows.
    """

    tensors: dict[str, AnyArray]
    model: LinearModel | None
    rows: int
    weight: float
    loss: float
    value: float
    stable: float


@dataclass(frozen=True)
class ClientRows:
    """A client's rows in the agreed units, under the agreed loss and penalty."""

    model: LinearModel
    agreed: Agreed
    objective: RowObjective

    @classmethod
    def read(cls, run: Path, data: tuple[str, ...], progress: Progress) -> "ClientRows":
        """The rows of ``data``, read as the columns, levels and classes of the model in ``run`` say.

        Raises DlcliError for data that don't fit it, or hold no rows.
        """
        model, schema, config = load_run(run)
        agreed = Agreed.of(model)
        settings = AppliedSettings(run, data, None, read_options(config))
        table = open_data(settings, model, schema, config, progress, need_target=True)
        parts: list[tuple[FloatArray, RowResponses]] = []
        for chunk in table.chunks():
            responses = RowResponses(chunk.y, chunk.weights, chunk.offset)
            if model.kind == "mse":
                check_target(chunk.y)
            parts.append((agreed.rows(model.filled(chunk.X)), responses))
        for text in table.warnings:
            progress.warn(text)
        if not sum(len(Z) for Z, _ in parts):
            raise DlcliError(f"{data[0]} has no rows to train on", "give a client rows with a target, or leave it out")
        Z, responses = np.concatenate([Z for Z, _ in parts]), RowResponses.joined([own for _, own in parts])
        return cls(model, agreed, _objective(model, config, agreed, Z, responses))

    @property
    def stable(self) -> float:
        """The largest stable rate of gradient descent on these rows: 2 / the largest curvature, or a bound of it."""
        Z, own = self.objective.Z[:], self.objective.responses[:]
        largest = float(np.linalg.eigvalsh(Z.T @ own.weighted(Z) / self.objective.total)[-1])
        bend = {"logistic": 0.25, "softmax": 0.5}.get(self.model.kind, 1.0)
        return 2.0 / max(largest * bend + self.objective.l2, float(np.finfo(np.float64).tiny))

    def answer(self, steps: int, lr: float | None, mu: float = 0.0) -> Answer:
        """The gradient and the Hessian at the model, or, with ``steps``, the model after so many at rate ``lr``.

        FedProx (Li et al. 2020) adds ``mu``/2 |theta - theta_0|^2 about the model theta_0 that came. Raises DlcliError
        where the steps diverge.
        """
        theta, objective = self.agreed.theta(self.model), self.objective
        value, gradient = objective.value_and_gradient(theta)
        about: dict[str, Any] = {
            "rows": objective.rows, "weight": objective.total, "loss": objective.loss(theta), "value": value,
            "stable": self.stable,
        }  # fmt: skip
        if not steps:
            return Answer({"gradient": gradient, "hessian": objective.hessian(theta)}, None, **about)
        here, rate = theta, self.stable / 2 if lr is None else lr
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                here = here - rate * (objective.value_and_gradient(here)[1] + mu * (here - theta))
        if not np.isfinite(here).all():
            raise DlcliError(
                f"{steps} local steps with learning rate {rate:.4g} diverge", f"use --lr {self.stable / 2:.2g} or less"
            )
        return Answer({}, self.agreed.into(self.model, here), **about)


def _objective(
    model: LinearModel, config: FitLinearConfig, agreed: Agreed, Z: FloatArray, responses: RowResponses
) -> RowObjective:  # fmt: skip
    free = np.zeros(int(agreed.intercept))
    l2 = config.l2 if isinstance(config.l2, float) else 0.0
    penalized = np.ones(len(agreed.inverse)) if config.standardize else agreed.inverse
    penalty = Penalty(0.0, l2).weighted(np.concatenate([free, penalized]))
    return RowObjective(Z, responses, model.kind, model.coefficients.shape[1], penalty)
