import numpy as np
import polars as pl
import pytest

from dlcli.errors import DlcliError
from dlcli.tables.columns import ReadOptions
from dlcli.tables.readers.csv_reader import DelimitedReader
from dlcli.tables.sources import expand
from dlcli.tables.table import Table
from tests.conftest import SHARED

TABLES = SHARED / "tables"
NIST = TABLES.parent / "nist"

pytestmark = pytest.mark.skipif(not TABLES.is_dir(), reason="the real tables of ../shared/data are absent")


def read(name, target, **options):
    table = Table.open([str(TABLES / name)], target, ReadOptions(**options))
    chunks = list(table.chunks())
    schema = table.schema
    X = np.concatenate([chunk.X for chunk in chunks])
    y = np.concatenate([chunk.y for chunk in chunks])
    return X, y, schema, table


@pytest.mark.parametrize(
    ("name", "target", "rows", "width"),
    [("abalone_noheader.csv", "-1", 4177, 9), ("airfoil_tab.dat", "TARGET", 1503, 5), ("iris.csv", "species", 150, 4),
     ("iris_noheader.tsv", "-1", 150, 4), ("stackloss.csv", "STACKLOSS", 21, 3), ("tips.csv", "tip", 244, 8),
     ("wine_red_semicolon.csv", None, 1599, 11)],
)  # fmt: skip
def test_reads_as_it_is(name, target, rows, width):
    X, y, schema, _ = read(name, target)
    assert X.shape == (rows, width)
    assert len(schema.encoded_names) == width
    assert np.isfinite(X).all()
    assert np.isfinite(y).all()


@pytest.mark.parametrize(
    ("name", "target", "told", "remedy"),
    [
        ("adult_test_comma_space.csv", "-1", "column 'column_2', row 5: the value is missing", "--drop column_2"),
        ("automobile85_qmark.csv", "price", "column 'normalized-losses', row 1:", "--missing auto"),
        ("horse_colic_qmark.csv", "23", "column 'column_9', row 1:", "mean"),
        ("mpg.csv", "mpg", "column 'horsepower', row 33:", "--drop horsepower"),
        ("penguins_semicolon_bom_crlf.csv", "species", "column 'bill_length_mm', row 4:", "drop"),
        ("student_mat_semicolon_quoted.csv", "G3", "column 'G2', row 2:", "--missing auto"),
        ("titanic.csv.gz", "survived", "column 'deck', row 1:", "--drop deck"),
        ("titanic.csv", "survivd", "--target survivd", "survived"),
    ],
)
def test_refused_with_the_place_and_the_remedy_where_nothing_may_be_missing(name, target, told, remedy):
    with pytest.raises(DlcliError) as caught:
        read(name, target, missing="error")
    assert told in caught.value.message
    assert remedy in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("name", "target", "rows", "width", "gone"),
    [
        ("adult_test_comma_space.csv", "-1", 16281, 99, []),
        ("automobile85_qmark.csv", "price", 201, 0, []),
        ("horse_colic_qmark.csv", "23", 299, 0, []),
        ("mpg.csv", "mpg", 398, 8, ["name"]),
        ("mpg_quoted_commas.csv", "mpg", 398, 8, ["name"]),
        ("penguins.csv", "species", 344, 8, []),
        ("student_mat_semicolon_quoted.csv", "G3", 395, 41, []),
        ("tips_question_marks.csv", "tip", 244, 0, []),
        ("titanic.csv", "survived", 891, 0, []),
    ],
)
def test_fits_at_the_first_try(name, target, rows, width, gone):
    X, y, schema, table = read(name, target)
    assert X.shape == (rows, len(schema.encoded_names))
    assert X.shape[1] == width or not width
    assert [record.column for record in table.records if record.used_as == "left out"] == gone
    assert np.isfinite(y).all()


@pytest.mark.parametrize(
    ("name", "target", "options", "rows"),
    [
        ("adult_test_comma_space.csv", "-1", {"missing": "drop"}, 15060),
        ("adult_test_comma_space.csv", "-1", {"missing": "mean"}, 16281),
        ("automobile85_qmark.csv", "price", {"missing": "drop"}, 159),
        ("automobile85_qmark.csv", "price", {"missing": "mean"}, 201),
        ("horse_colic_qmark.csv", "23", {"missing": "mean"}, 299),
        ("mpg.csv", "mpg", {"missing": "drop", "drop": ("name",)}, 392),
        ("mpg_quoted_commas.csv", "mpg", {"missing": "mean"}, 398),
        ("penguins.csv", "species", {"missing": "drop"}, 333),
        ("penguins_semicolon_bom_crlf.csv", "species", {"missing": "drop"}, 333),
        ("student_mat_semicolon_quoted.csv", "G3", {"missing": "mean"}, 395),
        ("tips_question_marks.csv", "tip", {"missing": "mean"}, 244),
        ("titanic.csv", "survived", {"missing": "drop", "drop": ("deck",)}, 712),
        ("titanic.csv.gz", "survived", {"missing": "mean"}, 891),
    ],
)
def test_readable_with_the_options(name, target, options, rows):
    X, y, schema, _ = read(name, target, **options)
    assert X.shape == (rows, len(schema.encoded_names))
    assert np.isfinite(y).all()


