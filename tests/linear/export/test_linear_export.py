"""Exported linear models give what ``dlcli predict`` gives, from the raw columns of the table."""

import csv
import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import onnxruntime
import polars as pl
import pytest

from dlcli.config.evaluate import PredictConfig
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.errors import DlcliError
from dlcli.exports.settings import Description, ExportSettings
from dlcli.linear.export import export as exporting
from dlcli.linear.export import onnx_model
from dlcli.linear.export.export import export_linear
from dlcli.linear.export.numpy_file import notes_on_dates, numpy_file
from dlcli.linear.export.terms import Terms
from dlcli.linear.saved import load_run
from dlcli.tables.formats.dates import DateFormat
from dlcli.tables.formats.numbers import NumberFormat
from dlcli.tasks.fit_linear import fit_linear
from dlcli.tasks.predict import predict

HEAD = ("a", "money", "when", "ok", "color", "y", "k")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Numbers with gaps, money, dates, booleans, texts with gaps and quotes."""
    draw = np.random.default_rng(0)
    rows = []
    for _ in range(240):
        a = f"{draw.normal():.3f}" if draw.random() > 0.1 else ""
        money = f"${draw.integers(1000, 99999):,}.50"
        when = f"20{draw.integers(10, 23)}-{draw.integers(1, 13):02d}-{draw.integers(1, 28):02d}"
        color = draw.choice(["red", "green", "NA", 'a "blue", one', "größer"])
        y = 2 * float(a or 0) + (color == "red") + 0.1 * draw.normal()
        rows.append(
            (
                a,
                money,
                when,
                draw.choice(["true", "false"]),
                color,
                f"{y:.6f}",
                "v" if y > 0 else draw.choice(["u", "w"]),
            )
        )
    path = tmp_path_factory.mktemp("table") / "t.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([HEAD, *rows])
    return path


PARTS = ("year", "quarter", "month", "day", "weekday", "dayofyear")
KINDS = {
    "numbers": {"target": "y", "drop": ("k",)},
    "two classes": {"target": "ok", "drop": ("k",)},
    "classes": {"target": "k", "drop": ("y",)},
    "parts of dates": {
        "target": "y",
        "drop": ("k",),
        "date_parts": PARTS,
    },
    "without missing values": {"target": "y", "drop": ("k",), "missing": "drop"},
    "own marks": {"target": "y", "drop": ("k",), "missing": "mean", "missing_value": ("green", "0.5")},
}


@pytest.fixture(scope="module")
def runs(table):
    for name, options in KINDS.items():
        fit_linear(FitLinearConfig(data=(str(table),), out=table.parent / name, plots="none", **options))
    return table.parent


def exported(run, format):
    return export_linear(ExportSettings(run, format, Description("")))


def predicted(run, table):
    """The numbers that ``dlcli predict`` writes."""
    out = run / "predictions.csv"
    predict(PredictConfig(run=run, data=(str(table),), out=out, force=True))
    made = pl.read_csv(out, null_values=["NA"], infer_schema_length=None)
    return made.select(pl.col(pl.Float64)).to_numpy()


def cells(table):
    with table.open(newline="") as stream:
        rows = list(csv.reader(stream))
    return {name: [row[place] for row in rows[1:]] for place, name in enumerate(rows[0])}


def as_numbers(name, texts):
    """What an input of ONNX takes of a column of the table."""
    if name == "money":
        return [float(text.strip("$").replace(",", "")) for text in texts]
    if name == "ok":
        return [float(text == "true") for text in texts]
    if name == "when":
        return list(np.array(texts, "datetime64[D]").astype(np.int64))
    return [float(text) if text else np.nan for text in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_onnx(kind, runs, table):
    made = exported(runs / kind, "onnx")
    assert made.difference < 1e-12
    raw, inputs = cells(table), {}
    for port in made.inputs:
        if port.dtype == "string":
            inputs[port.name] = np.array(raw[port.name], dtype=object)[:, None]
            continue
        column, _, part = port.name.partition(".")
        values = pl.Series(as_numbers(column, raw[column]), dtype=pl.Float64)
        if part:
            dates = values.cast(pl.Int32).cast(pl.Date)
            values = getattr(dates.dt, {"dayofyear": "ordinal_day"}.get(part, part))().cast(pl.Float64)
        inputs[port.name] = values.to_numpy()[:, None]
    session = onnxruntime.InferenceSession(made.content, providers=["CPUExecutionProvider"])
    *labels, numbers = session.run(None, inputs)
    expected = predicted(runs / kind, table)
    np.testing.assert_allclose(numbers, expected, rtol=1e-9, atol=1e-9)
    if labels:
        written = pl.read_csv(runs / kind / "predictions.csv", infer_schema=False)["prediction"]
        assert labels[0].tolist() == written.to_list()
    assert (kind == "without missing values") == bool(np.isnan(numbers).any())


@pytest.mark.parametrize("kind", KINDS)
def test_numpy(kind, runs, table):
    """The file takes the texts as they stand in the table."""
    made = exported(runs / kind, "numpy")
    assert made.difference < 1e-12
    assert b"import dlcli" not in made.content
    rooms = {"__name__": "exported"}
    exec(made.content, rooms)
    columns = rooms["predict"](cells(table))
    numbers = np.stack([column for column in columns.values() if column.dtype != object], axis=1)
    np.testing.assert_allclose(numbers, predicted(runs / kind, table), rtol=1e-9, atol=1e-9)


def test_the_file_runs_without_dlcli(runs, table, tmp_path):
    (tmp_path / "model.py").write_bytes(exported(runs / "classes", "numpy").content)
    made = subprocess.run(
        [sys.executable, "-I", "model.py", table], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    predicted(runs / "classes", table)
    written = pl.read_csv(runs / "classes" / "predictions.csv")
    read = pl.read_csv(io.StringIO(made.stdout))
    assert read.columns == written.columns
    assert read["prediction"].to_list() == written["prediction"].to_list()
    np.testing.assert_allclose(read.drop("prediction").to_numpy(), written.drop("prediction").to_numpy(), atol=1e-9)


def test_what_the_model_does_not_know(runs):
    model, schema, _ = load_run(runs / "numbers")
    terms = Terms.of(model, schema)
    rooms = {"__name__": "exported"}
    exec(numpy_file(model, schema, terms), rooms)
    row = {"a": [1], "money": ["$1,000.50"], "when": ["2020-01-02T03:04:05+01:00"], "ok": [True], "color": ["red"]}
    assert np.isfinite(rooms["predict"](row)["prediction"]).all()
    for change, told in (({"color": ["mauve"]}, "does not know 'mauve'"), ({"when": ["soon"]}, "'soon' is no date")):
        with pytest.raises(ValueError, match=told):
            rooms["predict"](row | change)
    with pytest.raises(ValueError, match="no column 'a'"):
        rooms["predict"]({})
    made = onnx_model.TableModel(model, schema, terms)
    session = onnxruntime.InferenceSession(made.to_onnx(), providers=["CPUExecutionProvider"])
    numbers = {name: np.array([[1.0], [np.inf]]) for name in ("a", "money", "when", "ok")}
    texts = np.array([["mauve"], ["red"]], dtype=object)
    assert np.isnan(session.run(None, numbers | {"color": texts})[0][:, 0]).tolist() == [True, False]


@pytest.mark.parametrize(
    ("format", "texts"),
    [
        (NumberFormat(thousands=",", before="$"), ["$1,234.5", "-$3", "$ -4", "1234", "5.-", "12,34", "'$7'", "x"]),
        (NumberFormat(decimal=",", thousands=".", after="€"), ["1.234,56 €", "7", "1,-", "−3,5€", "3-", ""]),
        (NumberFormat(after="kg", loose=True), ["12 kg", "12kg", "0.5", "1e3 kg", "12 g"]),
        (NumberFormat(parentheses=True, before="£"), ["(£12)", "£(12)", "£12"]),
        (NumberFormat(suffixes=True), ["3k", "1.5 M", "7", "2 bn"]),
        (NumberFormat(thousands=" "), ["1 234", "1\u00a0234 567", "12 34"]),
    ],
)  # fmt: skip
def test_numbers_are_read_as_in_training(format, texts, runs):
    model, schema, _ = load_run(runs / "numbers")
    place = [column.name for column in schema.features].index("money")
    features = [replace(c, format=format) if n == place else c for n, c in enumerate(schema.features)]
    rooms = {"__name__": "exported"}
    changed = replace(schema, features=tuple(features))
    exec(numpy_file(model, changed, Terms.of(model, changed)), rooms)
    column = rooms["MODEL"]["columns"][place]
    expected = format.parse(pl.Series(texts)).fill_null(np.nan).to_list()
    np.testing.assert_array_equal([rooms["number_of"](column, text) for text in texts], expected)


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        (
            DateFormat(),
            ["2020-02-29", "2020-02-29T06:30:00+02:00", "1969-12-31 23:59:59.5", "", "2020-01-01T00:00Z"],
        ),
        (DateFormat("seconds"), ["1582959600", "1582959600.25", "-1", "NA"]),
        (DateFormat("milliseconds"), ["1582959600250"]),
        (DateFormat("time"), ["06:30", "23:59:59"]),
    ],
)
def test_dates_are_read_as_in_training(form, texts, runs):
    model, schema, _ = load_run(runs / "numbers")
    place = [column.name for column in schema.features].index("when")
    changed = replace(
        schema, features=tuple(replace(c, format=form) if n == place else c for n, c in enumerate(schema.features))
    )
    rooms = {"__name__": "exported"}
    exec(numpy_file(model, changed, Terms.of(model, changed)), rooms)
    column = rooms["MODEL"]["columns"][place]
    expected = form.parse(pl.Series([text if text not in ("", "NA") else None for text in texts], dtype=pl.String))
    found = [rooms["date_of"](column, text) for text in texts]
    np.testing.assert_array_equal(found, expected.fill_null(np.nan).to_list())
    if form.form == "seconds":
        assert rooms["date_of"](column, 1582959600) == expected[0]
    else:
        with pytest.raises(ValueError, match="is no date"):
            rooms["date_of"](DateFormat().to_json() | {"name": "when", "markers": []}, 17)


def test_dates_that_the_file_does_not_read_are_said(runs):
    _, schema, _ = load_run(runs / "numbers")
    odd = replace(schema.features[2], format=DateFormat("dmy", "."))
    assert notes_on_dates(schema.features) == []
    assert notes_on_dates((odd,)) == [
        "the file takes the dates of 'when' as datetime or in ISO 8601, not as the table writes them"
    ]


def test_what_differs_is_not_exported(runs, monkeypatch):
    right = exporting.run_file
    for wrong in (lambda y: y + 1e-6, lambda y: y * np.nan, lambda y: y[1:]):
        monkeypatch.setattr(exporting, "run_file", lambda *given, wrong=wrong: wrong(right(*given)))
        with pytest.raises(DlcliError, match="gives other numbers"):
            exported(runs / "numbers", "numpy")


def test_more_columns_than_a_graph_has_inputs(runs, monkeypatch):
    monkeypatch.setattr(onnx_model, "MOST_COLUMNS", 3)
    with pytest.raises(DlcliError, match="has 5, of at most 3"):
        exported(runs / "numbers", "onnx")


def test_names_that_collide(tmp_path):
    """A column may be called as the output is."""
    rows = "\n".join(f"{x},{x % 3},{2 * x + x % 3}" for x in range(20))
    (tmp_path / "t.csv").write_text(f"prediction,add_1,y\n{rows}\n")
    fit_linear(FitLinearConfig(data=(str(tmp_path / "t.csv"),), target="y", out=tmp_path / "run", plots="none"))
    made = exported(tmp_path / "run", "onnx")
    assert [port.name for port in (*made.inputs, *made.outputs)] == ["prediction", "add_1", "prediction_"]


@pytest.mark.parametrize("link", ["log", "inverse", "identity"])
def test_links_are_undone(tmp_path, link):
    """Means, which a file that forgot the link would give as scores."""
    draw = np.random.default_rng(3)
    x = draw.random(60)
    mean = {"log": np.exp(x), "inverse": 1 / (1 + x), "identity": 1 + x}[link]
    pl.DataFrame({"x": x, "y": draw.gamma(20, mean / 20)}).write_csv(tmp_path / "t.csv")
    data = (str(tmp_path / "t.csv"),)
    fit_linear(FitLinearConfig(data=data, target="y", loss="gamma", link=link, out=tmp_path / "run"))
    predict(PredictConfig(run=tmp_path / "run", data=data, out=tmp_path / "p.csv"))
    expected = pl.read_csv(tmp_path / "p.csv")["prediction"].to_numpy()
    assert np.abs(expected / mean - 1).max() < 0.5
    rooms = {"__name__": "exported"}
    exec(export_linear(ExportSettings(tmp_path / "run", "numpy", Description(""))).content, rooms)
    np.testing.assert_allclose(rooms["predict"]({"x": x.tolist()})["prediction"], expected, rtol=1e-9)
    content = export_linear(ExportSettings(tmp_path / "run", "onnx", Description(""))).content
    session = onnxruntime.InferenceSession(content)
    np.testing.assert_allclose(session.run(None, {"x": x[:, None]})[0][:, 0], expected, rtol=1e-9)
