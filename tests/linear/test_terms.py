"""Models with terms through the command: fitted, saved, measured and applied, beside statsmodels' formulas."""

import json
import struct

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from dlcli.cli.app import run
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.ranks import Ranks
from dlcli.errors import DlcliError
from dlcli.linear.data.split import VALIDATION, Split
from dlcli.linear.saved import load_run
from dlcli.tasks import fit_linear as tasks
from tests import leakage
from tests.documented import TABLES
from tests.forks import without_charts

OLS = "y ~ np.log(a)*cut + poly(b, 2) + size - 1"
SAME = "y ~ np.log(a)*cut + b + I(b**2) + size - 1"  # patsy has no poly


def table(rows=240, seed=5):
    rng = np.random.default_rng(seed)
    a, b, cut = rng.gamma(4, 5, rows) + 0.5, rng.normal(size=rows), rng.choice(["Fair", "Good", "Ideal"], rows)
    size = rng.integers(1, 7, rows)
    y = np.exp(0.3 * np.log(a) + 0.2 * b**2 + 0.1 * size + (cut == "Good") * 0.4 + rng.normal(size=rows) / 3)
    frame = pd.DataFrame({"y": y, "a": a, "b": b, "cut": cut, "size": size, "many": rng.choice(list("pqrs"), rows)})
    frame["won"] = np.where(y > np.median(y), "yes", "no")
    return frame


