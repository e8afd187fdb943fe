"""The model of a table that clients begin with: the columns, levels, classes and units that they agree on."""

from dataclasses import dataclass

import numpy as np

from dlcli import __version__
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import FloatArray
from dlcli.engine.progress import Progress
from dlcli.federated.exported.answer import AGREED
from dlcli.files import JsonObject
from dlcli.linear.data.load import Loaded, load
from dlcli.linear.inference.entries import Columns, coefficient_entries
from dlcli.linear.model import LinearModel
from dlcli.linear.problem import kind_of
from dlcli.reports.document import environment
from dlcli.reports.fit_linear import FitLinearReport


@dataclass(frozen=True)
class FirstModel:
    """What clients begin with, the settings that it is trained by, and its report, in which nothing is trained yet."""

    model: LinearModel
    config: FitLinearConfig
    report: FitLinearReport


def first_model(config: FitLinearConfig, progress: Progress) -> FirstModel:
    """A model whose coefficients are 0, and what goes with it, from one look at all DATA.

    Of the rows it has names, levels, classes, and by column a mean and a standard deviation. Raises DlcliError for data
    that can't be fitted.
    """
    loaded = load(config, progress)
    kind, data = kind_of(loaded.kind, loaded.data), loaded.data
    if loaded.plan.penalty.l2 != config.l2:  # of few rows
        config = config.model_copy(update={"l2": loaded.plan.penalty.l2})
    outputs = len(data.schema.target.levels) if data.schema.target and kind == "softmax" else 1
    shift, inverse = _units(loaded)
    settings: JsonObject = {
        "missing": config.missing, "intercept": config.intercept, "missing_value": list(config.missing_value),
        AGREED: {"shift": shift.tolist(), "inverse": inverse.tolist()},
    }  # fmt: skip
    settings |= {name: value for name, value in vars(loaded.beside).items() if value is not None}
    fill = data.fill if data.exponents is None else np.ldexp(data.fill, data.exponents)
    d = len(data.schema.encoded_names)
    model = LinearModel(kind, np.zeros((d, outputs)), np.zeros(outputs), fill, data.schema.to_json(), settings)
    return FirstModel(model, config, _report(model, config, loaded))


def _report(model: LinearModel, config: FitLinearConfig, loaded: Loaded) -> FitLinearReport:
    target = loaded.data.schema.target
    classes = target.levels if target is not None else ()
    entries = coefficient_entries(
        loaded.data.schema.encoded_names, classes, Columns(np.vstack([model.intercept, model.coefficients])),
        intercept=config.intercept,
    )  # fmt: skip
    return FitLinearReport(
        dlcli=__version__, command="fit-linear", run="", device="cpu", seed=config.seed, seconds=0.0, steps=0,
        status="finished", reason="nothing is trained yet", signal=None, kept_step=0, selected_on=None,
        std_error_reason="it was trained over data that stay apart", loss="cross-entropy" if classes else "mse",
        optimizer=loaded.plan.optimizer, lr=float("nan"), target=loaded.data.schema.modeled, rows=loaded.data.rows,
        metrics={}, coefficients=entries, residual_sd=None, r2=None,
        r2_uncentered=not classes and not config.intercept, condition_number=None, aliased=loaded.aliased,
        largest_stable_lr=None, environment=environment("cpu"), classes=list(classes) or None,
        columns=list(loaded.columns) or None, decisions=list(loaded.decisions) or None,
    )  # fmt: skip


def _units(loaded: Loaded) -> tuple[FloatArray, FloatArray]:
    """Shift and inverse scale (d,) of all columns, in the units of the data; 0 and 0 of those that are left out."""
    usable, intercept = loaded.usable, loaded.plan.columns.intercept
    moments = usable.merged(usable.training_groups())
    mean, variance = moments.mean[1:], moments.diagonal[1:] / moments.count
    scale = np.sqrt(variance if intercept else variance + mean**2)
    if usable.exponents is not None:
        powers = usable.exponents if len(usable.exponents) == len(mean) else usable.exponents[loaded.keep]
        mean, scale = np.ldexp(mean, powers), np.ldexp(scale, powers)
    shift, inverse = np.zeros(len(loaded.data.fill)), np.zeros(len(loaded.data.fill))
    shift[loaded.keep] = mean if intercept else 0.0
    inverse[loaded.keep] = np.divide(1.0, scale, out=np.ones_like(scale), where=scale > 0)
    return shift, inverse
