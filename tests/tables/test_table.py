import csv
import io
import json
import subprocess
import sys
import warnings
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcli.errors import DlcliError
from dlcli.tables.categories import UnsettledError
from dlcli.tables.columns import Column, ReadOptions, Schema
from dlcli.tables.names import unique_names
from dlcli.tables.readers.delimited import footer
from dlcli.tables.table import Table
from dlcli.text import printable
from tests.thinning.examples import examples


def write(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def gather(table, wholly=True):
    """X, y and the schema, of which a saved model is to be read again whatever the table holds."""
    table.settle(wholly=wholly)
    chunks = list(table.chunks())
    assert Schema.from_json(json.loads(json.dumps(table.schema.to_json()))) == table.schema
    return np.concatenate([c.X for c in chunks]), np.concatenate([c.y for c in chunks]), table.schema


def read(source, target="y", block_bytes=1 << 20, class_target=False, schema=None, need_target=True, **options):
    sources = [source] if isinstance(source, str) else source
    if schema is not None:
        table = Table.for_model(
            sources, schema, ReadOptions(**options), need_target=need_target, block_bytes=block_bytes
        )
    else:
        table = Table.open(sources, target, ReadOptions(**options), class_target=class_target, block_bytes=block_bytes)
    return (*gather(table), table)


def refusal(source, target="y", **options):
    with pytest.raises(DlcliError) as caught:
        read(source, target, **options)
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value.message + " | " + caught.value.hint


def test_numbers_texts_and_booleans(tmp_path):
    path = write(tmp_path, "age,sex,alone,y\n22,m,True,1\n38,f,false,0.5\n26,m,FALSE,2\n")
    X, y, schema, _ = read(path)
    assert schema.encoded_names == ("age", "sex=m", "alone=True")
    np.testing.assert_array_equal(X, [[22, 1, 1], [38, 0, 0], [26, 1, 0]])
    np.testing.assert_array_equal(y, [1, 0.5, 2])


def test_class_codes_follow_the_sorted_levels(tmp_path):
    path = write(tmp_path, "x,y\n1,yes\n2,no\n3,yes\n")
    assert list(read(path)[1]) == [1, 0, 1]
    path = write(tmp_path, "x,y\n1,10\n2,9\n3,9.0\n")
    _, y, schema, _ = read(path, class_target=True)
    assert list(y) == [1, 0, 0]
    assert schema.target == Column("y", "number", ("9", "10"))
    assert list(read(path)[1]) == [10, 9, 9]
    path = write(tmp_path, "x,y\n1,true\n2,false\n")
    _, y, schema, _ = read(path)
    assert list(y) == [1, 0]
    assert schema.target.levels == ("False", "True")
    many = "x,y\n" + "".join(f"{i},{i}.5\n" for i in range(200))
    told = refusal(write(tmp_path, many), class_target=True)
    assert "the target 'y' has 200 different numbers: it looks like an identifier or a measurement, not like" in told


def test_chunks_can_be_read_again(tmp_path):
    path = write(tmp_path, "x,c,y\n1,a,2\n3,b,4\n")
    table = Table.open([path], "y", ReadOptions())
    first, second = gather(table), gather(table)
    np.testing.assert_array_equal(first[0], second[0])
    next(iter(table.chunks()))


# What a model knows

MODEL = Schema(
    (Column("age", "number"), Column("sex", "text", ("f", "m", "x")), Column("ok", "boolean", ("False", "True"))),
    Column("y", "text", ("no", "yes")),
)


def test_schema_orders_the_columns(tmp_path):
    path = write(tmp_path, "y,extra,ok,sex,age\nyes,1,True,m,5\nno,2,False,f,6\n")
    X, y, schema, table = read(path, None, schema=MODEL)
    np.testing.assert_array_equal(X, [[5, 1, 0, 1], [6, 0, 0, 0]])
    assert list(y) == [1, 0]
    assert schema == MODEL
    assert table.warnings == ["ignored columns not in the model: extra"]


def test_schema_without_a_target(tmp_path):
    path = write(tmp_path, "ok,sex,age\nTrue,x,5\n")
    X, y, _, table = read(path, None, schema=MODEL, need_target=False)
    np.testing.assert_array_equal(X, [[5, 0, 1, 1]])
    assert y.shape == (0,)
    assert table.target is None
    assert "lacks the target column y" in refusal(path, None, schema=MODEL)


def test_schema_refuses_what_the_model_does_not_know(tmp_path):
    told = refusal(write(tmp_path, "ok,sex,age,y\nTrue,f,1,no\nTrue,q,1,no\n"), None, schema=MODEL)
    assert "column 'sex', row 2: the model does not know 'q', only f, m, x" in told
    told = refusal(write(tmp_path, "ok,age,y\nTrue,1,no\n"), None, schema=MODEL)
    assert "lacks the model's column sex" in told
    assert "ok, age, y" in told
    assert "'maybe' is not true or false" in refusal(
        write(tmp_path, "ok,sex,age,y\nmaybe,f,1,no\n"), None, schema=MODEL, missing="error"
    )


def test_schema_takes_other_types_for_the_same_values(tmp_path):
    path = str(tmp_path / "t.parquet")
    pl.DataFrame({"ok": [1, 0], "sex": pl.Series(["m", "f"], dtype=pl.Categorical), "age": ["5", "6"],
                  "y": ["no", "yes"]}).write_parquet(path)  # fmt: skip
    X, _, _, _ = read(path, None, schema=MODEL)
    np.testing.assert_array_equal(X, [[5, 1, 0, 1], [6, 0, 0, 0]])


def test_schema_survives_json():
    assert Schema.from_json(json.loads(json.dumps(MODEL.to_json()))) == MODEL
    assert Schema.from_json(Schema((Column("a", "number"),), None).to_json()).target is None
    whole = MODEL.to_json()
    for broken in (
        None, [], {}, {"features": [1]}, {"features": [{"name": "a", "kind": "date"}]},
        {"features": [{"name": "a", "kind": "text", "levels": [1]}]},
        {"features": [{"name": "a", "kind": "text", "levels": ["x", "x"]}]},
        {"features": [{"name": "a", "kind": "boolean", "levels": ["x", "y"]}]},
        {"features": whole["features"] * 2}, {**whole, "target": "y"},
    ):  # fmt: skip
        with pytest.raises(DlcliError):
            Schema.from_json(broken)


# Missing values


def test_missing_values_by_policy(tmp_path):
    path = write(tmp_path, "a,c,y\n1,u,1\nNA,v,2\n3,?,3\n4,u,null\n5,v,5\n")
    told = refusal(path, missing="error")
    assert "column 'a', row 2: the value is missing | --missing auto, drop or mean; or --drop a" in told
    X, y, _, table = read(path, missing="drop")
    np.testing.assert_array_equal(X, [[1, 0], [5, 1]])
    assert list(y) == [1, 5]
    assert table.dropped == 3
    (chunk,) = table.chunks()
    assert list(chunk.rows) == [1, 5]
    X, y, _, table = read(path, missing="mean")
    np.testing.assert_array_equal(X, [[1, 0], [np.nan, 1], [3, np.nan], [5, 1]])
    assert list(y) == [1, 2, 3, 5]
    assert table.dropped == 1


def test_missing_values_are_filled_and_marked(tmp_path):
    path = write(tmp_path, "a,c,y\n1,u,1\nNA,v,2\n3,?,3\n4,u,null\n5,v,5\n")
    X, y, schema, table = read(path)
    assert schema.encoded_names == ("a", "a is missing", "c=v", "c=(missing)")
    np.testing.assert_array_equal(X, [[1, 0, 0, 0], [np.nan, 1, 1, 0], [3, 0, 0, 1], [5, 0, 1, 0]])
    assert list(y) == [1, 2, 3, 5]
    assert table.dropped == 1
    assert [(r.column, r.missing) for r in table.records] == [("a", 1), ("c", 1), ("y", 1)]
    assert (
        table.decisions[-1].what
        == "missing values are filled, or are a level: a (1), c (1); 1 row without a target left out"
    )
    assert table.decisions[-1].settle == "--missing auto"
    assert Table.open([path], "y", ReadOptions(given=frozenset({"missing"}))).decisions == []


def test_few_gaps_are_not_marked_and_twins_once(tmp_path):
    rows = "".join(f"{i},{i % 7},{i % 5},{i}\n" for i in range(100))
    path = write(tmp_path, "a,b,c,y\n,1,1,3\n" + rows)
    assert read(path)[2].encoded_names == ("a", "b", "c")
    path = write(tmp_path, "a,b,c,y\n" + ",,1,3\n" * 10 + ",1,1,3\n" + rows)
    assert read(path)[2].encoded_names == ("a", "a is missing", "b", "b is missing", "c")
    path = write(tmp_path, "a,b,c,y\n" + ",,1,3\n" * 10 + rows)
    _, _, schema, table = read(path)
    assert schema.encoded_names == ("a", "a is missing", "b", "c")
    assert "marked as that of a" in table.records[1].note


def test_missing_target_and_own_marks(tmp_path):
    path = write(tmp_path, "a,y\n1,1\n2,\n")
    assert "column 'y', row 2: the target is missing" in refusal(path, missing="error")
    path = write(tmp_path, "a,b,y\n1,-999,1\n2,-,2\n-999.0,3,3\n")
    X, _, _, _ = read(path, missing="mean", missing_values=("-999", "-"))
    np.testing.assert_array_equal(X, [[1, np.nan], [2, np.nan], [np.nan, 3]])


def test_column_without_values(tmp_path):
    path = write(tmp_path, "a,b,y\n1,,1\n2,,2\n")
    assert "column 'b' has no values at all | --drop b" in refusal(path, missing="mean")
    assert "all 2 rows have missing values" in refusal(path, missing="drop")
    _, _, schema, table = read(path)
    assert schema.encoded_names == ("a",)
    assert [(r.column, r.used_as) for r in table.records] == [("a", "number"), ("b", "left out"), ("y", "target")]
    assert table.decisions[0].settle == "--drop b"


def test_no_rows_left(tmp_path):
    path = write(tmp_path, "a,b,y\n1,,1\n,2,2\n")
    assert "no rows are left: all 2 rows have missing values" in refusal(path, missing="drop")
    path = write(tmp_path, "a,y\n1,\n2,\n")
    assert "the target 'y' has no values" in refusal(path)


# Refusals


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,y\n", "no rows"),
        ("\n\n", "no rows"),
        ("y\n1\n", "has one column, 'y'"),
    ],
)
def test_refused_by_row(tmp_path, text, told):
    for missing in ("error", "drop", "mean"):
        assert told in refusal(write(tmp_path, text), missing=missing)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a,y\n1,2\nx,3\n" + "2,3\n4,5\n6,7\n8,9\n1,1\n2,2\n3,3\n4,4\n5,5\n9,9\n",
            "column 'a', row 2: 'x' is not a number",
        ),
        ("a,y\n1,2\ninf,3\n", "column 'a', row 2: the value is infinite"),
        ("a,y\n1,2\n3,-1e999\n", "column 'y', row 2: the value is infinite"),
    ],
)
def test_refused_where_nothing_may_be_missing(tmp_path, text, told):
    assert told in refusal(write(tmp_path, text), missing="error")


