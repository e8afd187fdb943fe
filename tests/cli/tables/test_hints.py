"""A hint works when followed as printed, and speaks of options that the command has."""

import re
import shlex

import polars as pl
import pytest

LONG = "Please tell us in your own words why you would recommend our service to a friend"
NAMES = [LONG, "it's", 'the "best"', "a,b", "-x", "two  spaces", "5", "$HOME `x`", "tab\there"]


def followed(hint, option):
    """The words of the first ``option`` in a printed hint, as a shell would split them."""
    found = re.search(rf"{option} ('[^']*'|\S+?)(?=[,;)?]|\s|$)", hint)
    assert found, hint
    return shlex.split(found.group(0))


def settled(err):
    """The options that --strict says to add, as a shell would split them."""
    return shlex.split(err.rsplit("add ", 1)[1])


# A column of each kind about which something has to be decided.
KINDS = {
    "identifier": [f"answer {i}" for i in range(120)],
    "money": [f"${i},{i % 9}00.50" for i in range(1, 121)],
    "date": [f"{i % 28 + 1}.{i % 12 + 1}.2020" for i in range(120)],
    "gaps": ["" if i % 5 == 0 else str(i * i % 13) for i in range(120)],
    "stray texts": ["so-so" if i % 40 == 7 else str(i * i % 53) for i in range(120)],
    "nothing": [""] * 120,
    "rare texts": [f"t{i % 7 if i % 2 else i % 59}" for i in range(120)],
}


# Every name, and every kind, several times; all of both would take half a minute.
PAIRS = [(name, kind) for i, name in enumerate(NAMES) for j, kind in enumerate(KINDS) if (i + j) % 3 == 0]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_what_strict_says_to_add_settles_everything_whatever_the_columns_name(dlcli, tmp_path, name, kind):
    frame = pl.DataFrame({"first": list(range(120)), name: KINDS[kind], "y": [i * 7 % 50 for i in range(120)]})
    frame.write_csv(tmp_path / "t.csv")
    words = ["t.csv", "--header", "-q", "--strict", "--steps", "2", "--plots", "none", "--json"]
    first = dlcli("fit-linear", *words)
    assert first.code == 2
    again = dlcli("fit-linear", *words, *settled(first.err))
    assert again.code == 0, (first.err, again.err)
    assert "decisions" not in again.report
    free = dlcli("fit-linear", *(word for word in words if word != "--strict"))
    assert free.report["coefficients"] == again.report["coefficients"]


@pytest.mark.parametrize("cells", [["1", "x", "3", "4"], ["1", "", "3", "4"], ["", "", "", ""]])
def test_so_do_the_hints_where_nothing_may_be_missing(dlcli, tmp_path, cells):
    (tmp_path / "t.csv").write_text(f'a,"{LONG}",y\n' + "".join(f"{i},{c},{i * i}\n" for i, c in enumerate(cells)))
    words = ["t.csv", "--missing", "error" if any(cells) else "mean"]
    first = dlcli("fit-linear", *words)
    assert first.code == 2
    assert dlcli("fit-linear", *words, *followed(first.err, "--drop")).code == 0
    if "x" in cells:
        assert followed(first.err, "--text") == ["--text", "2"]


def test_a_close_name_is_given_so_that_it_works(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text(f'a,"{LONG}",y\n1,2,3\n2,1,5\n3,4,4\n4,0,2\n')
    first = dlcli("fit-linear", "t.csv", "--drop", LONG[:-1])
    assert first.code == 2
    assert dlcli("fit-linear", "t.csv", *followed(first.err.split("did you mean")[1], "--drop")).code == 0


@pytest.fixture
def run(dlcli, tmp_path):
    rows = "".join(f"{'red' if i % 3 else 'blue'},{i / 7},{'SL'[i % 2]},{i + i % 3}\n" for i in range(40))
    (tmp_path / "cat.csv").write_text("color,x,size,y\n" + rows)
    assert dlcli("fit-linear", "cat.csv", "--target", "y", "--out", "run", "-q").code == 0
    return tmp_path


@pytest.mark.parametrize("command", ["predict", "eval"])
@pytest.mark.parametrize("cells", ["red,unknown,S,1", "red,,S,1", ",1,L,1"])
def test_hints_of_saved_models_speak_of_options_that_there_are(dlcli, run, command, cells):
    (run / "bad.csv").write_text(f"color,x,size,y\n{cells}\nred,1,S,1\n")
    first = dlcli(command, "run", "bad.csv", "--missing", "error")
    assert first.code == 2
    assert "--drop" not in first.err
    assert "--text" not in first.err
    words = followed(first.err, "--missing-value" if "unknown" in cells else "--missing")
    words += ["--missing", "auto"] * ("unknown" in cells)
    assert dlcli(command, "run", "bad.csv", *words).code == 0


@pytest.mark.parametrize("command", ["predict", "eval"])
def test_what_a_saved_model_makes_of_odd_cells_is_said(dlcli, run, command):
    (run / "bad.csv").write_text("color,x,size,y\nred,unknown,S,1\nred,,S,1\n,1,L,1\nred,1,S,1\n")
    result = dlcli(command, "run", "bad.csv")
    assert result.code == 0
    assert "column 'x': 1 cell such as 'unknown' (bad.csv, row 1) counts as missing" in result.err
    assert "missing values count as the model has it from training" in result.err
    assert "x (2), color (1)" in result.err
    refused = dlcli(command, "run", "bad.csv", "--strict")
    assert refused.code == 2
    assert "1 cell such as 'unknown'" in refused.err
    (run / "new.csv").write_text("color,x,size,y\ngreen,1,S,1\nred,1,S,1\n")
    refused = dlcli(command, "run", "new.csv")
    assert refused.code == 2
    taken = dlcli(command, "run", "new.csv", *followed(refused.err, "--unseen"))
    assert taken.code == 0
    assert "count as 'blue', in 1 row: green" in taken.err


def test_nor_of_headers_where_the_table_has_none(dlcli, run):
    pl.DataFrame({"color": ["red"], "x": [1.0], "size": ["S"]}).clear().write_parquet(run / "none.parquet")
    result = dlcli("predict", "run", "none.parquet")
    assert result.code == 2
    assert "no rows" in result.err
    assert "header" not in result.err
