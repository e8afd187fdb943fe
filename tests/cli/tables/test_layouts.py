"""Tables as they are found, through the real command."""

import shlex

import pytest

from tests.conftest import CASES

YEARS = CASES / "header-of-years" / "years.csv"
CANCER = CASES / "all-text-no-header" / "breast-cancer.csv"
MASSES = "".join(f"{i},{i * i % 7},{3 * i + i * i % 5}\n" for i in range(40))


def fit(dlcli, *arguments):
    result = dlcli("fit-linear", *map(str, arguments), "--json", "--plots", "none")
    assert result.code == 0, result.err
    return result


@pytest.mark.skipif(not YEARS.is_file(), reason="the case's file is absent")
def test_header_of_years(dlcli):
    result = fit(dlcli, YEARS, "--target", "-1", "--optimizer", "exact")
    values = {name: c["value"] for name, c in result.report["coefficients"].items()}
    assert result.report["rows"] == 30
    assert values["1990"] == pytest.approx(0.390808, abs=5e-7)
    assert values["2000"] == pytest.approx(0.010770, abs=5e-7)
    assert values["2010"] == pytest.approx(0.789587, abs=5e-7)
    assert result.report["r2"] == pytest.approx(0.991395, abs=5e-7)
    assert "holds the columns' names" in result.err
    named = fit(dlcli, YEARS, "--target", "2020", "--optimizer", "exact", "--header")
    assert named.report["coefficients"] == result.report["coefficients"]
    assert "holds the columns' names" not in named.err
    as_data = fit(dlcli, YEARS, "--target", "-1", "--optimizer", "exact", "--no-header")
    assert as_data.report["rows"] == 31


@pytest.mark.skipif(not CANCER.is_file(), reason="the case's file is absent")
def test_all_text_without_a_header(dlcli):
    result = fit(dlcli, CANCER, "--target", "-1", "--missing", "mean")
    assert result.report["rows"] == 286
    assert any(name.startswith("column_1=") for name in result.report["coefficients"])


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a,b,y\n" + MASSES, []),
        ("Masses of 2021\n\na,b,y\n" + MASSES, []),
        ("Masses of 2021\n\na,b,y\n" + MASSES, ["--skip", "2"]),
        ("! Masses, all of them\na,b,y\n" + MASSES, ["--comment", "!"]),
        ("a b y\n" + MASSES.replace(",", "   "), []),
        ("a b y\n" + MASSES.replace(",", "   "), ["--delimiter", "whitespace"]),
        ("a,b,y\n" + MASSES + "1,2\n", ["--missing", "drop"]),
        ("a,b,y\n" + MASSES + "Source: the office\n", []),
        ('"","a","b","y"\n' + "".join(f'"{i + 1}",{line}\n' for i, line in enumerate(MASSES.splitlines())), []),
    ],
)
def test_layouts_give_the_coefficients_of_the_plain_table(dlcli, tmp_path, text, options):
    (tmp_path / "plain.csv").write_text("a,b,y\n" + MASSES)
    (tmp_path / "t.csv").write_text(text)
    plain = fit(dlcli, "plain.csv", "--target", "y").report
    found = fit(dlcli, "t.csv", "--target", "y", *options).report
    assert found["coefficients"] == plain["coefficients"]
    assert found["rows"] == 40


@pytest.mark.parametrize(
    "text",
    [
        "1,2,3\n" + MASSES.replace(",", ".5,"),
        "Masses of 2021\n# all\na,b,y\nkg,m,s\n" + MASSES + "5\nSource: the office\n",
        "# a b y\n" + MASSES.replace(",", " ") + "1 2 3 4\n",
        "a,b,y\n" + "".join(f"{i + 1},{line}\n" for i, line in enumerate(MASSES.splitlines())) + '"5,5,5,5\n',
        ("a,b,y\n" + MASSES + "a,b,y\n" + MASSES).replace("a", "\xe4").encode("latin-1"),
        ("a,b,y\n" + MASSES).encode("utf-16-le"),
        "a,a,b\nlow,high,y\n" + MASSES,
    ],
    ids=["numbers", "much", "numpy", "R", "joined", "utf-16", "names"],
)
def test_what_strict_asks_for_settles_the_layout(dlcli, tmp_path, text):
    (tmp_path / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    free = fit(dlcli, "t.csv", "--target", "-1")
    refused = dlcli("fit-linear", "t.csv", "--target", "-1", "--strict")
    assert refused.code == 2, refused.err
    words = shlex.split(refused.err.strip().rsplit(": add ", 1)[1])
    settled = fit(dlcli, "t.csv", "--target", "-1", "--strict", *words)
    assert settled.report["coefficients"] == free.report["coefficients"]


def test_a_model_is_applied_to_the_layout_that_it_was_trained_on(dlcli, tmp_path):
    body = "".join(f"{i + 1},{line}\n" for i, line in enumerate(MASSES.splitlines()))
    (tmp_path / "t.csv").write_text("2021\n,a,b,y\n" + body)
    fit(dlcli, "t.csv", "--target", "y", "--skip", "1")
    for arguments in (["t.csv"], []):
        result = dlcli("eval", "runs/fit-linear-001", *arguments, "--json")
        assert result.code == 0, result.err
        assert result.report["rows"] == 40