def far_down(tmp_path, row):
    rows = [f"{i},{i}" for i in range(30_000)]
    rows[25_000] = row
    return write(tmp_path, "a,y\n" + "\n".join(rows) + "\n")


def test_bad_cell_far_down(tmp_path):
    path = far_down(tmp_path, "oops,1")
    told = refusal(path, block_bytes=20_000, missing="error")
    assert "column 'a', row 25001: 'oops' is not a number" in told
    assert "--missing-value oops" in told
    assert "--text a" in told
    X, _, _, table = read(path, block_bytes=20_000)
    assert np.flatnonzero(np.isnan(X[:, 0])).tolist() == [25_000]
    assert "1 cell such as 'oops' (row 25,001) counts as missing" in table.records[0].note
    assert [d.settle for d in table.decisions] == ["--missing auto", "--number a"]
    path = far_down(tmp_path, "1")
    X, _, _, table = read(path, block_bytes=20_000, missing="drop")
    assert len(X) == 29_999
    assert any(
        "1 row with too few fields (row 25,001) has missing values at its end" in d.what for d in table.decisions
    )


def test_the_first_rows_do_where_the_others_hold_nothing_new(tmp_path):
    table = Table.open([far_down(tmp_path, "oops,1")], "y", ReadOptions(), block_bytes=20_000)
    table.settle()
    with pytest.raises(UnsettledError):
        list(table.chunks())
    table.settle(wholly=True)
    assert sum(len(chunk.y) for chunk in table.chunks()) == 30_000
    table = Table.open([far_down(tmp_path, "7,1")], "y", ReadOptions(), block_bytes=20_000)
    table.settle()
    assert sum(len(chunk.y) for chunk in table.chunks()) == 30_000


