"""``dlcli explain`` of linear models, through the command."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from PIL import Image

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.errors import DlcliError
from dlcli.reports.schema import REPORTS
from dlcli.tasks.fit_linear import fit_linear

BAD = {
    "no run": (["explain", "runs/nothing"], "there is no run directory runs/nothing"),
    "not a run": (["explain", "t.csv"], "there is no run directory t.csv"),
    "a folder without a model": (["explain", "empty"], "there is no model at empty/model.safetensors"),
    "other columns": (["explain", "held", "other.csv"], "other.csv lacks the model's columns a, b: its"),
    "no data": (["explain", "held", "gone.csv"], "gone.csv"),
    "a method of networks": (["explain", "held", "--method", "grad-cam"], "is for networks that classify images"),
    "no method": (["explain", "held", "--method", "magic"], "--method: got"),
    "a region": (["explain", "held", "--region", "0,0,8,8"], "--region is for image networks"),
    "no region": (["explain", "held", "--region", "0,0,8"], "expected x,y,w,h in pixels"),
    "repeats": (["explain", "held", "--repeats", "1"], "--repeats"),
    "a full folder": (["explain", "held", "--out", "held"], "--out held is not empty"),
    "diverged": (["explain", "diverged"], "diverged diverged: the loss grew"),
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs with and without rows held out, one that diverged, and tables."""
    folder, random = tmp_path_factory.mktemp("explained"), np.random.default_rng(0)
    a, b = random.normal(size=200), random.normal(size=200)
    frame = pl.DataFrame(
        {"a": a, "b": b, "<script>alert(1)</script>": a + random.normal(0, 0.05, 200), "y": 2 * a + b}
    ).with_columns(pl.col("y") + random.normal(0, 0.1, 200))
    frame.write_csv(folder / "t.csv")
    frame.drop("y").write_csv(folder / "unlabeled.csv")
    frame.rename({"a": "c", "b": "d"}).write_csv(folder / "other.csv")
    (folder / "empty").mkdir()
    settings = {"data": [str(folder / "t.csv")], "target": "y", "plots": "none"}
    fit_linear(FitLinearConfig.build({**settings, "out": folder / "held", "val": 0.3}))
    fit_linear(FitLinearConfig.build({**settings, "out": folder / "whole"}))
    with pytest.raises(DlcliError):
        fit_linear(FitLinearConfig.build({**settings, "out": folder / "diverged", "optimizer": "gd", "lr": 1e6}))
    return folder


@pytest.fixture
def place(made, tmp_path, app):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_explained_is_refused_in_one_line_and_leaves_nothing(place, app, name):
    words, expected = BAD[name]
    before = sorted(path.name for path in place.iterdir())
    code, out, err = app(*words)
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("dlcli: ")
    assert expected in last
    assert sorted(path.name for path in place.iterdir()) == before


def test_all_is_in_one_folder(place, drawing):
    code, out, err = drawing("explain", "held", "--out", "why")
    assert code == 0, err
    assert "60 of 200 rows" in err
    assert "95% interval" in out
    assert "explain.html and 3 pictures in why" in out
    report = REPORTS.validate_json((place / "why" / "explain.json").read_text())
    assert sorted(path.stem for path in (place / "why" / "plots").iterdir()) == sorted(p.name for p in report.pictures)
    for path in (place / "why" / "plots").iterdir():
        with Image.open(path) as picture:
            assert picture.width > 400
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 20
    page = (place / "why" / "explain.html").read_text()
    assert page.count("data:image/png") == 3
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Partial residuals" in page
    assert pl.read_csv(place / "why" / "shap.csv").height == 60


@pytest.mark.parametrize(("form", "shown"), [("svg", 2), ("pdf", 0)])
def test_pictures_of_other_formats(place, app, form, shown):
    assert app("explain", "held", "--out", "why", "--method", "shap", "--plots", form, "--quiet") == (0, "", "")
    assert sorted(path.name for path in (place / "why" / "plots").iterdir()) == [f"importance.{form}", f"shap.{form}"]
    page = (place / "why" / "explain.html").read_text()
    assert page.count("data:image/svg+xml") == shown
    assert ("plots/shap.pdf" in page) == (form == "pdf")