@pytest.fixture
def folder(tmp_path, monkeypatch):
    table().to_csv(tmp_path / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fit(folder, capfd):
    """Run a command in a folder with t.csv: its exit code, stdout and stderr."""

    def call(*words):
        code = run(without_charts([str(word) for word in words]))
        streams = capfd.readouterr()
        return code, streams.out, streams.err

    return call


def report_of(fit, *words):
    code, out, err = fit("fit-linear", "t.csv", *words, "--json")
    assert code == 0, err
    return json.loads(out)


def slopes(report):
    return {name: entry["value"] for name, entry in report["coefficients"].items()}


def test_coefficients_and_errors_are_those_of_statsmodels(fit):
    report = report_of(fit, "--formula", OLS, "--optimizer", "exact")
    expected = smf.ols(SAME, table()).fit()
    found = report["coefficients"]
    for name in ("cut[Fair]", "np.log(a)", "np.log(a):cut[T.Ideal]", "size"):
        if name.startswith("cut"):  # the constant of poly is in the levels
            continue
        np.testing.assert_allclose(found[name]["value"], expected.params[name], rtol=1e-9)
        np.testing.assert_allclose(found[name]["std_error"], expected.bse[name], rtol=1e-9)
        np.testing.assert_allclose(found[name]["p"], expected.pvalues[name], rtol=1e-8)
    np.testing.assert_allclose(report["metrics"]["train"]["loss"], (expected.resid**2).mean(), rtol=1e-9)
    assert report["summary"]["df_residual"] == expected.df_resid
    assert "intercept" not in found


def test_classes_by_a_formula_are_those_of_statsmodels(fit):
    frame = table().assign(hit=lambda t: (t.won == "yes").astype(float))
    report = report_of(fit, "--formula", "won ~ log(a) + cut:b + C(size, Sum)")
    expected = smf.logit("hit ~ np.log(a) + cut:b + C(size, Sum)", frame).fit(disp=0)
    for name, value in slopes(report).items():
        theirs = {"intercept": "Intercept", "log(a)": "np.log(a)"}.get(name, name)
        np.testing.assert_allclose(value, expected.params[theirs], rtol=1e-6)


def test_counts_by_a_formula_are_those_of_statsmodels(fit):
    report = report_of(fit, "--formula", "size ~ log(y)*cut + bs(b, 4)", "--loss", "poisson")
    family = sm.families.Poisson()
    expected = smf.glm("size ~ np.log(y)*cut + bs(b, 4)", table(), family=family).fit(tol=1e-14, tol_criterion="params")
    for name, entry in report["coefficients"].items():
        theirs = "Intercept" if name == "intercept" else name.replace("log(y)", "np.log(y)")
        if theirs.startswith("bs"):  # patsy numbers them from 0
            theirs = f"bs(b, 4)[{int(name[9:-1]) - 1}]"
        np.testing.assert_allclose(entry["value"], expected.params[theirs], rtol=1e-9)
        np.testing.assert_allclose(entry["std_error"], expected.bse[theirs], rtol=1e-8)


@pytest.mark.skipif(not TABLES.is_dir(), reason="the real tables of ../shared/data are absent")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mpg.csv", "mpg ~ np.log(weight)*origin + bs(acceleration, 5) + I(horsepower**2)"),
        ("tips.csv", "tip ~ np.log(total_bill)*day + C(size) - 1"),
        ("penguins.csv", "body_mass_g ~ species*bill_length_mm + C(island, Sum) + sex"),
    ],
)
def test_real_tables_give_what_statsmodels_gives(fit, name, text):
    code, out, err = fit(
        "fit-linear", TABLES / name, "--formula", text, "--missing", "drop", "--optimizer", "exact", "--json"
    )
    assert code == 0, err
    expected = smf.ols(text, pd.read_csv(TABLES / name)).fit()
    found = json.loads(out)
    np.testing.assert_allclose(found["summary"]["df_residual"], expected.df_resid)
    np.testing.assert_allclose(found["residual_sd"] ** 2, expected.mse_resid, rtol=1e-9)
    for term, entry in found["coefficients"].items():
        theirs = "Intercept" if term == "intercept" else term
        if theirs.startswith("bs("):
            theirs = f"{theirs[:-3]}[{int(theirs[-2]) - 1}]"
        np.testing.assert_allclose(entry["value"], expected.params[theirs], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(entry["std_error"], expected.bse[theirs], rtol=1e-9)


@pytest.mark.parametrize("optimizer", ["gd", "exact", "adam"])
def test_every_optimizer_has_the_same_columns(fit, optimizer):
    words = ["--steps", "2000"] if optimizer == "adam" else []
    report = report_of(fit, "--formula", "y ~ log(a)*cut + bs(b, 4)", "--optimizer", optimizer, *words)
    exact = report_of(fit, "--formula", "y ~ log(a)*cut + bs(b, 4)", "--optimizer", "exact")
    assert list(slopes(report)) == list(slopes(exact))
    if optimizer == "gd":
        np.testing.assert_allclose(list(slopes(report).values()), list(slopes(exact).values()), rtol=1e-5)


def test_the_saved_model_predicts_what_it_was_fitted_to(fit, folder):
    words = ["--formula", "log(y) ~ log(a)*cut + bs(b, 5) + C(size)", "--optimizer", "exact", "--out", "run"]
    report = report_of(fit, *words)
    code, _, err = fit("predict", "run", "t.csv", "--out", "p.csv", "--interval", "0.9")
    assert code == 0, err
    frame, found = table(), pl.read_csv("p.csv")
    expected = smf.ols("np.log(y) ~ np.log(a)*cut + bs(b, 5) + C(size)", frame).fit()
    factor = np.exp(expected.resid).mean()
    np.testing.assert_allclose(report["smearing"], factor, rtol=1e-9)
    np.testing.assert_allclose(found["prediction"], np.exp(expected.fittedvalues) * factor, rtol=1e-8)
    ends = expected.get_prediction(frame).summary_frame(alpha=0.1)
    np.testing.assert_allclose(found["new_low"], np.exp(ends["obs_ci_lower"]), rtol=1e-7)
    np.testing.assert_allclose(found["mean_high"], np.exp(ends["mean_ci_upper"]) * factor, rtol=1e-7)
    assert "Duan's smearing" in err
    assert report["target"] == "log(y)"
    code, out, err = fit("eval", "run", "t.csv", "--json")
    assert code == 0, err
    mae = (frame.y - found["prediction"].to_numpy()).abs().mean()
    np.testing.assert_allclose(json.loads(out)["metrics"]["test"]["mae"], mae, rtol=1e-9)


@pytest.mark.parametrize("optimizer", ["gd", "exact", "sgd"])
def test_smearing_is_the_mean_of_exp_of_training_residuals(fit, folder, optimizer):
    words = ["--target", "y", "--features", "a,b", "--log-target", "--optimizer", optimizer, "--val", "0.3"]
    report = report_of(fit, *words, "--out", "run", "--steps", "300")
    model, _, _ = load_run(folder / "run")
    frame = table()
    trained = Split(0.3, 0, 0).groups(len(frame)) != VALIDATION
    residuals = np.log(frame.y) - model.linear(frame[["a", "b"]].to_numpy())[:, 0]
    np.testing.assert_allclose(report["smearing"], np.exp(residuals[trained]).mean(), rtol=1e-9)
    assert "changed" not in fit("eval", "run")[2]  # its loss is of logarithms still


@pytest.mark.parametrize("optimizer", ["gd", "exact"])
def test_weighted_rows_are_repeated_rows_with_their_smearing(fit, folder, optimizer):
    frame = table(80).assign(w=lambda t: t["size"] % 3 + 1)
    frame.to_csv("t.csv", index=False)
    words = ["--formula", "log(y) ~ log(a)*cut", "--optimizer", optimizer]
    weighted = report_of(fit, *words, "--weights", "w", "--val", "0.3", "--out", "held")
    assert "changed" not in fit("eval", "held")[2]
    weighted = report_of(fit, *words, "--weights", "w")
    frame.loc[frame.index.repeat(frame.w)].to_csv("t.csv", index=False)
    repeated = report_of(fit, *words)
    np.testing.assert_allclose(list(slopes(weighted).values()), list(slopes(repeated).values()), rtol=1e-9)
    assert weighted["smearing"] == pytest.approx(repeated["smearing"], rel=1e-10)


def test_tables_in_pieces_and_new_levels_and_ranges_are_said(fit, folder):
    report_of(fit, "--formula", "y ~ bs(b, 5) + C(size) + cut", "--out", "run")
    table(20, 9).assign(b=9.0, size=11).to_csv("new.csv", index=False)
    code, _, err = fit("predict", "run", "new.csv", "--out", "p.csv")
    assert code == 2
    assert "new.csv: row 1: C(size): the model does not know 11, only 1, 2, 3" in err
    code, _, err = fit("predict", "run", "new.csv", "--out", "p.csv", "--unseen", "baseline")
    assert code == 0
    assert "bs(b, 5): 20 rows outside" in err
    assert "C(size): numbers that no training row has count as 1, in 20 rows" in err


def test_missing_numbers_are_filled_before_terms_are_made(fit, folder):
    frame = table()
    frame.loc[::7, "b"] = np.nan
    frame.to_csv("t.csv", index=False)
    words = ["--formula", "y ~ I(b**2)*cut", "--optimizer", "exact"]
    report = report_of(fit, *words)
    expected = smf.ols("y ~ I(b**2)*cut", frame.fillna({"b": frame.b.mean()})).fit()
    np.testing.assert_allclose(list(slopes(report).values()), expected.params[_order(report)], rtol=1e-9)
    report = report_of(fit, *words, "--missing", "drop", "--out", "run")
    expected = smf.ols("y ~ I(b**2)*cut", frame).fit()
    np.testing.assert_allclose(list(slopes(report).values()), expected.params[_order(report)], rtol=1e-9)
    assert fit("predict", "run", "t.csv", "--out", "p.csv")[0] == 0
    assert pl.read_csv("p.csv", null_values="NA")["prediction"].null_count() == frame.b.isna().sum()


def _order(report):
    return ["Intercept" if name == "intercept" else name for name in slopes(report)]


def test_what_only_later_rows_have_is_learned_too(fit, folder):
    frame = table(3000)
    frame.loc[2990:, "cut"] = "Poor"
    frame["size"] = frame["size"].astype(object)
    frame.loc[2995, "size"] = ""
    frame.to_csv("t.csv", index=False)
    report = report_of(fit, "--formula", "y ~ size*cut + bs(b, 4)", "--optimizer", "exact")
    assert "size:cut[T.Poor]" in report["coefficients"]
    frame["size"] = pd.to_numeric(frame["size"]).fillna(pd.to_numeric(frame["size"]).mean())
    expected = smf.ols("y ~ size*cut + bs(b, 4)", frame).fit()
    np.testing.assert_allclose(slopes(report)["size:cut[T.Poor]"], expected.params["size:cut[T.Poor]"], rtol=1e-8)


def test_shortcuts_are_the_formula_that_they_stand_for(fit):
    words = ["--target", "y", "--drop", "won", "--optimizer", "exact"]
    short = report_of(fit, *words, "--log", "a", "--poly", "b:2", "--interactions", "a:cut,size:b", "--log-target")
    text = "log(y) ~ log(a) + poly(b, 2) + cut + size + many + log(a):cut + size:poly(b, 2)"
    full = report_of(fit, "--formula", text, "--optimizer", "exact")
    assert slopes(short).keys() == slopes(full).keys()
    for name, value in slopes(full).items():
        np.testing.assert_allclose(slopes(short)[name], value, rtol=1e-8)
    assert short["smearing"] == pytest.approx(full["smearing"], rel=1e-9)


def test_a_reference_level_comes_first_with_and_without_a_formula(fit):
    words = ["--target", "y", "--features", "a,cut", "--optimizer", "exact", "--reference", "cut=Ideal"]
    plain = report_of(fit, *words)
    assert list(plain["coefficients"]) == ["intercept", "a", "cut=Fair", "cut=Good"]
    expected = smf.ols("y ~ a + C(cut, Treatment('Ideal'))", table()).fit()
    np.testing.assert_allclose(slopes(plain)["cut=Good"], expected.params.iloc[2], rtol=1e-9)
    formula = report_of(fit, "--formula", "y ~ a + cut", "--optimizer", "exact", "--reference", "cut=Ideal")
    np.testing.assert_allclose(slopes(formula)["cut[T.Good]"], slopes(plain)["cut=Good"], rtol=1e-9)


def test_terms_learn_nothing_of_rows_held_out(folder):
    words = ["t.csv", "--formula", "y ~ poly(a, 2)*cut + bs(b, 5) + scale(size) + C(size)", "--val", "0.3"]
    for more in ([], ["--missing", "drop"], ["--optimizer", "exact"]):
        leakage.check([*words, *more], folder, folder)


def test_a_dry_run_shows_the_columns_of_the_terms(fit):
    code, out, _ = fit("fit-linear", "t.csv", "--formula", "y ~ log(a) + cut:b", "--dry-run")
    assert code == 0
    assert "terms make of these 4 columns:\n- log(a)\n- cut[Fair]:b\n" in out
    report = json.loads(fit("fit-linear", "t.csv", "--formula", "y ~ log(a) + cut", "--dry-run", "--json")[1])
    assert report["terms"] == ["log(a)", "cut[T.Good]", "cut[T.Ideal]"]


def test_a_dry_run_ends_with_the_command_as_it_was_given(fit):
    out = fit("fit-linear", "t.csv", "--formula", "y ~ a - 1", "--dry-run")[1]
    assert out.splitlines()[-1] == "dlcli fit-linear t.csv --formula 'y ~ a - 1'"


@pytest.mark.parametrize("given", [{"formula": "y ~ a"}, {"log": ("a",)}, {"log_target": True}], ids=str)
def test_several_processes_are_refused(folder, monkeypatch, given):
    monkeypatch.setattr(tasks, "launched", lambda: Ranks(0, 2))
    with pytest.raises(DlcliError) as caught:
        tasks.fit_linear(FitLinearConfig.build({"data": ("t.csv",), "target": "y", **given}))
    assert caught.value.hint == "run it without torchrun"


def test_a_search_fits_the_terms_too(fit):
    words = ["fit-linear", "t.csv", "--formula", "y ~ log(a) + cut - 1", "--val", "0.2"]
    code, out, err = fit("tune-lr", "--points", "3", "--out", "found", "--json", *words)
    assert code == 0, err
    assert json.loads(out)["trials"]


def test_the_config_of_a_run_repeats_it(fit):
    first = report_of(fit, "--formula", "log(y) ~ log(a) + cut - 1", "--optimizer", "exact", "--out", "run")
    code, out, err = fit("fit-linear", "--config", "run/config.toml", "--out", "again", "--json")
    assert code == 0, err
    assert slopes(json.loads(out)) == slopes(first)


REFUSED = [
    (["--formula", "y ~ log(b)"], "t.csv: row 2: log(b): log needs values above 0, got -"),
    (["--formula", "log(b) ~ a"], "the target 'b' is -"),
    (["--formula", "y ~ sqrt(b)"], "sqrt needs values of at least 0"),
    (["--formula", "y ~ I(a/(size - 1))"], "/ needs a divisor that isn't 0"),
    (["--formula", "y ~ exp(a*1000)"], "exp needs values of at most 709"),
    (["--formula", "y ~ lag(a, 1)"], "the function lag isn't allowed"),
    (["--formula", "y ~ carrat"], "there is no column 'carrat'"),
    (["--formula", "Y ~ a"], "did you mean y?"),
    (["--formula", "y ~ ."], "'.' for all other columns"),
    (["--formula", "y ~ a + log(y)"], "the target 'y' is on both sides"),
    (["--formula", "y ~ a", "--target", "won"], "--target won and --formula 'y ~ ...' disagree"),
    (["--formula", "y ~ a", "--features", "b"], "leave --features out"),
    (["--formula", "y ~ a", "--log", "a"], "--formula says all terms"),
    (["--formula", "y ~ a", "--log-target"], "--formula says all terms"),
    (["--formula", "log(y) ~ a", "--offset", "b"], "--offset b does not go with --log-target"),
    (["--formula", "log(won) ~ a"], "the target 'won' is taken as classes"),
    (["--formula", "y ~ log(cut)"], "column 'cut' holds texts"),
    (["--formula", "y ~ cut:I(many*2)"], "column 'many' holds texts"),
    (["--formula", "y ~ C(cut, Treatment('Best'))"], "has no level 'Best'"),
    (["--formula", "y ~ poly(size, 6)"], "needs more different values than the 6"),
    (["--formula", "y ~ C(a)*C(b)*C(size)*cut*many"], "the terms make more than 20,000 columns"),
    (["--target", "y", "--log", "cut"], "--log: column 'cut' holds no numbers"),
    (["--target", "y", "--log", "carat"], "--log carat: there is no such column"),
    (["--target", "y", "--poly", "b"], "expected a column and a degree"),
    (["--target", "y", "--poly", "b:3", "--log", "b"], "--log and --poly both name 'b'"),
    (["--target", "y", "--interactions", "a"], "expected columns with colons"),
    (["--target", "y", "--interactions", "a:a"], "a column with itself"),
    (["--target", "y", "--reference", "cut"], "expected a column and its level"),
    (["--target", "y", "--reference", "cut=Best"], "has no level 'Best'"),
    (["--target", "y", "--reference", "size=2"], "isn't used as levels: to take it as levels: --text size"),
    (["--target", "won", "--log-target"], "the target 'won' is taken as classes"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), REFUSED, ids=lambda value: " ".join(value)[:60])
def test_what_can_not_be_is_refused_in_one_line(fit, words, said):
    code, out, err = fit("fit-linear", "t.csv", *words, "--quiet")
    assert code == 2, err
    assert said in err
    assert err.count("\n") == 1
    assert not out


def test_a_model_of_terms_is_not_exported_and_not_begun_from(fit):
    report_of(fit, "--formula", "y ~ log(a)", "--out", "run")
    for words in (["export", "run"], ["fit-linear", "t.csv", "--target", "y", "--init", "run"]):
        code, _, err = fit(*words, "--quiet")
        assert code == 2, words
        assert err.count("\n") == 1


def changed(model, change):
    """A model file whose description is ``change`` of what it was."""
    content = model.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    (key,) = header["__metadata__"]
    description = json.loads(header["__metadata__"][key])
    change(description)
    header["__metadata__"][key] = json.dumps(description)
    made = json.dumps(header).encode()
    model.write_bytes(struct.pack("<Q", len(made)) + made + content[8 + size :])


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('touch hacked')", "eval('1')", "log(a).tofile('hacked')", "lag(a)", "(lambda: 1)()"],
)
def test_hostile_models_are_refused_as_formulas_are(fit, folder, text):
    report_of(fit, "--formula", "y ~ log(a)", "--out", "run")

    def hostile(description):
        terms = description["schema"]["terms"]
        terms["factors"], terms["terms"] = [{"name": text, "text": text}], [[text]]

    changed(folder / "run/model.safetensors", hostile)
    code, _, err = fit("predict", "run", "t.csv")
    assert code == 2
    assert err.count("\n") == 1
    assert not (folder / "hacked").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda terms: terms.pop("states"),
        lambda terms: terms["states"]["poly(a, 2)"].update(alpha=["x", 1.0]),
        lambda terms: terms["states"]["poly(a, 2)"].update(alpha=[1.0]),
        lambda terms: terms["states"]["bs(b, 5)"].update(knots=[1.0, 0.0]),
        lambda terms: terms["states"]["scale(size)"].update(scale=0.0),
        lambda terms: terms["states"].clear(),
        lambda terms: terms.update(terms=[["a"]]),
        lambda terms: terms.update(fills={"a": "x"}),
        lambda terms: terms.update(factors=[{"name": "log(nothing)", "text": "log(nothing)"}]),
    ],
)
def test_damaged_terms_are_refused(fit, folder, change):
    report_of(fit, "--formula", "y ~ poly(a, 2) + bs(b, 5) + scale(size)", "--out", "run")
    changed(folder / "run/model.safetensors", lambda description: change(description["schema"]["terms"]))
    with pytest.raises(DlcliError):
        load_run(folder / "run")