def test_names_are_left_out_and_rare_texts_are_pooled(tmp_path):
    text = "id,x,y\n" + "".join(f"n{i},{i % 9},{i}\n" for i in range(150))
    _, _, schema, table = read(write(tmp_path, text))
    assert schema.encoded_names == ("x",)
    assert "150 different texts in 150 rows, as a name or an identifier has" in table.records[0].note
    assert read(write(tmp_path, text), text=("id",), max_categories=150)[0].shape == (150, 150)
    told = refusal(write(tmp_path, text), features=("id",))
    assert "no feature columns are left" in told
    assert "--text id" in told
    many = "c,y\n" + "".join(f"{'abc'[i % 3] if i % 2 else f'r{i % 60}'},{i}\n" for i in range(300))
    X, _, schema, table = read(write(tmp_path, many), max_categories=3)
    assert schema.features[0].levels == ("a", "b", "c", "(other)")
    assert X.sum(axis=0).tolist() == [50, 50, 150]
    assert "the 30 rarest texts (150 rows) are one level" in table.records[0].note
    assert read(write(tmp_path, many))[2].features[0].pool is None


def test_columns_that_do_not_exist(tmp_path):
    path = write(tmp_path, "alpha,beta,price\n1,2,3\n2,3,4\n")
    assert "did you mean --target price" in refusal(path, "pric")
    assert "there is no such column" in refusal(path, "4")
    assert "--drop gamma" in refusal(path, "price", drop=("gamma",))
    assert "is dropped too" in refusal(path, "price", drop=("-1",))
    assert read(path, "-1")[2].target.name == "price"
    assert read(path, "3", features=("1",))[2].encoded_names == ("alpha",)
    assert "alpha, beta, price | --target COLUMN" in refusal(path, None)


