"""Bad input through the real command: exit code 2, one line that helps, no traceback, nothing left behind."""

import gzip
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

GOOD = "a,b,y\n" + "".join(f"{i},{i * i % 7},{2 * i + 1}\n" for i in range(12))
CLASSES = "a,b,kind\n" + "".join(f"{i},{i * i % 7},{'xyz'[i % 3]}\n" for i in range(12))


def text(content, name="t.csv"):
    return lambda folder: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def frame(columns, name="t.parquet"):
    return lambda folder: pl.DataFrame(columns).write_parquet(folder / name)


def array(value, name="t.npy", **options):
    return lambda folder: np.save(folder / name, value, **options)


def truncated_parquet(folder):
    pl.DataFrame({"a": range(5000), "y": range(5000)}).write_parquet(folder / "t.parquet")
    data = (folder / "t.parquet").read_bytes()
    (folder / "t.parquet").write_bytes(data[: len(data) // 2])


def bomb(folder):
    np.savez_compressed(folder / "t.npz", X=np.zeros((3, 3)), y=np.zeros(4))


def unreadable(folder):
    text(GOOD)(folder)
    (folder / "t.csv").chmod(0)


# name -> (make the files, arguments, what the line must say)
CASES = {
    "no such file": (None, ["no.csv"], "no.csv"),
    "no match for a glob": (None, ["*.csv", "--target", "y"], "*.csv"),
    "directory": (lambda f: (f / "d.csv").mkdir(), ["d.csv"], "folder"),
    "empty file": (text(""), ["t.csv"], "t.csv"),
    "header only": (text("a,b,y\n"), ["t.csv", "--target", "y"], "no rows of data"),
    "one row": (text("a,y\n1,2\n"), ["t.csv", "--target", "y"], "row"),
    "broken workbook": (text(b"PK\x03\x04nothing", "t.xlsx"), ["t.xlsx"], "t.xlsx"),
    "pickle": (text(b"\x80\x04N.", "t.pkl"), ["t.pkl"], "t.pkl"),
    "torch file": (text(b"PK", "t.pt"), ["t.pt"], "t.pt"),
    "no target named": (text("a,b\n1,2\n2,3\n"), ["t.csv"], "--target"),
    "target not a column": (text(GOOD), ["t.csv", "--target", "yy"], "--target yy"),
    "target position out of range": (text(GOOD), ["t.csv", "--target", "9"], "9"),
    "feature not a column": (text(GOOD), ["t.csv", "--features", "a,c"], "--features c"),
    "drop not a column": (text(GOOD), ["t.csv", "--drop", "zz"], "zz"),
    "missing value": (text("a,y\n1,2\n,3\n4,5\n"), ["t.csv", "--missing", "error"], "row 2"),
    "missing target": (text("a,y\n1,2\n3,\n4,5\n"), ["t.csv", "--missing", "error"], "row 2"),
    "all-missing column": (text("a,b,y\n1,,2\n2,,3\n4,,5\n"), ["t.csv", "--missing", "mean"], "'b'"),
    "all rows dropped": (text("a,b,y\n1,,2\n,1,3\n"), ["t.csv", "--missing", "drop"], "rows"),
    "text in a numeric column": (text("a,y\n1,2\n2,3\nx,4\n5,6\n"), ["t.csv", "--missing", "error"], "row 3"),
    "text far down a numeric column": (
        text("a,y\n" + "".join(f"{i},{i}\n" for i in range(30_000)) + "oops,1\n"),
        ["t.csv", "--missing", "error"], "30001"),
    "infinite value": (text("a,y\n1,2\ninf,3\n4,5\n"), ["t.csv", "--missing", "error"], "row 2"),
    "many rows too long": (text("a,y\n" + 9 * "1,2\n3,4,5\n6,7\n"), ["t.csv"], "row 2"),
    "many rows too short": (
        text("a,b,y\n" + 9 * "1,2,3\n4,5\n6,7,8\n"), ["t.csv", "--missing", "drop"], "row 2"),
    "not UTF-8 as told": (
        text("a,n,y\n1,caf\xe9,2\n2,b,3\n3,c,4\n".encode("latin-1")), ["t.csv", "--encoding", "utf-8"], "--encoding"),
    "identifier column": (
        text("name,y\n" + "".join(f"n{i},{i}\n" for i in range(300))), ["t.csv"], "--text name"),
    "more columns than rows": (text("a,b,c,d,y\n1,2,3,4,5\n2,1,7,3,1\n"), ["t.csv", "--l2", "0"], "--l2"),
    "truncated parquet": (truncated_parquet, ["t.parquet", "--target", "y"], "t.parquet"),
    "not parquet": (text("a,y\n1,2\n", "t.parquet"), ["t.parquet", "--target", "y"], "t.parquet"),
    "broken gzip": (text(gzip.compress(GOOD.encode())[:20], "t.csv.gz"), ["t.csv.gz", "--target", "y"], "t.csv.gz"),
    "gzip that is none": (text(GOOD, "t.csv.gz"), ["t.csv.gz", "--target", "y"], "t.csv.gz"),
    "broken zstd": (text(b"\x28\xb5\x2f\xfd1234", "t.csv.zst"), ["t.csv.zst", "--target", "y"], "t.csv.zst"),
    "broken JSON line": (text('{"a":1,"y":2}\n{"a":\n', "t.jsonl"), ["t.jsonl", "--target", "y"], "t.jsonl"),
    "object array": (
        array(np.array([[1, "x"]], dtype=object), allow_pickle=True), ["t.npy", "--target", "1"], "t.npy"),
    "3-D array": (array(np.zeros((2, 3, 4))), ["t.npy", "--target", "1"], "t.npy"),
    "complex array": (array(np.zeros((4, 3), dtype=complex)), ["t.npy", "--target", "1"], "t.npy"),
    "truncated npy": (text(b"\x93NUMPY\x01\x00", "t.npy"), ["t.npy", "--target", "1"], "t.npy"),
    "npz of unequal lengths": (bomb, ["t.npz"], "t.npz"),
    "npz that is no zip": (text("PK nothing", "t.npz"), ["t.npz"], "t.npz"),
    "a decision that is not to be made": (
        frame({"d": ["1/2/2020", "1/3/2020", "7/8/2020"], "y": [1.0, 2.0, 3.0]}), ["t.parquet", "--strict"],
        "--date d"),
    "list column": (frame({"d": [[1], [2]], "y": [1.0, 2.0]}), ["t.parquet"], "'d'"),
    "files with other columns": (
        lambda f: [text(GOOD, "1.csv")(f), text("a,z,y\n1,2,3\n", "2.csv")(f)], ["1.csv", "2.csv"], "2.csv"),
    "one class": (text("a,k\n1,x\n2,x\n3,x\n"), ["t.csv", "--target", "k"], "one class"),
    "too many folds": (text(CLASSES), ["t.csv", "--target", "kind", "--cv", "9"], "--cv"),
    "text target with mse": (text(CLASSES), ["t.csv", "--target", "kind", "--loss", "mse"], "cross-entropy"),
    "newton on numbers": (text(GOOD), ["t.csv", "--optimizer", "newton"], "newton"),
    "exact on classes": (text(CLASSES), ["t.csv", "--target", "kind", "--optimizer", "exact"], "exact"),
    "dropout with gd": (text(GOOD), ["t.csv", "--dropout", "0.5"], "--dropout"),
    "early stop without val": (text(GOOD), ["t.csv", "--early-stop", "3"], "--val"),
    "negative rate": (text(GOOD), ["t.csv", "--lr", "-1"], "--lr"),
    "rate that is no number": (text(GOOD), ["t.csv", "--lr", "fast"], "--lr"),
    "unknown schedule": (text(GOOD), ["t.csv", "--schedule", "sometimes"], "sometimes"),
    "unknown option": (text(GOOD), ["t.csv", "--learning", "1"], "--learning"),
    "fraction above 1": (text(GOOD), ["t.csv", "--val", "1.5"], "--val"),
    "long delimiter": (text(GOOD), ["t.csv", "--delimiter", "abc"], "--delimiter"),
    "unknown encoding": (text(GOOD), ["t.csv", "--encoding", "klingon"], "--encoding"),
    "no GPU": (text(GOOD), ["t.csv", "--optimizer", "sgd", "--device", "cuda:99"], "cuda"),
    "unknown device": (text(GOOD), ["t.csv", "--device", "tpu"], "--device"),
    "no such config": (text(GOOD), ["t.csv", "--config", "no.toml"], "no.toml"),
    "config that is no TOML": (
        lambda f: [text(GOOD)(f), text("lr = [", "c.toml")(f)], ["t.csv", "--config", "c.toml"], "c.toml"),
    "config with an unknown key": (
        lambda f: [text(GOOD)(f), text("lrr = 1", "c.toml")(f)], ["t.csv", "--config", "c.toml"], "did you mean lr?"),
    "config with a bad value": (
        lambda f: [text(GOOD)(f), text("lr = -1.0", "c.toml")(f)], ["t.csv", "--config", "c.toml"], "lr"),
    "out not empty": (
        lambda f: [text(GOOD)(f), (f / "o").mkdir(), text("x", "o/file")(f)], ["t.csv", "--out", "o"], "--force"),
    "out is a file": (text(GOOD), ["t.csv", "--out", "t.csv"], "--out"),
    "out under a file": (text(GOOD), ["t.csv", "--out", "t.csv/run"], "t.csv"),
    "every column dropped, no intercept": (
        text(GOOD), ["t.csv", "--drop", "a,b", "--no-intercept"], "no feature columns"),
    "standard input empty": (None, ["-", "--target", "y"], "standard input"),
}  # fmt: skip


def listing(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def assert_one_line(result, words):
    assert result.code == 2, (result.code, result.out, result.err)
    errors = [line for line in result.err.splitlines() if not line.startswith("dlcli: warning:")]
    assert len(errors) == 1, result.err
    assert errors[0].startswith("dlcli: ")
    assert words in errors[0]
    assert "Traceback" not in result.err
    assert "defect" not in result.err
    assert result.out == ""


@pytest.mark.parametrize("name", CASES)
def test_fit_linear_refuses(dlcli, tmp_path, name):
    make, arguments, words = CASES[name]
    if make:
        make(tmp_path)
    before = listing(tmp_path)
    result = dlcli("fit-linear", *arguments, "--quiet")  # without it the columns are shown first
    assert_one_line(result, words)
    assert listing(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads and writes everything")
def test_unreadable_file_and_unwritable_out(dlcli, tmp_path):
    unreadable(tmp_path)
    assert_one_line(dlcli("fit-linear", "t.csv"), "t.csv")
    (tmp_path / "t.csv").chmod(0o600)
    (tmp_path / "locked").mkdir(mode=0o500)
    assert_one_line(dlcli("fit-linear", "t.csv", "--out", "locked/run"), "locked")


def test_out_on_a_file_system_that_refuses(dlcli, tmp_path):
    text(GOOD)(tmp_path)
    assert_one_line(dlcli("fit-linear", "t.csv", "--out", "/proc/dlcli-run", "-q"), "/proc")


@pytest.fixture
def trained(dlcli, tmp_path):
    text(CLASSES + "12,1,x\n13,5,z\n")(tmp_path)
    result = dlcli("fit-linear", "t.csv", "--target", "kind", "--l2", "0.1", "--out", "run", "--quiet")
    assert result.code == 0, result.err
    return tmp_path


EVAL_CASES = {
    "no such run": (["eval", "nowhere", "t.csv"], "nowhere"),
    "run is a pickle": (["eval", "model.pt", "t.csv"], "pickle"),
    "missing column": (["eval", "run", "lacks.csv"], "lacks the model's column b"),
    "missing target": (["eval", "run", "untargeted.csv"], "lacks the target column kind"),
    "unknown class": (["eval", "run", "newclass.csv"], "'w'"),
    "text in a number": (["eval", "run", "bad.csv", "--missing", "error"], "'a'"),
    "check that can't be read": (["eval", "run", "t.csv", "--check", "accuracy=>1"], "--check"),
    "check of a metric it hasn't got": (["eval", "run", "t.csv", "--check", "r2>=0.9"], "accuracy"),
    "out in no directory": (["eval", "run", "t.csv", "--out", "no/report.json"], "no"),
    "predict: missing column": (["predict", "run", "lacks.csv"], "lacks the model's column b"),
    "predict: out exists": (["predict", "run", "t.csv", "--out", "bad.csv"], "--force"),
    "predict: out of another format": (["predict", "run", "t.csv", "--out", "p.xls"], ".parquet"),
    "predict: out in no directory": (["predict", "run", "t.csv", "--out", "no/p.csv"], "no"),
    "predict: no run given": (["predict"], "RUN"),
}


@pytest.mark.parametrize("name", EVAL_CASES)
def test_eval_and_predict_refuse(dlcli, trained, name):
    arguments, words = EVAL_CASES[name]
    text("a,kind\n1,x\n", "lacks.csv")(trained)
    text("a,b\n1,2\n", "untargeted.csv")(trained)
    text("a,b,kind\n1,2,x\n1,2,w\n", "newclass.csv")(trained)
    text("a,b,kind\n1,2,x\nq,2,y\n", "bad.csv")(trained)
    before = listing(trained)
    assert_one_line(dlcli(*arguments), words)
    assert listing(trained) == before


def damaged(model: Path, how: str) -> None:
    data = model.read_bytes()
    if how == "truncated":
        model.write_bytes(data[: len(data) // 2])
    elif how == "empty":
        model.write_bytes(b"")
    elif how == "foreign":
        from safetensors.numpy import save

        model.write_bytes(save({"w": np.zeros(3)}))
    elif how == "not finite":
        from safetensors.numpy import load, save

        tensors = load(data)
        tensors["intercept"][:] = np.nan
        header = int.from_bytes(data[:8], "little")
        import json

        model.write_bytes(save(tensors, json.loads(data[8 : 8 + header])["__metadata__"]))
    elif how == "garbage":
        model.write_bytes(os.urandom(400))


@pytest.mark.parametrize("how", ["truncated", "empty", "foreign", "not finite", "garbage"])
def test_damaged_models_are_refused(dlcli, trained, how):
    damaged(trained / "run" / "model.safetensors", how)
    assert_one_line(dlcli("eval", "run", "t.csv"), "model.safetensors")


def test_names_from_data_never_reach_the_terminal_raw(dlcli, tmp_path):
    text("\x1b[31mred[bold],y\n1,2\n2,3\n3,5\n")(tmp_path)
    result = dlcli("fit-linear", "t.csv", "--target", "y")
    assert result.code == 0, result.err
    assert "\x1b" not in result.out + result.err
    assert "[bold]" in result.out
