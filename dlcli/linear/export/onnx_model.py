"""A linear model as a graph of ONNX in float64, with an input for each column of the table."""

import numpy as np

from dlcli import __version__
from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.errors import DlcliError
from dlcli.exports.graph import ML_DOMAIN, Graph, Port
from dlcli.exports.session import Session
from dlcli.files import to_json
from dlcli.linear.export.samples import Samples, days_of
from dlcli.linear.export.terms import NumberTerm, Terms, TextTerm
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import loss_of, of_classes
from dlcli.tables.columns import Schema
from dlcli.tables.formats.dates import DateFormat

PREDICTION, PROBABILITIES = "prediction", "probabilities"
MOST_COLUMNS = 5000
FLOAT64 = 11  # of ONNX's types


class TableModel:
    """The graph, its inputs and its outputs."""

    def __init__(self, model: LinearModel, schema: Schema, terms: Terms) -> None:
        """Raises DlcliError for more columns than a graph can have inputs."""
        if len(schema.features) > MOST_COLUMNS:
            raise DlcliError(
                f"--format onnx has an input for each column, and the model has {len(schema.features):,}, of at most "
                f"{MOST_COLUMNS:,}", "--format numpy takes any number",
            )  # fmt: skip
        self._model, self._terms = model, terms
        self.classes = schema.target.levels if of_classes(model.kind) and schema.target is not None else ()
        self.inputs = _inputs(schema)
        taken = {port.name for port in self.inputs}
        if self.classes:
            kept = "in the order of the metadata's classes; NaN where there is none"
            self.outputs = [
                Port(_free(PREDICTION, taken), ("rows",), "the class; empty where there is none", "string"),
                Port(_free(PROBABILITIES, taken), ("rows", len(self.classes)), f"of each class, {kept}", "float64"),
            ]
        else:
            self.outputs = [Port(_free(PREDICTION, taken), ("rows", 1), "NaN where there is none", "float64")]

    def to_onnx(self) -> bytes:
        """The file."""
        graph = Graph()
        scores = graph.constant(self._model.intercept.reshape(1, -1), "intercept")
        if self._terms.numbers:
            scores = graph.add("Add", self._of_numbers(graph), scores)
        for term in self._terms.texts:
            scores = graph.add("Add", scores, self._of_text(graph, term))
        about = {"made_by": f"dlcli {__version__}", "loss": self._model.kind, "missing": self._terms.missing}
        if not self.classes:
            link = loss_of(self._model.kind).link
            if link in ("log", "inverse"):
                scores = graph.add("Exp" if link == "log" else "Reciprocal", scores)
            return graph.model(self.inputs, [(scores, self.outputs[0])], about)
        about["classes"] = to_json(list(self.classes), indent=None)
        if self._model.kind == "logistic":
            scores = graph.add("Concat", graph.add("Sub", scores, scores), scores, axis=1)
        probabilities = graph.add("Softmax", scores, axis=1)
        best = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
        names = graph.constant(np.array(self.classes, dtype=object), "classes")
        sums = graph.add("ReduceSum", probabilities, graph.constant([1], "axis"), keepdims=0)
        none = graph.constant(np.array("", dtype=object), "none")
        label = graph.add("Where", graph.add("IsNaN", sums), none, graph.add("Gather", names, best))
        return graph.model(self.inputs, list(zip((label, probabilities), self.outputs, strict=True)), about)

    def run(self, content: bytes, table: Samples) -> AnyArray:
        """What onnxruntime makes of the samples."""
        inputs: dict[str, AnyArray] = {}
        for term in self._terms.numbers:
            inputs |= {name: values.reshape(-1, 1) for name, values in _values(term, table).items()}
        for text in self._terms.texts:
            cells = table.table.get_column(text.column.name).fill_null("").to_list()
            inputs[text.column.name] = np.array(cells, dtype=object).reshape(-1, 1)
        return Session(content).run(inputs)[self.outputs[-1].name]

    def _of_numbers(self, graph: Graph) -> str:
        terms = self._terms.numbers
        each = [_known(graph, term, name) for term in terms for name in term.column.plain_names]
        x = graph.add("Concat", *each, axis=1)
        missing = graph.add("Or", graph.add("IsNaN", x), graph.add("IsInf", x))
        fill = np.concatenate([term.fill for term in terms]).reshape(1, -1)
        weights = graph.constant(np.vstack([term.weights for term in terms]), "coefficients")
        filled = graph.add("Where", missing, graph.constant(fill, "fill"), x)
        scores = graph.add("MatMul", filled, weights)
        marks = graph.add("Cast", missing, to=FLOAT64)
        if any(term.mark is not None for term in terms):
            scores = graph.add("Add", scores, graph.add("MatMul", marks, graph.constant(_marks(terms), "marks")))
        if self._terms.refuses:
            count = graph.add("ReduceSum", marks, graph.constant([1], "axis"), keepdims=1)
            some = graph.add("Greater", count, graph.constant(np.array(0.0), "zero"))
            scores = graph.add("Where", some, graph.constant(np.array(np.nan), "nan"), scores)
        return scores

    def _of_text(self, graph: Graph, term: TextTerm) -> str:
        count = len(term.levels)
        codes = dict.fromkeys(self._terms.marks_of(term.column), count)
        codes |= {level: code for code, level in enumerate(term.column.levels)}
        code = graph.add(
            "LabelEncoder", term.column.name, domain=ML_DOMAIN, keys_strings=list(codes),
            values_int64s=list(codes.values()), default_int64=count + 1,
        )  # fmt: skip
        rows = graph.constant(np.vstack([term.levels, term.missing, term.unknown]))
        return graph.add("Squeeze", graph.add("Gather", rows, code), graph.constant([1], "axis"))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _inputs(schema: Schema) -> list[Port]:
    ports = []
    for column in schema.features:
        if column.kind == "text":
            ports.append(Port(column.name, ("rows", 1), "text; an empty one is missing", "string"))
            continue
        about = "number; NaN is missing"
        if column.kind == "boolean":
            about = "1 for true, 0 for false; NaN is missing"
        elif isinstance(column.format, DateFormat) and not column.parts:
            about = "days since 1970-01-01 with fractions, in UTC; NaN is missing"
        for name, part in zip(column.plain_names, column.parts or ("",) * len(column.plain_names), strict=True):
            what = f"the {part} of a date; NaN is missing" if part else about
            ports.append(Port(name, ("rows", 1), what, "float64"))
    return ports


def _known(graph: Graph, term: NumberTerm, name: str) -> str:
    """A column, NaN where the user's own numbers say that it is missing."""
    for number in term.missing_numbers:
        same = graph.add("Equal", name, graph.constant(np.array(number), f"missing.{number!r}"))
        name = graph.add("Where", same, graph.constant(np.array(np.nan), "nan"), name)
    return name


def _marks(terms: list[NumberTerm]) -> FloatArray:
    """The coefficients of the marks, by the first of each column's numbers."""
    rows = []
    for term in terms:
        part = np.zeros_like(term.weights)
        if term.mark is not None:
            part[0] = term.mark
        rows.append(part)
    return np.vstack(rows)


def _values(term: NumberTerm, table: Samples) -> dict[str, FloatArray]:
    """The numbers of a raw column, by their names."""
    column = term.column
    raw = table.table.get_column(column.name)
    if not isinstance(column.format, DateFormat):
        return {column.name: raw.cast(float).to_numpy(writable=True)}
    if not column.parts:
        return {column.name: days_of(raw, column.format)}
    made = column.format.parts(raw, column.parts)
    return {name: part.cast(float).to_numpy(writable=True) for name, part in zip(column.plain_names, made, strict=True)}