def test_default_target(tmp_path):
    _, _, schema, table = read(write(tmp_path, "a,Label\n1,2\n"), None)
    assert schema.target.name == "Label"
    assert "'Label'" in table.decisions[0].what
    assert table.decisions[0].settle == "--target Label"


def test_unknown_options(tmp_path):
    path = write(tmp_path, "a,y\n1,2\n")
    assert "--missing skip" in refusal(path, missing="skip")


# Dialects


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_encodings_by_byte_order_mark(tmp_path, encoding):
    X, _, schema, _ = read(write(tmp_path, "é;y\r\nü;1\r\nö;2\r\n".encode(encoding)), block_bytes=7)
    assert schema.encoded_names == ("é=ü",)
    np.testing.assert_array_equal(X, [[1], [0]])


def test_latin1_and_other_line_ends(tmp_path):
    assert read(write(tmp_path, "é,y\n1,2\n".encode("latin-1")), encoding="latin-1")[2].encoded_names == ("é",)
    np.testing.assert_array_equal(read(write(tmp_path, "a,y\r1,2\r3,4\r"))[0], [[1], [3]])
    np.testing.assert_array_equal(read(write(tmp_path, "\na,y\n\n1,2\n\n\n3,4\n\n"))[0], [[1], [3]])
    np.testing.assert_array_equal(read(write(tmp_path, '"a","y"\n\n"1",2\n\n"3",'), missing="drop")[0], [[1]])
    assert "not utf-16-le text" in refusal(write(tmp_path, "a,y\n1,2\n".encode("utf-16")[:-1]))


