"""NIST's certified regressions through the real command."""

import json
import math

import pytest

NAMES = (
    "norris", "pontius", "noint1", "noint2", "filip", "longley",
    "wampler1", "wampler2", "wampler3", "wampler4", "wampler5",
)  # fmt: skip


def digits(value, certified):
    if value == certified:
        return 15.0
    return min(15.0, -math.log10(abs(value - certified) / abs(certified))) if certified else 0.0


@pytest.mark.parametrize("name", NAMES)
def test_exact_agrees_with_every_certified_value(dlcli, shared, name):
    certified = json.loads((shared / "nist/certified.json").read_text())[name]
    flags = [] if certified["intercept"] else ["--no-intercept"]
    report = dlcli(
        "fit-linear", shared / f"nist/{name}.csv", "--target", "y", "--optimizer", "exact", "--json", "-q", *flags
    ).report
    need_coefficients, need_rest = {"filip": (7.5, 7.5), "wampler2": (12.5, 12.5)}.get(name, (13.0, 12.5))
    for column, wanted in certified["coefficients"].items():
        found = report["coefficients"][column]
        assert digits(found["value"], wanted["value"]) >= need_coefficients, column
        if wanted["std_error"]:
            assert digits(found["std_error"], wanted["std_error"]) >= need_rest, column
    assert digits(report["r2"], certified["r2"]) >= need_rest
    if certified["residual_sd"]:
        assert digits(report["residual_sd"], certified["residual_sd"]) >= need_rest
    else:
        ys = [float(line.split(",")[0]) for line in (shared / f"nist/{name}.csv").read_text().splitlines()[1:]]
        mean = sum(ys) / len(ys)
        sd = math.sqrt(sum((y - mean) ** 2 for y in ys) / (len(ys) - 1))
        assert report["residual_sd"] < 1e-9 * sd


@pytest.mark.parametrize("name", ["norris", "pontius", "noint1", "noint2", "longley"])
def test_gradient_descent_reaches_nine_digits(dlcli, shared, name):
    certified = json.loads((shared / "nist/certified.json").read_text())[name]
    flags = [] if certified["intercept"] else ["--no-intercept"]
    report = dlcli("fit-linear", shared / f"nist/{name}.csv", "--target", "y", "--json", "-q", *flags).report
    assert report["optimizer"] == "gd"
    for column, wanted in certified["coefficients"].items():
        assert digits(report["coefficients"][column]["value"], wanted["value"]) >= 9, column
    assert report["seconds"] < 10


def test_gradient_descent_says_that_filip_is_beyond_it(dlcli, shared):
    result = dlcli("fit-linear", shared / "nist/filip.csv", "--target", "y")
    assert "condition number is at least" in result.err
    assert "--optimizer exact" in result.err
