"""``predict --keep``: columns of the input in front of the predictions, and as many lines as rows for any reader."""

import csv
import datetime

import polars as pl
import pytest

N = 90


@pytest.fixture
def run(app, tmp_path):
    """Models of numbers ("run") and of classes ("classes"), and new rows in several formats."""
    table = pl.DataFrame({
        "id": [f"{i:05d}" for i in range(N)], "x": [i % 13 / 3 for i in range(N)], "c": ["ab"[i % 2] for i in range(N)],
        "when": [datetime.date(2026, 1, 1) + datetime.timedelta(i) for i in range(N)], "many": [[i] for i in range(N)],
        "prediction": [i % 4 for i in range(N)], "big": [2**60 + i for i in range(N)],
        "y": [i % 13 + i % 5 / 7 for i in range(N)],
    })  # fmt: skip
    table.drop("many").write_csv(tmp_path / "t.csv")
    table.write_parquet(tmp_path / "t.parquet")
    table.select("id", "x", "c", "big").write_ndjson(tmp_path / "t.jsonl")
    for name, target, features in (("run", "y", "x,c"), ("classes", "c", "x,y")):
        words = ["--target", target, "--features", features, "--l2", "0.1", "--out", name, "-q", "--plots", "none"]
        assert app("fit-linear", "t.csv", *words)[0] == 0
    return app


def test_texts_of_csv_stay_as_they_are(run, tmp_path):
    (tmp_path / "new.csv").write_text('id;x;c;note\n007;1.50;a;" he said ""hi; there"""\n1e3;?;b;\n NA ;2;a;x\n')
    code, out, err = run("predict", "run", "new.csv", "--keep", "id,x", "--keep", "4", "--missing", "drop")
    assert code == 0, err
    rows = list(csv.DictReader(out.splitlines()))
    assert list(rows[0]) == ["id", "x", "note", "prediction"]
    assert [row["id"] for row in rows] == ["007", "1e3", " NA "]
    assert [row["x"] for row in rows] == ["1.50", "?", "2"]
    assert [row["note"] for row in rows] == [' he said "hi; there"', "", "x"]
    assert [row["prediction"] == "NA" for row in rows] == [False, True, False]
    assert "ignored" not in err
    assert "rows with missing values get no prediction, NA in CSV: x (1)" in err
    plain = run("predict", "run", "new.csv", "--missing", "drop")[1].splitlines()
    assert [line.rpartition(",")[2] for line in out.splitlines()] == plain


def test_types_of_parquet_stay(run, tmp_path):
    code, _, err = run("predict", "classes", "t.parquet", "--keep", "when,many,prediction,id,big", "--out", "p.parquet")
    assert code == 0, err
    made, given = pl.read_parquet(tmp_path / "p.parquet"), pl.read_parquet(tmp_path / "t.parquet")
    assert made.columns == ["when", "many", "prediction_2", "id", "big", "prediction", "probability_a", "probability_b"]
    assert "'prediction' is written as 'prediction_2'" in err
    assert made.rename({"prediction_2": "y"})[:, :5].equals(
        given.select("when", "many", y="prediction", id="id", big="big")
    )
    alone = run("predict", "classes", "t.parquet", "--out", "alone.parquet")
    assert alone[0] == 0
    assert made[:, 5:].equals(pl.read_parquet(tmp_path / "alone.parquet"))


def test_pieces_that_differ_from_those_of_the_predictions(run, tmp_path):
    # Batches of Parquet, blocks of CSV and chunks of a wide model have other lengths.
    rows = 150_000
    wide = pl.DataFrame({"id": range(rows), "x": [i % 97 / 7 for i in range(rows)], "c": ["a", "b"] * (rows // 2)})
    wide.write_parquet(tmp_path / "w1.parquet")
    wide.with_columns(pl.col("id") + rows).write_csv(tmp_path / "w2.csv")
    for first, second in (("w1.parquet", "w2.csv"), ("w2.csv", "w1.parquet")):
        code, out, err = run("predict", "run", first, second, "--keep", "id", "--out", f"{first}.csv")
        assert code == 0, (out, err)
        made = pl.read_csv(tmp_path / f"{first}.csv")
        ids = list(range(rows, 2 * rows)), list(range(rows))
        assert made["id"].to_list() == [*ids[first == "w1.parquet"], *ids[first == "w2.csv"]]
        assert made["prediction"][:rows].equals(made["prediction"][rows:])


def test_json_lines(run):
    code, out, err = run("predict", "run", "t.jsonl", "--keep", "id,big")
    assert code == 0, err
    assert out.splitlines()[1].startswith("00000,1152921504606846976,")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("t.parquet", "--keep", "many"), "CSV can't hold"),
        (("t.csv", "--keep", "idd"), "did you mean --keep id?"),
        (("t.csv", "--id", "id"), "did you mean --keep?"),
    ],
)
def test_what_cannot_be_kept(run, words, expected):
    code, out, err = run("predict", "run", *words)
    assert (code, out) == (2, "")
    assert expected in err
    assert len(err.splitlines()) == 1


def test_nothing_to_keep_in_the_example(app):
    assert app("fit-linear", "--out", "e", "-q")[0] == 0
    code, _, err = app("predict", "e", "--keep", "x")
    assert code == 2
    assert "built-in example" in err


def test_missing_rows_are_rows_to_every_reader(run, tmp_path):
    import pandas as pd

    (tmp_path / "new.csv").write_text("x,c\n1,a\n,b\n?,\n2,a\n,\n")
    assert run("predict", "run", "new.csv", "--missing", "drop", "--out", "p.csv")[0] == 0
    assert run("predict", "run", "new.csv", "--missing", "drop", "--out", "p.parquet")[0] == 0
    frames = [pd.read_csv("p.csv"), pl.read_csv("p.csv", null_values="NA"), pl.read_parquet("p.parquet")]
    for frame in frames:
        assert len(frame) == 5
        assert [value != value or value is None for value in frame["prediction"].to_list()] == [0, 1, 1, 0, 1]
    with open("p.csv", newline="") as stream:
        assert len(list(csv.reader(stream))) == 6