def test_spaces_and_quotes(tmp_path):
    X, _, schema, _ = read(write(tmp_path, '25, Private, "x, y", ?\n38, State, z, 4\n'), "-1", missing="drop")
    assert X.shape == (1, 1)
    X, _, schema, _ = read(write(tmp_path, "25, Private, 1\n38,  State, 4\n"), "-1")
    assert schema.encoded_names == ("column_1", "column_2=State")
    np.testing.assert_array_equal(read(write(tmp_path, "a,b,y\n1 , 2,3\n 4,5 ,6 \n"))[0], [[1, 2], [4, 5]])
    assert read(write(tmp_path, 'a,y\n5" pipe,1\n7" pipe,2\n'))[2].encoded_names == ('a=7" pipe',)
    assert read(write(tmp_path, 'a,y\n5" pipe,1\nrod,2\n'))[2].encoded_names == ("a=rod",)


def test_headers(tmp_path):
    _, _, schema, table = read(write(tmp_path, "a,,a,y\n1,2,3,4\n"))
    assert schema.encoded_names == ("a", "column_2", "a_2")
    assert "occur twice" in table.warnings[0]
    assert unique_names(["a", "a", "a_2", "", " b "]) == (["a", "a_3", "a_2", "column_4", "b"], ["a"])
    assert read(write(tmp_path, "1,2\n3,4\n"), "2")[0].shape == (2, 1)
    assert read(write(tmp_path, "2019,y\n3,4\n"), header=True)[2].encoded_names == ("2019",)
    assert read(write(tmp_path, "u,v\nw,x\n"), "1", header=False)[2].encoded_names == ("column_2=x",)


def test_several_files(tmp_path):
    one = write(tmp_path, "a,b,y\n1,2,3\n", "1.csv")
    two = write(tmp_path, "y;b;a\n6;5;4\n", "2.csv")
    X, y, _, table = read([one, two])
    np.testing.assert_array_equal(X, [[1, 2], [4, 5]])
    assert list(y) == [3, 6]
    assert [chunk.first_row for chunk in table.chunks()] == [1, 2]
    other = write(tmp_path, "a,c,y\n1,2,3\n", "3.csv")
    assert "lacks b and also has c" in refusal([one, other])
    bad = write(tmp_path, "a,b,y\n1,2,3\nx,2,3\n", "4.csv")
    assert "4.csv: column 'a', row 2" in refusal([one, bad], missing="error")


# Other formats


