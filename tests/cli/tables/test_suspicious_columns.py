"""What isn't as it stands in the file is read as it is meant, and said: dates, numbers as text, identifiers."""

import numpy as np
import polars as pl
import pytest


def table(texts, target=None):
    rows = [
        f'{i * i % 17},"{text}",{3 * i + i * i % 5 if target is None else target[i]}' for i, text in enumerate(texts)
    ]
    return "x,c,y\n" + "\n".join(rows) + "\n"


def columns(result):
    return {entry["column"]: entry for entry in result.report["columns"]}


WRITTEN = {
    "percentages (35%)": ([f"{i % 20 + 5}%" for i in range(60)], [i % 20 + 5 for i in range(60)]),
    "money ($1,234.56)": ([f"${i % 20 + 1},{i % 2}00" for i in range(60)],
                          [(i % 20 + 1) * 1000 + i % 2 * 100 for i in range(60)]),
    "numbers with thousands separators (1,234)": ([f"{i % 20 + 1},{i % 20 + 100}" for i in range(60)],
                                                  [(i % 20 + 1) * 1000 + i % 20 + 100 for i in range(60)]),
    "dates (2020-12-31)": ([f"2020-01-{i % 20 + 10}" for i in range(60)], [18262 + i % 20 + 9 for i in range(60)]),
    "numbers in kg (12 kg)": ([f"{i % 12} kg" for i in range(60)], [i % 12 for i in range(60)]),
    "numbers in km/h (12 km/h)": ([f"{i % 12} km/h" for i in range(60)], [i % 12 for i in range(60)]),
    "numbers in °C (12 °C)": ([f"{i % 12}°C" for i in range(60)], [i % 12 for i in range(60)]),
}  # fmt: skip


@pytest.mark.parametrize("target", ["y", "c"])
@pytest.mark.parametrize("what", WRITTEN)
def test_a_column_in_disguise_fits_as_the_plain_one_and_is_said(dlcli, tmp_path, what, target):
    texts, numbers = WRITTEN[what]
    (tmp_path / "t.csv").write_text(table(texts), encoding="utf-8")
    (tmp_path / "plain.csv").write_text(table(numbers))
    result = dlcli("fit-linear", "t.csv", "--target", target, "--json")
    assert result.code == 0, result.err
    entry = columns(result)["c"]
    assert entry["holds"] == what
    assert what in result.err
    plain = dlcli("fit-linear", "plain.csv", "--target", target, "--json")
    for name, coefficient in plain.report["coefficients"].items():
        assert result.report["coefficients"][name]["value"] == pytest.approx(coefficient["value"], rel=1e-12)
    option = "--date" if "dates" in what else "--number"
    assert [d["settle"] for d in result.report["decisions"] if "holds" in d["what"]] == [f"{option} c"]
    meant = dlcli("fit-linear", "t.csv", "--target", target, option, "c", "--json", "--force", "--strict")
    assert meant.code == 0, meant.err
    assert meant.report["coefficients"] == result.report["coefficients"]
    assert "decisions" not in meant.report


