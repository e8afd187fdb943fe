"""A saved model in Python says what the commands say, of tables of any library."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import dlcli
from tests.conftest import ROOT


@pytest.fixture
def table(folder):
    return pl.read_csv(folder / "t.csv")


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=dlcli.DlcliWarning, message="missing values count")
        warnings.filterwarnings("ignore", category=dlcli.DlcliWarning, message="ignored columns")
        yield


def written(app, folder, *words):
    """What the command writes."""
    assert app("predict", *words, "--out", "p.parquet", "--force")[0] == 0
    return pl.read_parquet("p.parquet")


def forms(table):
    """The same table as other libraries have it."""
    plain = table.to_dict(as_series=False)
    fields = [(name, "O" if isinstance(values[0], str) else "f8") for name, values in plain.items()]
    rows = [tuple(np.nan if value is None else value for value in row) for row in table.rows()]
    return {
        "lazy": table.lazy(),
        "pandas": table.to_pandas(),
        "arrow": table.to_arrow(),
        "dict of lists": plain,
        "dict of arrays": {name: table[name].to_numpy() for name in table.columns},
        "structured array": np.array(rows, dtype=fields),
        "categories": table.with_columns(pl.col("kind").cast(pl.Categorical)),
    }


@pytest.mark.parametrize("run", ["numbers", "classes", "three"])
def test_predictions_are_those_of_the_command_for_every_kind_of_table(app, folder, table, run):
    wanted = written(app, folder, folder / run, folder / "t.csv")
    model = dlcli.load(folder / run)
    assert model.predict_frame(table).equals(wanted)
    every = forms(table)
    for name, data in every.items():
        assert model.predict(data).tolist() == wanted["prediction"].to_list(), name
    if model.classes:
        shares = wanted.drop("prediction").to_numpy()
        assert all(np.array_equal(model.predict_proba(data), shares) for data in every.values())


def test_intervals_thresholds_and_files_of_models(app, folder, table):
    wanted = written(app, folder, folder / "numbers", folder / "t.csv", "--interval", "0.9")
    assert dlcli.load(str(folder / "numbers" / "model.safetensors")).predict_frame(table, interval=0.9).equals(wanted)
    wanted = written(app, folder, folder / "classes", folder / "t.csv", "--threshold", "0.8")
    found = dlcli.load(folder / "classes").predict(table, threshold=0.8)
    assert found.tolist() == wanted["prediction"].to_list()


def test_an_array_has_the_columns_in_the_model_s_order(folder, table):
    model = dlcli.load(folder / "three")
    assert model.features == ("size", "age")
    X = table.select("size", "age").to_numpy()
    assert model.predict(X).tolist() == model.predict(table).tolist()
    assert model.predict(np.ma.masked_invalid(X)).tolist() == model.predict(table).tolist()
    with pytest.raises(dlcli.DlcliError, match="the array has 3 columns, and the model has 2: size, age"):
        model.predict(np.ones((4, 3)))
    with pytest.raises(dlcli.DlcliError, match=r"the array has shape \(2,\), expected"):
        model.predict([1.0, 2.0])


def test_coefficients_give_the_predictions(folder, table):
    model = dlcli.load(folder / "numbers")
    b = model.coefficients
    row = table.drop_nulls().head(1)
    by_hand = b["intercept"] + b["size"] * row["size"][0] + b["age"] * row["age"][0]
    by_hand += b.get(f"kind={row['kind'][0]}", 0)
    assert model.predict(row)[0] == pytest.approx(by_hand, rel=1e-12)
    three = dlcli.load(folder / "three").coefficients
    assert set(three["size"]) == {"high", "low", "mid"}
    assert sum(three["size"].values()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("run", ["numbers", "classes", "three"])
def test_the_summary_is_what_the_command_prints(app, folder, run, monkeypatch):
    target = {"numbers": "price", "classes": "label", "three": "kind"}[run]
    code, out, _ = app("fit-linear", "--config", folder / run / "config.toml", "--out", "two")
    assert code == 0
    summary = dlcli.load("two").summary()
    assert [line.rstrip() for line in str(summary).splitlines()] == [line.rstrip() for line in out.splitlines()]
    report = json.loads(Path("two/report.json").read_text())
    assert report["target"] == target
    assert summary.to_dict()["coefficients"] == report["coefficients"]
    assert summary.df_residual == report["summary"]["df_residual"]
    assert summary.likelihood.aic == report["summary"]["likelihood"]["aic"]
    assert summary.metrics == report["metrics"]
    assert summary.to_polars()["value"].len() == len(report["coefficients"]) * (3 if run == "three" else 1)


def test_a_table_that_lacks_a_column_is_refused_in_the_command_s_words(app, folder, table):
    table.drop("age").write_csv("frame.csv")
    code, _, err = app("predict", folder / "numbers", "frame.csv")
    assert code == 2
    with pytest.raises(dlcli.DlcliError) as found:
        dlcli.load(folder / "numbers").predict(table.drop("age"))
    assert str(found.value) == err.removeprefix("dlcli: ").strip().replace("frame.csv", "the frame")


def test_notes_are_warnings(folder, table):
    model = dlcli.load(folder / "numbers")
    warnings.simplefilter("always")
    table = table.drop("label")
    with pytest.warns(dlcli.DlcliWarning, match=r"missing values count as .*age \(5\)") as found:
        model.predict(table)
    assert found[0].filename == __file__
    new = table.with_columns(kind=pl.lit("vast"))
    with pytest.raises(dlcli.DlcliError, match="--unseen baseline"):
        model.predict(new)
    with pytest.warns(dlcli.DlcliWarning, match="texts that no training row has count as 'high'"):
        model.predict(new.drop_nulls(), unseen="baseline")
    with pytest.warns(dlcli.DlcliWarning, match="rows with missing values get no prediction"):
        gaps = model.predict(table, missing="drop")
    assert np.isnan(gaps).tolist() == table["age"].is_null().to_list()


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("t.csv", "got str, expected a table"),
        (None, "got NoneType, expected a table"),
        ({"size": [1], "age": [1, 2]}, "columns must have equally many rows, not size 1, age 2"),
        ({"size": np.ones((2, 2)), "age": np.ones(2)}, r"column 'size' has shape \(2, 2\)"),
        ({"size": [1j], "age": [1.0]}, "column 'size'"),
        ({"size": [object()], "age": [1.0]}, "size"),
        ({"size": ["much"], "age": [1.0]}, "column 'size'"),
    ],
)
def test_what_is_no_table_that_fits_is_one_line(folder, data, what):
    with pytest.raises(dlcli.DlcliError, match=what) as found:
        dlcli.load(folder / "three").predict(data, missing="error")
    assert "\n" not in str(found.value)


def test_what_a_model_cant_be_asked(folder, table):
    model = dlcli.load(folder / "numbers")
    for call in (
        lambda: model.predict_proba(table),
        lambda: model.predict(table, threshold=0.5),
        lambda: model.predict(table, missing="guess"),
        lambda: model.predict_frame(table, interval=2),
        lambda: dlcli.load(folder / "three").predict_frame(table, interval=0.9),
    ):
        with pytest.raises(dlcli.DlcliError):
            call()


def test_a_table_without_rows_is_refused_as_by_the_command(folder, table):
    with pytest.raises(dlcli.DlcliError, match="the frame: there are no rows of data"):
        dlcli.load(folder / "numbers").predict(table.clear())


def test_a_pickle_is_never_opened(tmp_path):
    for name in ("model.pkl", "model.pt"):
        (tmp_path / name).write_bytes(b"\x80\x04.")
        with pytest.raises(dlcli.DlcliError, match="dlcli never opens one"):
            dlcli.load(tmp_path / name)
    with pytest.raises(dlcli.DlcliError, match="there is no run directory"):
        dlcli.load(tmp_path / "nothing")


def test_a_run_without_its_report_says_so(folder, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((folder / "numbers" / "model.safetensors").read_bytes())
    model = dlcli.load(tmp_path)
    assert model.coefficients == dlcli.load(folder / "numbers").coefficients
    with pytest.raises(dlcli.DlcliError, match="there is no report"):
        model.summary()


def test_the_import_is_light():
    """And what is there is listed."""
    heavy = {"numpy", "polars", "torch", "scipy", "pydantic", "rich", "typer", "sklearn", "pandas"}
    code = f"import sys, dlcli; assert 'load' in dir(dlcli); print(sorted(set(sys.modules) & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError, match="no attribute 'loda'"):
        dlcli.loda  # noqa: B018
