"""Hints followed as printed, whatever the names and texts in a table: through a real shell, to a command that works."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from dlcli.tables.names import Hints, find_name
from tests.conftest import ROOT
from tests.thinning.examples import examples

SIGNS = "abxyz019 -_=,.;:'\"`$!\\|&*?~#%()[]{}<>@^/\n\té价🍰\u202e\xa0"
PARTS = st.sampled_from([*SIGNS, "  ", "--drop", "long and longer " * 5])
# Between ^ and $ polars sees a pattern in whatever it does with a column.
NAMES = st.lists(PARTS, min_size=1, max_size=8).map("".join).filter(lambda name: name.strip()[:1] not in ("", "^"))
few = settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
WORD = r"('[^']*'(?:\"'\"'[^']*')*|[^\s'\"?;,)]+)"
ODD = ["-x", "--drop", "it's", 'the "best"', "a,b", "two  spaces", "a\nb", "\t", "5", "-1", "=", "$HOME `x`", "n" * 61,
       "価格", "~", "#", "*"]  # fmt: skip


def words_of(text):
    """The words that a shell makes of the text, the same as shlex does where nothing is spelled out."""
    done = subprocess.run(["sh", "-c", f'printf "%s\\0" {text}'], capture_output=True, check=True)
    found = os.fsdecode(done.stdout).split("\0")[:-1]
    assert "$(printf" in text or found == shlex.split(text)
    return found


def ways(err):
    """The words of each option that a line names with a value."""
    return [words_of(found[0]) for found in re.finditer(rf"(?<![^\s(])--[a-z][a-z-]* {WORD}", err)]


@given(st.lists(NAMES.map(str.strip), min_size=1, max_size=4, unique=True))
@example(["-1", "1"])
@example(["a, b", "2", "-1"])
def test_the_word_for_a_column_means_that_column(names):
    hints = Hints(tuple(names))
    for name in names:
        (word,) = shlex.split(hints.column(name))
        assert find_name(word, names, "--drop") == name
        if "," not in name or any(str(i) not in names for i in range(1, 3)):
            assert "," not in word or {"1", "-1"} & set(names)


def with_examples(test):
    """The odd names always, and some drawn."""
    for name in ODD:
        test = example(name)(test)
    return few(given(NAMES)(test))


def table(name, cells):
    """A table whose second column has the name and these values; always in the current folder."""
    assume(name.strip() not in ("first", "y"))
    rows = len(cells)
    pl.DataFrame({"first": [i * 5 % 7 for i in range(rows)], name: cells, "y": [i * i % 11 for i in range(rows)]}) \
        .write_parquet("t.parquet")  # fmt: skip


BASE = ["fit-linear", "t.parquet", "--plots", "none", "--force", "--out", "run"]


@with_examples
def test_a_close_name(app, name):
    table(name, [float(i % 3) for i in range(12)])
    code, _, err = app(*BASE, f"--target={name}x")
    if "did you mean" not in err:
        assume(False)
    assert code == 2
    (way,) = ways(err.split("did you mean")[1])
    code, _, again = app(*BASE, *way)
    assert code == 0 or again != err, (err, again)
    assert "no such column" not in again


@with_examples
def test_a_missing_value(app, name):
    table(name, [1.0, 2.0, None, 4.0, 5.0, 7.0, 6.0, 3.0, 1.0, 1.0])
    words = [*BASE, "--target", "y", "--missing", "error"]
    code, _, err = app(*words)
    assert code == 2
    found = ways(err.split("missing:")[1])
    assert len(found) >= 2, err
    for way in found:
        assert app(*words, *way)[0] == 0, (err, way)


@with_examples
def test_a_text_among_numbers(app, name):
    table("b", ["1", "2", name, "4", "5", "9", "6", "3", "1", "1"])
    words = [*BASE, "--target", "y"]
    code, _, err = app(*words)
    for way in ways(err.partition("is not a number:")[2]) if code else []:
        more = ["--missing", "drop"] if "--missing-value" in way else []
        assert app(*words, *way, *more)[0] == 0, (err, way)


N = 60
KINDS = {
    "money": [f"${1000 + i * 7:,}.50" for i in range(N)],
    "dates": [f"2024-01-{1 + i % 28:02d}" for i in range(N)],
    "units": [f"{i % 9} kg" for i in range(N)],
    "names": [f"guest {i * 31}" for i in range(N)],
    "gaps": [str(i % 7) if i % 4 else "" for i in range(N)],
    "strays": [str(i % 7) if i != 9 else "none yet" for i in range(N)],
    "empty": [""] * N,
}


@few
@given(NAMES, st.sampled_from(sorted(KINDS)), NAMES)
@example("it's", "money", "a,b")
@example("a,b", "dates", "-x")
@example("-x", "units", "-1")
@example("--drop", "names", "3")
@example("価", "gaps", "it's")
@example("a\nb", "strays", "#")
@example("n" * 61, "empty", "*")
@example("a", "dates", "\u202e\t50% a")
def test_what_strict_asks_for(app, name, kind, file):
    assume(name.strip() not in ("first", "y", "") and "/" not in file and "\0" not in file)
    file = f"./{file[:40]}.parquet"
    table = {"first": [i * 5 % 7 for i in range(N)], name: KINDS[kind], "y": [i * i % 11 + i % 3 / 7 for i in range(N)]}
    pl.DataFrame(table).write_parquet(file)
    words = ["fit-linear", file, "--target", "y", "--strict", *BASE[2:]]
    code, _, err = app(*words)
    if code:
        code, _, err = app(*words, *words_of(err.rpartition(": add ")[2].strip()))
    assert code == 0, err
    code, out, err = app("fit-linear", file, "--dry-run")
    assert code == 0, err
    command = [line for line in out.splitlines() if line.startswith("dlcli fit-linear ")][-1]
    code, _, err = app(*words_of(command)[1:], "--strict", *BASE[2:])
    assert code == 0, (command, err)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_where_the_terminal_lacks_characters(tmp_path, encoding):
    (tmp_path / "t.csv").write_text("größe,价,y\n1,2,3\n2,NA,5\n3,4,4\n4,0,2\n", encoding="utf-8")
    words = "fit-linear t.csv --target y --missing error -q"
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m dlcli {words}"], cwd=tmp_path, env=env, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert ["--drop", "2"] in ways(done.stderr.decode(encoding))


SAVED = ["red,unknown,S,1", "red,,S,1", ",1,L,1", "red,1,S,", "red,inf,S,1", "green,1,S,1", "red,1,S",
         "red,1,S,1,9,9,9", "red,1,S,x", ""]  # fmt: skip


@pytest.fixture
def saved(app, tmp_path):
    """A run on numbers and texts."""
    rows = "".join(f"{'red' if i % 3 else 'blue'},{i / 7},{'SL'[i % 2]},{i + i % 3}\n" for i in range(40))
    (tmp_path / "cat.csv").write_text("color,x,size,y\n" + rows)
    assert app("fit-linear", "cat.csv", "--target", "y", "--out", "run", "-q")[0] == 0
    return app


@pytest.mark.parametrize("command", ["predict", "eval"])
def test_saved_models_speak_of_options_that_there_are(saved, command):
    from dlcli.cli.commands import load
    from dlcli.config.option import flags_of

    config = load(command).config
    known = {flag for name in config.model_fields for flag in flags_of(config, name)}
    for cells in SAVED:
        for header in ("color,x,size,y", "colour,x,size,y", "color,x,size", "a,a,a,a"):
            Path("bad.csv").write_text(f"{header}\n{cells}\nred,1,S,1\n" if cells else f"{header}\n")
            _, _, err = saved(command, "run", "bad.csv")
            said = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", err))
            assert said <= known, err


def test_a_name_that_polars_takes_for_all_columns(app, tmp_path):
    words = ["b" if i % 3 else "c" for i in range(30)]
    given = pl.DataFrame({
        "a": [float(i * 3 % 7) for i in range(30)], "*": [float(i * 4 % 7) for i in range(30)], "text": words,
        "y": [i * i % 11 + 0.5 for i in range(30)],
    })  # fmt: skip
    texts = []
    for name, table in (("given", given), ("plain", given.rename({"*": "b"}))):
        table.write_parquet(f"{name}.parquet")
        table.write_csv(f"{name}.csv")
        table.write_ndjson(f"{name}.jsonl")
        for ending in ("parquet", "csv", "jsonl"):
            code, _, err = app("fit-linear", f"{name}.{ending}", "-q", "--plots", "none", "--out", "r", "--force")
            assert code == 0, err
            code, out, err = app("predict", "r", f"{name}.{ending}", "--keep", "*" if name == "given" else "b")
            assert code == 0, err
            texts.append([tuple(map(float, line.split(","))) for line in out.splitlines()[1:]])
    assert texts == [texts[0]] * 6


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_name_that_polars_takes_for_a_pattern_is_one_line(app, ending):
    table = pl.DataFrame({"a": [1.5, 2.0, 3.0], "^a$": [1, 2, 4], "y": [1, 2, 3]})
    getattr(table, {"jsonl": "write_ndjson"}.get(ending, f"write_{ending}"))(f"t.{ending}")
    code, _, err = app("fit-linear", f"t.{ending}", "--target", "y")
    assert code == 2
    assert err.endswith("rename the column\n")
    assert len(err.splitlines()) == 1