def test_texts_may_be_meant_as_categories(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text(table([f"{i % 4 + 5}%" for i in range(60)]))
    result = dlcli("fit-linear", "t.csv", "--text", "c", "--strict", "--target", "y", "--json")
    assert list(result.report["coefficients"]) == ["intercept", "x", "c=6%", "c=7%", "c=8%"]


def test_a_text_that_is_different_in_nearly_every_row_is_left_out_and_said(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text(table([f"name {i}" for i in range(40)]))
    result = dlcli("fit-linear", "t.csv", "--json")
    assert result.code == 0, result.err
    assert columns(result)["c"]["used_as"] == "left out"
    assert list(result.report["coefficients"]) == ["intercept", "x"]
    assert "40 different texts in 40 rows" in result.err
    (tmp_path / "t.csv").write_text("month,y\n" + "".join(f"m{i:02},{i * i % 31}\n" for i in range(36)))
    result = dlcli("fit-linear", "t.csv")
    assert result.code == 2
    assert "'month' (36 different texts in 36 rows" in result.err
    result = dlcli("fit-linear", "t.csv", "--text", "month", "--max-categories", "36", "--json")
    assert result.report["r2"] == pytest.approx(1)
    assert "column 'month' has 36 different texts in 36 rows" in result.err
    assert "as many coefficients as rows, 36" in result.err


def test_a_constant_text_is_said(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text(table(["same"] * 20))
    assert "column 'c' is constant" in dlcli("fit-linear", "t.csv").err


@pytest.mark.parametrize(
    ("values", "said"),
    [([0, 1], "0 and 1"), ([0, 1, 2], "0, 1 and 2"), ([1, 2, 3, 4], "1, 2, 3 and 4"), ([2, 4], "2 and 4"),
     ([3, 4, 5, 6], ""), ([0, 0.5, 1], ""), ([0, 1, 2, 7], "")],
)  # fmt: skip
def test_a_target_of_few_whole_numbers_is_noted(dlcli, tmp_path, values, said):
    target = [values[i % len(values)] for i in range(40)]
    (tmp_path / "t.csv").write_text(table([f"{i % 7}" for i in range(40)], target))
    result = dlcli("fit-linear", "t.csv")
    assert result.code == 0, result.err
    assert (f"seems to hold {said} only; to fit classes: --loss cross-entropy" in result.err) == bool(said)
    assert ("seems to hold" in result.err) == bool(said)


def test_one_class_of_booleans_is_refused(dlcli, tmp_path):
    np.save(tmp_path / "t.npy", np.column_stack([np.arange(20) % 2 == 0, np.ones(20, dtype=bool)]))
    result = dlcli("fit-linear", "t.npy", "--target", "2")
    assert result.code == 2
    assert "has only one class ('True')" in result.err


@pytest.mark.parametrize("texts", [["2D", "3D"], ["1A", "1B", "2A", "2B", "3A", "3B"], ["1st", "2nd", "3rd", "4th"]])
def test_names_that_begin_with_digits_are_no_numbers(dlcli, tmp_path, texts):
    (tmp_path / "t.csv").write_text(table([texts[i % len(texts)] for i in range(60)]))
    result = dlcli("fit-linear", "t.csv", "--json")
    assert columns(result)["c"]["holds"] == f"text, {len(texts)} different"


@pytest.mark.parametrize("held", [[], ["--val", "0.3"]], ids=" ".join)
@pytest.mark.parametrize("target", ["y", "kind"])
def test_rows_without_an_identifier_stay_and_have_their_levels(dlcli, tmp_path, held, target):
    """A column that isn't used decides neither which rows are left out nor what the others say of columns."""
    random = np.random.default_rng(0)
    rows = 120
    frame = pl.DataFrame({
        "id": [f"n{i:04d}x" if i % 2 else None for i in range(rows)],
        "cat": ["a" if i % 2 else "bc"[i // 2 % 2] for i in range(rows)],
        "x": [None if i % 11 == 0 else float(x) for i, x in enumerate(random.normal(size=rows))],
        "y": random.normal(size=rows), "kind": random.choice(["hi", "lo"], rows),
    })  # fmt: skip
    frame.write_csv(tmp_path / "t.csv")
    other = {"y": "kind", "kind": "y"}[target]
    words = ["fit-linear", "t.csv", "--target", target, "--missing", "drop", "--json", *held, "--drop"]
    found, wanted = dlcli(*words, other).report, dlcli(*words, f"{other},id").report
    assert found["coefficients"] == wanted["coefficients"]
    assert {"cat=b", "cat=c"} < set(found["coefficients"])
    assert found["metrics"] == wanted["metrics"]
    assert found["rows"] == wanted["rows"] == 109
    record = next(c for c in found["columns"] if c["column"] == "id")
    assert (record["used_as"], record["holds"]) == ("left out", next(
        c["holds"] for c in dlcli(*words, other, "--dry-run").report["columns"] if c["column"] == "id"
    ))  # fmt: skip
    assert "as a name or an identifier has" in record["note"]
    assert len([d for d in found["decisions"] if "id" in d["what"].split("'")]) == 1
