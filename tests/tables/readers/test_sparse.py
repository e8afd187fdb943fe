import numpy as np
import polars as pl
import pytest

from dlcli.errors import DlcliError
from dlcli.tables.readers.libsvm import LibsvmLines
from dlcli.tables.readers.sparse import SparseReader
from dlcli.tables.readers.vowpal import VowpalLines
from dlcli.tables.sources import expand


def libsvm(path, text, block_bytes=1 << 20):
    path.write_text(text)
    return SparseReader(expand([str(path)])[0], LibsvmLines(str(path)), block_bytes)


def vowpal(path, text, block_bytes=1 << 20):
    path.write_text(text)
    return SparseReader(expand([str(path)])[0], VowpalLines(str(path), None), block_bytes)


def rows(reader, *names):
    kinds = dict.fromkeys(names or reader.names, "number")
    return pl.concat(frame.data for frame in reader.raw_frames(kinds)).rows()


TEXT = "+1 1:0.5 3:-2e-1 # first\n\n-1 qid:7 2:4\r\n 2.5\n# nothing\n3 10:1 11:.5"


@pytest.mark.parametrize("block_bytes", [1, 7, 30, 1 << 20])
def test_libsvm_is_dense_whatever_the_blocks(tmp_path, block_bytes):
    reader = libsvm(tmp_path / "a.libsvm", TEXT, block_bytes)
    assert reader.names == ["label", "1", "2", "3", "10", "11"]
    expected = [(1, 0.5, 0, -0.2, 0, 0), (-1, 0, 4, 0, 0, 0), (2.5, 0, 0, 0, 0, 0), (3, 0, 0, 0, 1, 0.5)]
    assert rows(reader) == expected
    assert reader.sample(["3", "label"]).rows() == [(row[3], row[0]) for row in expected]
    assert rows(reader, "10") == [(row[4],) for row in expected]
    assert rows(reader, "label") == [(row[0],) for row in expected]


def test_numbers_are_those_of_the_text(tmp_path):
    values = np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(-250, 250)
    reader = libsvm(tmp_path / "a.svm", "".join(f"{v!r} 0:{v!r}\n" for v in values.tolist()))
    assert reader.names == ["label", "0"]
    assert rows(reader) == [(v, v) for v in values.tolist()]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a 1:2", "row 3: 'a' is not a number, the label"),
        ("1:2 3:4", "row 3: '1:2' is not a number, the label"),
        ("1 2", "row 3: '2' is not index:value"),
        ("1 2:", "row 3: '2:' is not index:value"),
        ("1 :2", "row 3: ':2' is not index:value"),
        ("1 2:3:4", "row 3: '2:3:4' is not index:value"),
        ("1 2.5:3", "row 3: '2.5:3' is not index:value"),
        ("1 -2:3", "row 3: '-2:3' is not index:value"),
        ("1 2:x", "row 3: '2:x' is not index:value"),
        ("1,2 2:1", "row 3: '1,2' is not a number, the label"),
        ("1 2:3 1:1 2:4", "row 3 has the index 2 twice"),
    ],
)
def test_libsvm_refuses_a_row_that_is_not_its(tmp_path, line, message):
    with pytest.raises(DlcliError) as caught:
        libsvm(tmp_path / "a.libsvm", f"1 1:1\n\n2 1:2\n{line}\n3 1:1\n")
    assert message in str(caught.value)


def test_text_that_is_libsvm_is_recognized(tmp_path):
    (tmp_path / "a.txt").write_text("1 1:2 4:3\n0 2:1\n1 1:1\n")
    source = expand([str(tmp_path / "a.txt")])[0]
    assert source.format == "libsvm"
    assert "looks like libsvm" in source.decisions[0].what
    for name, text in [("b.txt", "1 10:30\n2 11:30\n"), ("c.txt", "x y\n1 1:2 4:3\n"), ("d.csv", "a,b\n1,2\n")]:
        (tmp_path / name).write_text(text)
        assert expand([str(tmp_path / name)])[0].format == "delimited"


VW = "1 |h price:2 new |s red\n-1.5 1 'tag|h price:3 |c:2 x:4 x:1\n 2 1.0 0 a_tag| price:1e-1\n| plain\n\n0 1 | new"


@pytest.mark.parametrize("block_bytes", [1, 30, 1 << 20])
def test_vowpal_wabbit_is_dense_whatever_the_blocks(tmp_path, block_bytes):
    reader = vowpal(tmp_path / "a.vw", VW, block_bytes)
    assert reader.names == ["label", "h^price", "h^new", "s^red", "c^x", "price", "plain", "new"]
    assert rows(reader) == [
        (1, 2, 1, 1, 0, 0, 0, 0),
        (-1.5, 3, 0, 0, 10, 0, 0, 0),  # its namespace counts twice, and x is there twice
        (2, 0, 0, 0, 0, 0.1, 0, 0),
        (None, 0, 0, 0, 0, 0, 1, 0),
        (0, 0, 0, 0, 0, 0, 0, 1),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 2 | x", "row 2 has the importance weight 2"),
        ("1 1 0.5 | x", "row 2 has the initial prediction 0.5"),
        ("1| x", "row 2: '1' touches the |"),
        ("1:2 2:3 | x", "row 2: '1:2 2:3' is no label of a regression"),
        ("no | x", "row 2: 'no' is not a number"),
        ("1 | x:y", "row 2: 'y' is not a number"),
        ("1 | :3", "row 2: ':3' has no name"),
        ("1 x:3", "row 2 has no |"),
    ],
)
def test_vowpal_wabbit_refuses_what_it_can_not_take(tmp_path, line, message):
    with pytest.raises(DlcliError) as caught:
        vowpal(tmp_path / "a.vw", f"1 | x\n{line}\n")
    assert message in str(caught.value)


def test_columns_that_only_others_have_are_zeros(tmp_path):
    reader = libsvm(tmp_path / "a.libsvm", "1 1:2\n")
    reader.widen(["1", "5", "name"])
    assert reader.names == ["label", "1", "5"]
    assert rows(reader) == [(1, 2, 0)]
    assert "5" in reader.warnings[0]
    other = libsvm(tmp_path / "b.libsvm", "1 1:2\n")
    other.widen(["8", "9"])
    assert other.names == ["label", "1"], "a table that shares no column is another one"


def test_more_columns_than_memory_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("dlcli.tables.readers.sparse.available_memory", lambda: 3 << 20)
    with pytest.raises(DlcliError, match="more than 40 columns"):
        libsvm(tmp_path / "a.libsvm", "1 " + " ".join(f"{i}:1" for i in range(1, 41)))


def test_frames_are_bounded_whatever_the_blocks(tmp_path):
    reader = libsvm(tmp_path / "a.libsvm", "".join(f"{i} {i % 400 + 1}:1 401:2\n" for i in range(20_000)), 1 << 30)
    frames = list(reader.raw_frames(dict.fromkeys(reader.names, "number")))
    assert sum(frame.data.height for frame in frames) == 20_000
    assert max(frame.data.estimated_size() for frame in frames) <= 17 << 20
    assert [frame.first_row for frame in frames] == [1 + frames[0].data.height * i for i in range(len(frames))]
    assert len(frames) > 2
