"""What makes coefficients or R2 say less than they seem to is said by every optimizer, and in the report."""

import numpy as np
import polars as pl
import pytest


@pytest.fixture
def tables(tmp_path):
    random = np.random.default_rng(0)
    a, b, c = random.normal(size=(3, 300))
    frame = pl.DataFrame({"a": a, "b": b, "c": c, "d": a + b, "y": 2 * a - b + c + random.normal(size=300) / 10})
    frame.write_csv(tmp_path / "mse.csv")
    noisy = frame["y"].to_numpy() + random.normal(size=300) * 3
    frame.with_columns(y=pl.Series(np.where(noisy > 0, "yes", "no"))).write_csv(tmp_path / "classes.csv")
    return tmp_path


@pytest.mark.parametrize(
    ("table", "optimizer"),
    [*(("mse.csv", o) for o in ("exact", "gd", "sgd", "adam")),
     *(("classes.csv", o) for o in ("newton", "lbfgs", "gd", "sgd", "adam"))],
)  # fmt: skip
def test_a_column_that_depends_on_others_is_named(dlcli, tables, table, optimizer):
    result = dlcli("fit-linear", table, "--target", "y", "--optimizer", optimizer, "--steps", "60", "--json")
    assert result.code == 0, result.err
    assert "determine only 4 of 5 coefficients, as 'd' depends on 'a' and 'b'" in result.err
    assert result.report["aliased"] == ["d"]
    assert result.report["coefficients"]["d"]["value"] == 0
    assert "its coefficient is 0" in result.err
    assert result.report["summary"]["rank"] == 4
    ridge = dlcli("fit-linear", table, "--target", "y", "--l2", "0.1", "--json")
    assert "depends" not in ridge.err
    assert ridge.report["aliased"] == []


@pytest.mark.parametrize(
    ("table", "optimizer"),
    [("mse.csv", "gd"), ("mse.csv", "exact"), ("classes.csv", "newton"), ("classes.csv", "lbfgs")],
)
def test_the_others_have_the_tests_of_a_fit_without_it(dlcli, tables, table, optimizer):
    words = ["fit-linear", table, "--target", "y", "--optimizer", optimizer, "--json"]
    found, wanted = dlcli(*words).report, dlcli(*words, "--drop", "d").report
    assert found["status"] == ("finished" if optimizer == "exact" else "converged")
    for name, entry in wanted["coefficients"].items():
        assert entry["std_error"] is not None
        assert numbers(found["coefficients"][name]) == pytest.approx(numbers(entry), rel=1e-6, abs=1e-300)
    assert found["coefficients"]["d"]["std_error"] is None
    for name in ("test", "likelihood"):
        ours, theirs = (numbers(report["summary"][name]) for report in (found, wanted))
        assert ours == pytest.approx(theirs, rel=1e-9)
    assert (found["summary"]["df_residual"], found["summary"]["rank"]) == (296, 4)


def numbers(entry):
    return {name: value for name, value in entry.items() if isinstance(value, float)}


@pytest.mark.parametrize("optimizer", ["gd", "exact"])
def test_columns_that_are_only_nearly_dependent_are_not_called_so(dlcli, tmp_path, optimizer):
    x = np.linspace(0, 10, 200)
    powers = {f"x{k}": x**k for k in range(1, 8)}
    pl.DataFrame({**powers, "y": np.sin(x)}).write_csv(tmp_path / "t.csv")
    result = dlcli("fit-linear", "t.csv", "--optimizer", optimizer, "--steps", "100", "--json")
    assert "depends" not in result.err
    assert result.report["aliased"] == []


def test_two_columns_with_the_same_encoded_name_both_show(dlcli, tmp_path):
    rows = [(i % 5, "red" if i % 3 else "blue", i * i % 7, i * 3 % 4) for i in range(30)]
    lines = "".join(f"{a},{color},{i},{2 * a + 5 * (color == 'red') + i}\n" for a, color, i, _ in rows)
    (tmp_path / "t.csv").write_text("color=red,color,intercept,y\n" + lines)
    found = dlcli("fit-linear", "t.csv", "--json", "-q").report["coefficients"]
    assert {name: round(entry["value"], 9) for name, entry in found.items()} == {
        "intercept": 0.0, "color=red": 2.0, "color=red (column)": 5.0, "intercept (column)": 1.0,
    }  # fmt: skip


def test_r2_without_an_intercept_is_labeled(dlcli, tmp_path):
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    random = np.random.default_rng(0)
    x = 10 + random.normal(size=200)
    y = 100 + random.normal(size=200)
    pl.DataFrame({"x": x, "y": y}).write_csv(tmp_path / "t.csv")
    fitted = LinearRegression(fit_intercept=False).fit(x[:, None], y).predict(x[:, None])
    shown = dlcli("fit-linear", "t.csv", "--no-intercept", "--out", "run")
    assert "r2 (uncentered)" in shown.out
    assert "r2_centered" in shown.out
    report = dlcli("eval", "run", "t.csv", "--json").report
    assert report["r2_uncentered"] is True
    test = report["metrics"]["test"]
    assert test["r2"] == pytest.approx(1 - np.mean((y - fitted) ** 2) / np.mean(y**2))
    assert test["r2_centered"] == pytest.approx(r2_score(y, fitted))
    checked = dlcli("eval", "run", "t.csv", "--check", "r2>=0.9", "--check", "r2_centered>=0.9")
    assert checked.code == 3
    assert "ok r2>=0.9: r2 is 0.99" in checked.out
    assert "(uncentered: the model has no intercept" in checked.out
    assert "FAILED r2_centered" in checked.err
    assert "r2 (uncentered)" in checked.out
    usual = dlcli("fit-linear", "t.csv", "--json", "-q").report
    assert usual["r2_uncentered"] is False
    assert "r2_centered" not in usual["metrics"]["train"]