def test_a_ragged_row_and_an_encoding_are_told():
    _, _, _, table = read("tips_ragged.csv", "tip", missing="drop")
    assert any("1 row with too few fields (row 100) has missing values" in d.what for d in table.decisions), (
        table.decisions
    )
    reader = DelimitedReader(expand([str(TABLES / "police_killings_latin1.csv")])[0], ReadOptions())
    assert [d.settle for d in reader.decisions] == ["--encoding cp1252"]


def test_police_killings_with_its_remedies():
    features = ("age", "gender", "raceethnicity", "armed", "share_white", "p_income", "urate")
    X, _, _, table = read(
        "police_killings_latin1.csv", "pov", encoding="latin-1", missing="drop", missing_values=("-", "Unknown"),
        features=features,
    )  # fmt: skip
    assert len(X) + table.dropped == 467


def test_twins_read_alike():
    options = {"missing": "mean", "drop": ("name",)}
    for one, other, target in (
        ("mpg.csv", "mpg_quoted_commas.csv", "mpg"),
        ("titanic.csv", "titanic.csv.gz", "survived"),
        ("penguins.csv", "penguins_semicolon_bom_crlf.csv", "species"),
    ):
        extra = options if target == "mpg" else {"missing": "mean"}
        first, second = read(one, target, **extra), read(other, target, **extra)
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])
        assert first[2] == second[2]


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [("wine_red_semicolon.csv", "y", 0.360551703), ("airfoil_tab.dat", "TARGET", 0.515709742),
     ("abalone_noheader.csv", "-1", 0.537884403)],
)  # fmt: skip
def test_least_squares_as_published(name, target, expected):
    X, y, _, _ = read(name, target)
    A = np.column_stack([np.ones(len(X)), X])
    residual = y - A @ np.linalg.lstsq(A, y, rcond=None)[0]
    assert 1 - residual @ residual / ((y - y.mean()) @ (y - y.mean())) == pytest.approx(expected, abs=1e-8)


def test_long_decimals_are_correctly_rounded():
    table = Table.open([str(NIST / "filip.csv")], "y", ReadOptions())
    X = np.concatenate([chunk.X for chunk in table.chunks()])
    lines = (NIST / "filip.csv").read_text().splitlines()[1:]
    expected = np.array([[float(text) for text in line.split(",")[1:]] for line in lines])
    np.testing.assert_array_equal(X, expected)


def test_a_json_key_that_first_comes_late_is_said_not_dropped_in_silence(tmp_path):
    path = tmp_path / "t.jsonl"
    early = "".join(f'{{"a": {i}, "y": {2 * i}}}\n' for i in range(10_050))
    path.write_text(early + '{"a": 1, "y": 2, "late": 5}\n{"a": 3, "y": 2}\n')
    table = Table.open([str(path)], "y", ReadOptions())
    rows = sum(len(chunk.X) for chunk in table.chunks())
    assert rows == 10_052
    assert any("left out: late" in line for line in table.warnings)
    path.write_text(early)
    table = Table.open([str(path)], "y", ReadOptions())
    assert sum(len(chunk.X) for chunk in table.chunks()) == 10_050
    assert table.warnings == []


def test_many_columns_are_planned_at_once_as_each_alone(monkeypatch):
    from dlcli.tables.columns import ReadOptions
    from dlcli.tables.planning import column_plan
    from dlcli.tables.readers import frames

    random = np.random.default_rng(0)
    columns = {f"x{i}": [f"{v:.2f}" for v in random.normal(size=30)] for i in range(30)}
    columns |= {
        "missing": ["1.5", "NA", ""] * 10,
        "other": [*["2.5"] * 29, "n/m"],
        "date": ["20200131.0", "20200201.0", "20200202.0"] * 10,
        "time": ["1580428800.0"] * 15 + ["1580515200.0"] * 15,
        "code": ["00123"] * 30,
        "whole": ["1", "2", "3"] * 10,
        "empty": [""] * 30,
        "price": ["$1.50", "$2.50", "$3.50"] * 10,
    }
    sample = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    plans, read = [], []
    for many in (10**9, 5):
        monkeypatch.setattr(column_plan, "MANY_COLUMNS", many)
        monkeypatch.setattr(frames, "MANY_COLUMNS", many)
        made = column_plan.plan_columns(sample, list(columns), column_plan.Context(ReadOptions()))
        misfits = frames.Misfits()
        frame = frames.Frame(sample, "t.csv", 1)
        read.append(frames.conform(frame, [p.column for p in made.values()], ReadOptions(missing="auto"), misfits).data)
        plans.append(made)
    assert plans[0] == plans[1]
    assert read[0].equals(read[1])
