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


@pytest.mark.parametrize("name", NAMES)
def test_a_hint_that_names_a_column_works_whatever_its_name(dlcli, tmp_path, name):
    # Followed by each other: an identifier, a text among numbers, a missing value, a column without values.
    n = 120
    frame = pl.DataFrame({
        "first": list(range(n)), name: [f"answer {i}" for i in range(n)], "y": [i * 7 % 50 for i in range(n)],
    })  # fmt: skip
    frame.write_csv(tmp_path / "t.csv")
    words = ["t.csv", "--target", "y", "--header", "-q"]
    first = dlcli("fit-linear", *words)
    assert first.code == 2
    again = dlcli("fit-linear", *words, *followed(first.err, "--drop"))
    assert again.code == 0, (first.err, again.err)


@pytest.mark.parametrize("cells", [["1", "x", "3", "4"], ["1", "", "3", "4"], ["", "", "", ""]])
def test_so_do_the_other_hints(dlcli, tmp_path, cells):
    (tmp_path / "t.csv").write_text(f'a,"{LONG}",y\n' + "".join(f"{i},{c},{i * i}\n" for i, c in enumerate(cells)))
    words = ["t.csv", *(["--missing", "mean"] if not any(cells) else [])]
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
    first = dlcli(command, "run", "bad.csv")
    assert first.code == 2
    assert "--drop" not in first.err
    assert "--text" not in first.err
    words = followed(first.err, "--missing-value" if "unknown" in cells else "--missing")
    words += ["--missing", "mean"] * ("unknown" in cells)
    assert dlcli(command, "run", "bad.csv", *words).code == 0


def test_nor_of_headers_where_the_table_has_none(dlcli, run):
    pl.DataFrame({"color": ["red"], "x": [1.0], "size": ["S"]}).clear().write_parquet(run / "none.parquet")
    result = dlcli("predict", "run", "none.parquet")
    assert result.code == 2
    assert "no rows" in result.err
    assert "header" not in result.err