def test_json_lines(tmp_path):
    text = '{"a": 1, "c": "u", "ok": true, "y": 1}\n\n{"y": 2, "ok": false, "c": "v", "a": "NA", "z": [1]}\n'
    path = write(tmp_path, text, "t.jsonl")
    X, _, schema, _ = read(path, missing="mean", drop=("z",))
    np.testing.assert_array_equal(X, [[1, 0, 1], [np.nan, 1, 0]])
    assert schema.encoded_names == ("a", "c=v", "ok=True")
    assert "column 'z', row 2 holds a list" in refusal(path)
    for line, told in (('{"a": 1', "row 2 is not JSON"), ("[1]", "row 2 is not a JSON object")):
        assert told in refusal(write(tmp_path, '{"a": 1, "y": 2}\n' + line, "t.jsonl"))
    far = "".join(f'{{"a": {i}, "y": 1}}\n' for i in range(11_000)) + '{"a": "x", "y": 1}\n'
    assert "column 'a', row 11001: 'x'" in refusal(write(tmp_path, far, "t.jsonl"), block_bytes=3000, missing="error")


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_columnar_files(tmp_path, name):
    n = 200_000
    frame = pl.DataFrame({"i": np.arange(n), "c": pl.Series(["u", "v"] * (n // 2), dtype=pl.Categorical),
                          "ok": [True, False] * (n // 2), "when": [date(2020, 1, 1)] * n,
                          "y": np.arange(n) * 0.5}).with_columns(d=pl.col("i").cast(pl.Decimal(10, 2)))  # fmt: skip
    path = tmp_path / name
    frame.write_parquet(path) if name == "t.parquet" else frame.write_ipc(path)
    X, y, schema, _ = read(str(path), drop=("when",))
    assert schema.encoded_names == ("i", "c=v", "ok=True", "d")
    np.testing.assert_array_equal(X[:, 0], np.arange(n))
    np.testing.assert_array_equal(y, np.arange(n) * 0.5)
    X, _, schema, table = read(str(path))
    assert schema.encoded_names == ("i", "c=v", "ok=True", "when", "d")
    assert set(X[:, 3]) == {18262.0}
    assert table.records[3].used_as == "days since 1970"
    path.write_bytes(path.read_bytes()[:1000])
    assert "cannot be read as" in refusal(str(path))


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, order):
    path = tmp_path / "t.npy"
    data = np.asarray(np.arange(12).reshape(4, 3), dtype=">f4", order=order)
    np.save(path, data)
    X, _, schema, _ = read(str(path), "-1")
    np.testing.assert_array_equal(X, data[:, :2])
    assert schema.encoded_names == ("column_1", "column_2")
    np.save(path, np.array([(1, "u"), (2, "v")], dtype=[("y", int), ("c", "U3")]))
    np.testing.assert_array_equal(read(str(path))[0], [[0], [1]])


@pytest.mark.parametrize(
    ("array", "told"),
    [(np.zeros((2, 2, 2)), "shape (2, 2, 2)"), (np.zeros(3), "shape (3,)"), (np.zeros((2, 2), complex), "complex128"),
     (np.array([[None, 1]], dtype=object), "Python objects")],
)  # fmt: skip
def test_npy_refused(tmp_path, array, told):
    np.save(tmp_path / "t.npy", array)
    assert told in refusal(str(tmp_path / "t.npy"), "1")


def test_npz(tmp_path):
    path = str(tmp_path / "t.npz")
    np.savez(path, X=np.arange(6.0).reshape(3, 2), y=np.arange(3))
    X, y, schema, _ = read(path, None)
    assert schema.encoded_names == ("column_1", "column_2")
    np.testing.assert_array_equal(np.column_stack([X, y]), [[0, 1, 0], [2, 3, 1], [4, 5, 2]])
    np.savez_compressed(path, a=np.arange(3), b=np.array(["u", "v", "u"]), y=np.arange(3))
    assert read(path)[2].encoded_names == ("a", "b=v")
    np.savez(path, a=np.arange(3), y=np.arange(2))
    assert "equally many rows" in refusal(path)
    np.savez(path, a=np.zeros((2, 2)), y=np.arange(2))
    assert "shape (2, 2)" in refusal(path)
    for damaged in (b"PK\x03\x04nothing", b"not a zip", Path(path).read_bytes()[:200]):
        Path(path).write_bytes(damaged)
        assert "cannot be read as numpy" in refusal(path)


def test_npz_that_would_fill_the_memory(tmp_path, monkeypatch):
    path = str(tmp_path / "t.npz")
    np.savez_compressed(path, X=np.zeros((1000, 100)), y=np.zeros(1000))
    monkeypatch.setattr("dlcli.tables.readers.columnar.available_memory", lambda: 100_000)
    assert "X.npy expands to" in refusal(path)


def test_standard_input():
    code = (
        "from dlcli.tables.table import Table, ReadOptions\n"
        "table = Table.open(['-'], 'y', ReadOptions())\n"
        "table.settle()\n"
        "print(sum(len(c.X) for _ in range(2) for c in table.chunks()), table.schema.encoded_names)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"a\ty\n1\t2\n3\t4\n", capture_output=True, check=True)
    assert done.stdout.decode().strip() == "4 ('a',)"


def test_printable():
    assert printable("a\nb\x1b") == r"a\nb\x1b"
    assert len(printable("x" * 100)) == 60


# Whatever is written as CSV comes back

TEXTS = st.text(st.sampled_from("ab\",;\t|\n é'-1"), min_size=1, max_size=6).filter(
    lambda text: text.strip() and not text.strip().lstrip("-").isdigit()
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(st.tuples(NUMBERS, TEXTS, NUMBERS, TEXTS, NUMBERS), min_size=1, max_size=12)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, size=st.integers(1, 200), delimiter=st.sampled_from(",;\t|"), crlf=st.booleans())
def test_round_trip(tmp_path, rows, size, delimiter, crlf):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n" if crlf else "\n")
    writer.writerows([("n", "t", "m", "u", "y"), *rows])
    path = write(tmp_path, out.getvalue())
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("error")
        patch.setattr(footer, "LAST_LINES", 1)
        X, y, schema, _ = read(
            path, block_bytes=size, text=("t", "u"), delimiter=delimiter, header=True, max_categories=12,
            features=("n", "t", "m", "u"), number=("n", "m", "y"),
        )  # fmt: skip
    columns = list(zip(*rows, strict=True))
    expected = []
    for i, name in ((0, "n"), (1, "t"), (2, "m"), (3, "u")):
        if name in "nm":
            expected.append((name, columns[i]))
        else:
            levels = sorted(set(columns[i]))
            expected += [(f"{name}={v}", [float(cell == v) for cell in columns[i]]) for v in levels[1:]]
    assert schema.encoded_names == tuple(name for name, _ in expected)
    np.testing.assert_array_equal(X, np.array([column for _, column in expected]).T)
    np.testing.assert_array_equal(y, columns[4])


def test_what_counts_as_missing_is_settled_at_once_by_saying_what_the_column_holds(tmp_path):
    rows = "".join(f"{'.' if i % 4 == 0 else 'n/a' if i % 4 == 1 else i},{i}\n" for i in range(40))
    path = write(tmp_path, f"a,y\n{rows}")
    assert read(path)[3].decisions[-1].settle == "--number a"
    table = read(path, number=("a",), given=frozenset(("missing",)))[3]
    assert not table.decisions
    assert "20 cells such as '.' (row 1) count as missing" in table.records[0].note


def test_what_is_left_out_as_numbers_of_several_kinds_says_so(tmp_path):
    rows = "".join(f"{i}.5 {'kg' if i % 3 else 'g'},{i}\n" for i in range(40))
    table = read(write(tmp_path, f"a,y,b\n{rows.replace(chr(10), ',1' + chr(10))}"))[3]
    assert table.records[0].note == "40 different texts in 40 rows, numbers in different units or signs (kg, g)"


def test_a_target_of_texts_that_nearly_all_differ_is_refused(tmp_path):
    rows = "".join(f"{i},{'€' if i % 2 else '$'}{i}\n" for i in range(40))
    assert "'y' has 40 different texts: it looks like an identifier" in refusal(write(tmp_path, f"a,y\n{rows}"))
