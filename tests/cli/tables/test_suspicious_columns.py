"""What would be fitted as it stands, and isn't meant so, is said or refused: dates, numbers as text, identifiers."""

import numpy as np
import pytest


def table(texts, target=None):
    rows = [
        f'{i * i % 17},"{text}",{3 * i + i * i % 5 if target is None else target[i]}' for i, text in enumerate(texts)
    ]
    return "x,c,y\n" + "\n".join(rows) + "\n"


WRITTEN = {
    "percentages": [f"{i % 20 + 5}%" for i in range(60)],
    "sums of money": [f"${i % 20 + 1},{i % 2}00" for i in range(60)],
    "numbers with thousands separators": [f"{i % 20 + 1},{i % 20 + 100}" for i in range(60)],
    "dates or times": [f"2020-01-{i % 20 + 10}" for i in range(60)],
}


@pytest.mark.parametrize("what", WRITTEN)
def test_a_feature_in_disguise_is_named_once_and_may_be_meant(dlcli, tmp_path, what):
    (tmp_path / "t.csv").write_text(table(WRITTEN[what]))
    result = dlcli("fit-linear", "t.csv")
    assert result.code == 0, result.err
    lines = [line for line in result.err.splitlines() if "'c'" in line]
    assert len(lines) == 1
    assert f"holds {what} ('" in lines[0]
    assert "--drop c" in lines[0]
    meant = dlcli("fit-linear", "t.csv", "--text", "c")
    assert "'c'" not in meant.err
    assert "'c'" not in dlcli("fit-linear", "t.csv", "--drop", "c").err


@pytest.mark.parametrize("what", WRITTEN)
def test_a_target_in_disguise_is_refused_and_may_be_meant(dlcli, tmp_path, what):
    (tmp_path / "t.csv").write_text(table(WRITTEN[what]))
    refused = dlcli("fit-linear", "t.csv", "--target", "c")
    assert refused.code == 2
    assert f"look like {what}" in refused.err
    meant = dlcli("fit-linear", "t.csv", "--target", "c", "--loss", "cross-entropy", "--l2", "1", "--steps", "3", "-q")
    assert meant.code == 0, meant.err


def test_too_many_disguised_numbers_and_mixed_decimal_commas_are_refused_as_what_they_are(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text(table([f"{i}.5%" for i in range(150)]))
    result = dlcli("fit-linear", "t.csv")
    assert result.code == 2
    assert "150 different percentages ('0.5%')" in result.err
    (tmp_path / "t.csv").write_text(table([f"{i},5" if i % 3 else f"{i}" for i in range(30)]))
    result = dlcli("fit-linear", "t.csv")
    assert result.code == 2
    assert "holds numbers with a decimal comma ('1,5')" in result.err


def test_a_text_that_is_different_in_nearly_every_row_is_named(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text(
        "month,y\n" + "".join(f"{i // 12 + 1}-{i % 12:02},{i * i % 31}\n" for i in range(36))
    )
    result = dlcli("fit-linear", "t.csv", "--json")
    assert result.report["r2"] == pytest.approx(1)
    assert "column 'month' has 36 different texts in 36 rows" in result.err
    assert "--drop month" in result.err
    assert "as many coefficients as rows, 36" in result.err
    (tmp_path / "t.csv").write_text(table([f"name {i}" for i in range(40)]))
    result = dlcli("fit-linear", "t.csv")
    assert result.code == 2
    assert "column 'c' has 40 different texts in 40 rows: --drop c" in result.err


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


@pytest.mark.parametrize("unit", [" kg", "°C", "cm", " km/h"])
def test_numbers_with_a_unit_are_named(dlcli, tmp_path, unit):
    (tmp_path / "t.csv").write_text(table([f"{i % 12}{unit}" for i in range(60)]), encoding="utf-8")
    assert f"column 'c' holds numbers with a unit, {unit.strip()}" in " ".join(dlcli("fit-linear", "t.csv").err.split())


@pytest.mark.parametrize("texts", [["2D", "3D"], ["1A", "1B", "2A", "2B", "3A", "3B"], ["1st", "2nd", "3rd", "4th"]])
def test_names_that_begin_with_digits_are_no_numbers(dlcli, tmp_path, texts):
    (tmp_path / "t.csv").write_text(table([texts[i % len(texts)] for i in range(60)]))
    assert "unit" not in dlcli("fit-linear", "t.csv").err
