"""``dlcli export`` of a linear model."""

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.errors import DlcliError
from dlcli.exports.graph import Port
from dlcli.exports.session import refuse_unlike
from dlcli.exports.settings import Exported, ExportSettings
from dlcli.linear.export.numpy_file import notes_on_dates, numpy_file, run_file
from dlcli.linear.export.onnx_model import TableModel
from dlcli.linear.export.samples import Samples, samples
from dlcli.linear.export.terms import Terms
from dlcli.linear.objectives.loss import of_classes
from dlcli.linear.saved import load_run
from dlcli.tables.columns import Schema
from dlcli.text import printable

TOLERANCE = 1e-9  # of the larger of 1 and the number itself


def export_linear(settings: ExportSettings) -> Exported:
    """The file of a linear model, which has been run beside dlcli on random rows.

    Raises DlcliError for a run that is damaged, and where the file gives other numbers than dlcli.
    """
    model, schema, _ = load_run(settings.run)
    if schema.design is not None or schema.log_target:
        what = "terms of columns" if schema.design is not None else "its target's logarithm"
        raise DlcliError(f"{settings.run} is a model of {what}, which no exported file computes", "use dlcli predict")
    if (column := model.beside.offset or model.beside.exposure) is not None:
        raise DlcliError(
            f"the model adds the column '{printable(column)}' to each score, which no exported file does",
            "apply it by 'dlcli predict', or train without --offset and --exposure",
        )
    terms = Terms.of(model, schema)
    tried = samples(model, schema, terms)
    if settings.format == "numpy":
        content = numpy_file(model, schema, terms)
        found: AnyArray = run_file(content, tried)
        inputs, outputs, notes = _columns(schema), _predictions(schema, model.kind), notes_on_dates(schema.features)
    else:
        made = TableModel(model, schema, terms)
        content = made.to_onnx()
        found = made.run(content, tried)
        inputs, outputs, notes = made.inputs, made.outputs, []
    difference = _difference(found, tried)
    refuse_unlike(difference, TOLERANCE, "numbers")
    return Exported(content, model.kind, inputs, outputs, difference, f"{len(tried.expected)} random rows", notes)


def _difference(found: AnyArray, tried: Samples) -> float:
    expected = tried.expected
    if found.shape != expected.shape or (np.isnan(found) != np.isnan(expected)).any():
        return np.inf
    apart = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    return float(np.nanmax(apart, initial=0.0))


def _columns(schema: Schema) -> list[Port]:
    kinds = {"text": "string", "boolean": "bool"}
    return [Port(c.name, ("rows",), "as in the table", kinds.get(c.kind, "float64")) for c in schema.features]


def _predictions(schema: Schema, kind: str) -> list[Port]:
    if not of_classes(kind) or schema.target is None:
        return [Port("prediction", ("rows",), "NaN where there is none", "float64")]
    classes = [Port(f"probability_{name}", ("rows",), "of the class", "float64") for name in schema.target.levels]
    return [Port("prediction", ("rows",), "the class; None where there is none", "string"), *classes]