def test_the_newest_run_is_explained_where_none_is_given(place, app):
    (place / "runs").mkdir()
    (place / "held").rename(place / "runs" / "fit-linear-001")
    code, out, err = app("explain", "--json")
    assert code == 0, err
    assert "explaining the newest, runs/fit-linear-001" in err
    report = json.loads(out)
    assert (report["run"], report["out"], report["kind"]) == ("runs/fit-linear-001", "runs/explain-001", "linear")
    assert report["rows"] == report["permuted"]["rows"] == 60
    assert json.loads((place / "runs" / "explain-001" / "explain.json").read_text()) == report
    listed = json.loads(app("runs", "--json")[1])["runs"]
    assert {one["command"]: one["status"] for one in listed}["explain"] == "finished"
    # Its settings repeat it.
    again = app("explain", "--config", "runs/explain-001/config.toml", "--json", "--quiet")
    repeated = json.loads(again[1])
    assert (again[0], repeated["out"], repeated["columns"]) == (0, "runs/explain-002", report["columns"])
    assert app("report", "runs/explain-001")[0] == 0


def test_what_moves_together_is_warned_of(place, app):
    report = json.loads(app("explain", "held", "--out", "why", "--json")[1])
    assert report["columns"][0]["name"] == "a"
    assert any("large variance inflation in 2 columns" in text for text in report["findings"])
    assert report["vif_of"] == "trained on"
    held = pl.read_csv(place / "why" / "shap.csv")["row"].to_numpy() - 1
    trained = np.delete(pl.read_csv(place / "t.csv").drop("y").to_numpy(), held, axis=0)
    expected = np.diag(np.linalg.inv(np.corrcoef(trained.T)))
    found = {one["name"]: one["vif"]["factor"] for one in report["columns"]}
    assert [found["a"], found["b"]] == pytest.approx(expected[:2], rel=1e-9)


def test_training_rows_are_never_permuted_without_a_word(place, app):
    code, out, err = app("explain", "whole", "--out", "why", "--json")
    assert (code, json.loads(out)["permuted"]["trained_on"]) == (0, True)
    assert "training held nothing out" in err
    assert any("the very rows that the model was trained on" in text for text in json.loads(out)["findings"])
    given = json.loads(app("explain", "whole", "t.csv", "--out", "given", "--json")[1])
    assert given["permuted"]["trained_on"] is False


def test_data_without_the_target_have_shap_values_all_the_same(place, app):
    code, out, err = app("explain", "held", "unlabeled.csv", "--out", "why", "--json")
    report = json.loads(out)
    assert (code, report["methods"], report["rows"]) == (0, ["shap", "vif"], 200)
    assert "DATA lack the target" in err
    assert "permuted" not in report


def test_a_method_that_needs_the_target_is_refused_without_it(place, app):
    code, out, err = app("explain", "held", "unlabeled.csv", "--method", "permutation")
    assert (code, out) == (2, "")
    assert "lacks the target column y" in err.splitlines()[-1]
    assert "predict" not in err.splitlines()[-1]


def test_only_some_methods(place, app):
    code, out, _ = app("explain", "held", "--out", "why", "--method", "vif,permutation", "--json")
    report = json.loads(out)
    assert (code, report["methods"]) == (0, ["permutation", "vif"])
    assert "table" not in report
    assert all("mean_abs_shap" not in one for one in report["columns"])
    assert not (place / "why" / "shap.csv").exists()
    code, out, _ = app("explain", "held", "--out", "why", "--force", "--method", "shap", "--table", "parquet", "--json")
    assert (code, json.loads(out)["table"], json.loads(out)["metrics"]) == (0, "shap.parquet", {})
    assert pl.read_parquet(place / "why" / "shap.parquet").height == 60
    assert app("explain", "held", "--out", "why", "--force", "--method", "vif", "--quiet") == (0, "", "")
    assert not (place / "why" / "shap.parquet").exists()
