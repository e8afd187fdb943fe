"""A linear model as a Python file that needs nothing but NumPy: ``standalone.py`` with the model in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dlcli import __version__
from dlcli.engine.arrays import FloatArray
from dlcli.files import JsonObject, to_json
from dlcli.linear.export.samples import Samples
from dlcli.linear.export.terms import NumberTerm, Terms, TextTerm
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import loss_of, of_classes
from dlcli.tables.columns import Column, Schema
from dlcli.tables.formats.dates import UNITS, DateFormat
from dlcli.tables.formats.numbers import PLAIN, NumberFormat

PLACE = 'json.loads("{}")'


def numpy_file(model: LinearModel, schema: Schema, terms: Terms) -> bytes:
    """The file."""
    classes = list(schema.target.levels) if of_classes(model.kind) and schema.target is not None else []
    known = {term.column.name: _number(term, terms) for term in terms.numbers}
    known |= {term.column.name: _text(term, terms) for term in terms.texts}
    content = {
        "made_by": f"dlcli {__version__}", "loss": model.kind, "link": loss_of(model.kind).link,
        "classes": classes, "missing": terms.missing,
        "intercept": model.intercept.tolist(), "columns": [known[column.name] for column in schema.features],
    }  # fmt: skip
    template = (Path(__file__).parent / "standalone.py").read_text(encoding="utf-8")
    assert template.count(PLACE) == 1
    # As a literal of JSON, which is ASCII, so that no column's name can end it.
    literal = repr(to_json(content, indent=None, ascii_only=True))
    return template.replace(PLACE, f"json.loads({literal})").encode()


def run_file(content: bytes, table: Samples) -> FloatArray:
    """What the file makes of the samples."""
    rooms: dict[str, Any] = {"__name__": "exported"}
    exec(compile(content, "exported.py", "exec"), rooms)
    predict: Callable[[dict[str, Any]], dict[str, Any]] = rooms["predict"]
    columns = predict({series.name: series.to_list() for series in table.table})
    values = [column for name, column in columns.items() if column.dtype != object]
    return np.stack(values, axis=1)


def _number(term: NumberTerm, terms: Terms) -> JsonObject:
    column = term.column
    kind = "date" if isinstance(column.format, DateFormat) else column.kind
    value: JsonObject = {
        "name": column.name, "kind": kind, "markers": list(terms.marks_of(column)), "weights": term.weights.tolist(),
        "fill": term.fill.tolist(), "mark": None if term.mark is None else term.mark.tolist(),
        "missing_numbers": list(term.missing_numbers), "format": None,
    }  # fmt: skip
    if isinstance(column.format, DateFormat):
        value |= {"parts": list(column.parts), "form": column.format.form}
    elif column.format is not None and column.format != PLAIN:
        value["format"] = _written(column.format)
    return value


def _written(format: NumberFormat) -> JsonObject:
    pattern, cleaning, cents = format.rules
    return {"pattern": pattern, "cleaning": cleaning, "cents": cents, "parentheses": format.parentheses}


def _text(term: TextTerm, terms: Terms) -> JsonObject:
    column = term.column
    return {
        "name": column.name, "kind": "text", "markers": list(terms.marks_of(column)), "levels": list(column.levels),
        "scores": term.levels.tolist(), "missing": term.missing.tolist(), "gap": column.gap is not None,
        "unknown": None if column.pool is None else term.unknown.tolist(),
    }  # fmt: skip


def notes_on_dates(columns: tuple[Column, ...]) -> list[str]:
    """Lines on the columns of dates whose texts the file doesn't read, as it knows ISO 8601 alone."""
    odd = [
        column.name for column in columns
        if isinstance(column.format, DateFormat) and column.format.form not in (*UNITS, "time")
        and (column.format.form, column.format.separator) != ("ymd", "-")
    ]  # fmt: skip
    return [
        f"the file takes the dates of '{name}' as datetime or in ISO 8601, not as the table writes them" for name in odd
    ]
