import bz2
import gzip
import io
import os
import threading

import pytest
import zstandard

from dlcli.errors import DlcliError
from dlcli.tables.sources import byte_pieces, expand


def content(source):
    return b"".join(byte_pieces(source, 1000))


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.csv", "delimited"), ("a.TSV", "delimited"), ("a.b.dat", "delimited"), ("a.jsonl", "jsonl"),
     ("a.ndjson", "jsonl"), ("a.parquet", "parquet"), ("a.feather", "arrow"), ("a.npy", "npy"), ("a.npz", "npz")],
)  # fmt: skip
def test_format_by_extension(tmp_path, name, format_):
    (tmp_path / name).write_bytes(b"a,b\n1,2\n")
    (source,) = expand([str(tmp_path / name)])
    assert source.format == format_
    assert content(source) == b"a,b\n1,2\n"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv", "a.jsonl.gz"])
def test_gzip_by_extension_or_content(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"a,b\n1,2\n" * 500))
    assert content(expand([str(tmp_path / name)])[0]) == b"a,b\n1,2\n" * 500


def test_zstd_of_several_frames(tmp_path):
    path = tmp_path / "a.csv.zst"
    path.write_bytes(zstandard.compress(b"a,b\n") + zstandard.compress(b"1,2\n" * 10_000))
    assert content(expand([str(path)])[0]) == b"a,b\n" + b"1,2\n" * 10_000


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("damage", ["cut", "garbled", "not compressed"])
def test_damaged_compressed_file_is_refused(tmp_path, suffix, damage):
    checked = zstandard.ZstdCompressor(write_checksum=True)
    packed = (gzip.compress if suffix == "gz" else checked.compress)(os.urandom(50_000))
    packed = {
        "cut": packed[:-2000],
        "garbled": packed[:20] + b"\xff" * 40 + packed[60:],
        "not compressed": b"a,b\n" * 9,
    }[damage]
    path = tmp_path / f"a.csv.{suffix}"
    path.write_bytes(packed)
    with pytest.raises(DlcliError, match=r"is not whole|cannot be read"):
        content(expand([str(path)])[0])


def test_pattern_gives_sorted_files_without_folders(tmp_path):
    for name in ("b.csv", "a.csv", "c.txt"):
        (tmp_path / name).write_text("x\n1\n")
    (tmp_path / "d.csv").mkdir()
    assert [s.path.name for s in expand([str(tmp_path / "*.csv"), str(tmp_path / "c.txt")])] == [
        "a.csv",
        "b.csv",
        "c.txt",
    ]


def test_file_whose_name_is_a_pattern(tmp_path):
    (tmp_path / "a[1].csv").write_text("x\n1\n")
    assert expand([str(tmp_path / "a[1].csv")])[0].path.name == "a[1].csv"


@pytest.mark.parametrize(
    ("name", "told"),
    [("a.pt", "pickled"), ("a.pkl", "pickled"), ("a.xyz", "unknown extension .xyz"),
     ("plain", "no extension"), ("a.parquet.gz", "compressed"), ("a.zip", "unknown extension")],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, name, told):
    (tmp_path / name).write_bytes(b"1\n")
    with pytest.raises(DlcliError, match=told) as caught:
        expand([str(tmp_path / name)])
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "format_", "said"),
    [
        ("a9a", b"+1 1:1 5:2\n-1 2:1 3:1\n", "libsvm", "looks like libsvm"),
        ("heart.scale.bz2", bz2.compress(b"+1 1:1 5:2\n-1 2:1 3:1\n"), "libsvm", "looks like libsvm"),
        ("part-0", b"PAR1....", "parquet", ""),
        ("t.csv", b"PAR1....", "parquet", "holds a file of parquet"),
        ("t.csv", b"\xd0\xcf\x11\xe0........", "excel", "holds a workbook"),
        ("t.xls", b"a\tb\n1\t2\n", "delimited", "holds text"),
        ("t.db", b"12345678DUCK1234", "duckdb", ""),
        ("t", b"SQLite format 3\0", "sqlite", ""),
    ],
)
def test_what_a_file_holds_counts_where_its_name_says_something_else(tmp_path, name, content, format_, said):
    (tmp_path / name).write_bytes(content)
    source = expand([str(tmp_path / name)])[0]
    assert source.format == format_
    assert [said in one.what for one in source.decisions] == [True] * bool(said)
    stated = [one.settle.split()[1] for one in source.decisions]
    assert all(not expand([str(tmp_path / name)], word)[0].decisions for word in stated)
    assert [expand([str(tmp_path / name)], word)[0].format for word in stated] == [format_] * bool(said)


def test_a_stated_format_is_that_of_any_name_but_not_of_other_bytes(tmp_path):
    path = tmp_path / "a.weird"
    path.write_bytes(gzip.compress(b"+1 1:1 5:2\n-1 2:1 3:1\n"))
    found = {stated: expand([str(path)], stated)[0] for stated in ("csv", "libsvm", "vw")}
    assert [(one.format, one.compression, one.decisions) for one in found.values()] == [
        ("delimited", "gzip", ()), ("libsvm", "gzip", ()), ("vw", "gzip", ())
    ]  # fmt: skip
    with pytest.raises(DlcliError, match=r"--file-format parquet: .*a.weird holds text") as caught:
        expand([str(path)], "parquet")
    assert "--file-format csv, jsonl, libsvm or vw" in caught.value.hint
    path.write_bytes(b"PAR1....")
    with pytest.raises(DlcliError, match="holds a file of parquet") as caught:
        expand([str(path)], "csv")
    assert "--file-format parquet" in caught.value.hint


def test_missing_empty_and_folder(tmp_path):
    (tmp_path / "data.csv").write_text("")
    with pytest.raises(DlcliError, match="no such file") as caught:
        expand([str(tmp_path / "dta.csv")])
    assert "data.csv" in caught.value.hint
    with pytest.raises(DlcliError, match="is empty"):
        expand([str(tmp_path / "data.csv")])
    with pytest.raises(DlcliError, match="is a folder"):
        expand([str(tmp_path)])
    with pytest.raises(DlcliError, match="no file matches"):
        expand([str(tmp_path / "*.tsv")])
    with pytest.raises(DlcliError, match="cannot be read"):
        expand(["a\0b.csv"])
    with pytest.raises(DlcliError, match="no data"):
        expand([])


@pytest.mark.parametrize(
    ("sent", "format_"),
    [(b"a,b\n1,2\n", "delimited"), (gzip.compress(b"a,b\n", mtime=0), "delimited"), (b'{"a": 1}\n', "jsonl"),
     (gzip.compress(b'{"a": 1}\n', mtime=0), "jsonl"), (b"PAR1....", "parquet"), (b"\x93NUMPY\x01\0", "npy")],
    ids=["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet", "npy"],
)  # fmt: skip
def test_standard_input_is_recognized_by_content(monkeypatch, sent, format_):
    class Input:
        buffer = io.BytesIO(sent)

    monkeypatch.setattr("sys.stdin", Input)
    (source,) = expand(["-"])
    assert source.format == format_
    assert content(source) == content(source)
    assert source.label == "standard input"
    source.path.unlink()


def test_empty_standard_input(monkeypatch):
    class Input:
        buffer = io.BytesIO(b"")

    monkeypatch.setattr("sys.stdin", Input)
    with pytest.raises(DlcliError, match="standard input is empty"):
        expand(["-"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe_is_read_once_and_kept(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(b"a,b\n1,2\n"))
    writer.start()
    (source,) = expand([str(path)])
    writer.join()
    assert content(source) == content(source) == b"a,b\n1,2\n"
    source.path.unlink()
