"""What is saved is the model that was asked for: only early stopping chooses among the iterates, and says so."""

import json
from pathlib import Path

import numpy as np
import pytest


def least_squares(X, y):
    return np.linalg.lstsq(np.column_stack([np.ones(len(y)), X]), y)[0]


def noise(seed=0, n=40, d=12):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)), random.normal(size=n)


def overfitting(seed=1):
    random = np.random.default_rng(seed)
    X = random.normal(size=(60, 40))
    return X, X[:, 0] + random.normal(size=60) * 2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_validation_rows_alone_change_nothing_that_is_saved(fit, seed):
    from dlcli.linear.data.split import VALIDATION, Split

    X, y = noise(seed)
    report = fit(X, y, "--val", ".3", "--seed", seed)
    trained = Split(0.3, 0, seed).groups(len(y)) != VALIDATION
    np.testing.assert_allclose(report.column("value")[:, 0], least_squares(X[trained], y[trained]), rtol=1e-7)
    assert report.report["kept_step"] == report.report["steps"]
    assert report.report["selected_on"] is None


@pytest.mark.parametrize("options", [[], ["--schedule", "plateau", "--lr", "0.05", "--plateau-patience", "1"]])
def test_folds_score_the_model_that_was_asked_for(fit, options):
    from dlcli.linear.data.split import Split

    X, y = noise()
    groups = Split(0.0, 5, 0).groups(len(y))
    expected = []
    for fold in range(5):
        rest = groups != fold
        theta = least_squares(X[rest], y[rest])
        expected.append(np.mean((y[~rest] - np.column_stack([np.ones((~rest).sum()), X[~rest]]) @ theta) ** 2))
    for other in (options, ["--optimizer", "exact"]):
        each = fit(X, y, "--cv", 5, *other).report["cv"]["metrics"]["loss"]["each"]
        np.testing.assert_allclose(each, expected, rtol=1e-6)


def test_the_case_of_diabetes(dlcli, case):
    report = dlcli("fit-linear", case("linear-cv-val-best", "diabetes.csv"), "--target", "y", "--val", ".25", "--json")
    found = {name: entry["value"] for name, entry in report.report["coefficients"].items()}
    assert found["s1"] == pytest.approx(-862.2584, abs=1e-4)
    assert found["s2"] == pytest.approx(548.0605, abs=1e-4)


EARLY = ["--val", "0.3", "--early-stop", "3", "--report-every", "5", "--tolerance", "0", "--lr", "0.02"]


def test_early_stopping_names_the_step_and_labels_the_score(dlcli, fit, tmp_path):
    X, y = overfitting()
    ran = fit(X, y, *EARLY)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    best = min(lines, key=lambda line: line["val_loss"])
    report = ran.report
    assert (report["kept_step"], report["selected_on"]) == (best["step"], "val.loss")
    assert report["status"] == "stopped"
    assert f"weights of step {best['step']} kept: lowest held-out loss" in ran.err
    text = dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "--force", *EARLY).out
    assert "val (selected on)" in text
    assert f"weights of step {best['step']} kept" in text


def test_an_early_stop_that_ends_at_the_optimum_does_not_call_other_weights_converged(fit):
    X, y = overfitting()
    report = fit(X, y, "--val", "0.3", "--early-stop", 10**6).report
    assert report["kept_step"] < report["steps"]
    assert report["status"] == "stopped"


def test_folds_under_early_stopping_are_chosen_on_rows_that_do_not_score_them(fit):
    """What only scores a fold must not have a say in it: scrambling those targets leaves its model as it is."""
    from dlcli.config.fit_linear import FitLinearConfig
    from dlcli.engine.progress import Silent
    from dlcli.linear.data.cache import FitCache
    from dlcli.linear.data.load import folds_of, held_out, load
    from dlcli.linear.data.rows import Held
    from dlcli.linear.fit import fit as fit_rows
    from dlcli.linear.fit import prepare

    X, y = overfitting()
    random = np.random.default_rng(3)
    fit(X, y, *EARLY, "--cv", 4)
    found = []
    for scrambled in (False, True):
        config = FitLinearConfig.build({"data": ("t.csv",), "target": "y", "val": 0.3, "early_stop": 3, "cv": 4,
                                        "report_every": 5, "tolerance": 0.0, "lr": 0.02})  # fmt: skip
        loaded = load(config, Silent())
        folds = folds_of(loaded.plan.split, loaded.usable)
        if scrambled:
            moments = loaded.usable.moments[folds[0]]
            moments.scatter[0, 1:] = moments.scatter[1:, 0] = random.normal(size=len(moments.mean) - 1)
        space = FitCache(loaded.usable, loaded.device, lasting=True)
        held = Held(held_out(loaded.plan.split, loaded.usable), folds[:1])
        ready = prepare(loaded.plan, space, folds[1:], held)
        found.append(fit_rows(ready, Silent(), lambda step: None, lambda: lambda: None))
    assert found[0].metrics["val"] != found[1].metrics["val"]
    assert found[0].trace.kept.step == found[1].trace.kept.step
    assert np.array_equal(found[0].model.slopes, found[1].model.slopes)


def test_a_search_values_a_trial_by_what_its_best_toml_repeats(dlcli, fit):
    X, y = noise()
    fit(X, y)
    training = ["fit-linear", "t.csv", "--target", "y", "--steps", "3000"]
    for validation in (["--val", "0.3"], ["--cv", "4"], ["--val", "0.3", "--early-stop", "2"]):
        dlcli(
            "tune-lr", "--lr", "0.001:0.5", "--points", "4", "--out", "tuned", "--force", "-q", *training, *validation
        )
        best = json.loads(Path("tuned/report.json").read_text())["best"]
        again = dlcli("fit-linear", "--config", "tuned/best.toml", "--json", "--out", "again", "--force").report
        value = again["cv"]["metrics"]["loss"]["mean"] if "--cv" in validation else again["metrics"]["val"]["loss"]
        assert value == pytest.approx(best["value"], rel=1e-12), validation


def test_early_stopping_that_keeps_what_was_before_training_says_so(fit):
    random = np.random.default_rng(0)
    found = set()
    for _ in range(5):
        ran = fit(random.normal(size=(40, 13)), random.normal(size=40), "--val", "0.3", "--early-stop", "2")
        found.add(ran.report["kept_step"])
        assert ("the weights are those before training" in ran.err) == (ran.report["kept_step"] == 0)
    assert 0 in found


def test_a_level_without_coefficient_is_said_where_there_is_no_intercept(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text("g,y\n" + "".join(f"{'uvw'[i % 3]},{i % 7}\n" for i in range(40)))
    assert "'g' is 'u', the level without a coefficient" in " ".join(
        dlcli("fit-linear", "t.csv", "--no-intercept").err.split()
    )
    assert "level without" not in dlcli("fit-linear", "t.csv").err
