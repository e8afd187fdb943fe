"""What the pictures of families, quantiles and Huber's loss are drawn of, beside statsmodels; and the pictures."""

import numpy as np
import pytest
import statsmodels.api as sm

from dlcli.linear.evaluation import of_fit

FAMILIES = {
    "poisson": sm.families.Poisson(),
    "negative-binomial:0.5": sm.families.NegativeBinomial(alpha=0.5),
    "gamma": sm.families.Gamma(sm.families.links.Log()),
    "tweedie:1.5": sm.families.Tweedie(var_power=1.5, link=sm.families.links.Log()),
}


def table(kind):
    random = np.random.default_rng(4)
    X = random.normal(size=(120, 2))
    mean = np.exp(0.7 + X @ [0.4, -0.3])
    if kind == "gamma":
        return X, random.gamma(2.0, mean / 2)
    return X, random.poisson(mean).astype(float)


@pytest.fixture
def drawn(monkeypatch):
    """The parts that pictures are made of, and those pictures."""
    kept = {}

    def instead(parts, about, write, quantile=None):
        kept.update(parts=parts, about=about, quantile=quantile)
        draw(parts, about, lambda name, chart: kept.setdefault("charts", {}).update({name: chart}), quantile)

    draw = of_fit.draw_numbers
    monkeypatch.setattr(of_fit, "draw_numbers", instead)
    return kept


@pytest.mark.parametrize("kind", FAMILIES)
def test_residuals_and_leverage_are_statsmodels(fit, drawn, kind):
    X, y = table(kind)
    ran = fit(X, y, "--loss", kind, "--diagnostics", "--plots", "png")
    assert ran.code == 0, ran.err
    peer = sm.GLM(y, sm.add_constant(X), family=FAMILIES[kind]).fit(tol=1e-14)
    h = peer.get_hat_matrix_diag(observed=False)  # as R has it
    pearson = peer.resid_pearson / np.sqrt(peer.scale * (1 - h))
    part = drawn["parts"][0]
    rows = part.rows.drawn(part.spread)
    order = np.argsort(rows.number)
    np.testing.assert_allclose(rows.fitted[order], peer.fittedvalues, rtol=1e-8)
    np.testing.assert_allclose(rows.family.residual[order], peer.resid_deviance, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(rows.leverage[order], h, rtol=1e-7)
    np.testing.assert_allclose(rows.family.pearson[order], pearson, rtol=1e-6)
    np.testing.assert_allclose(rows.cook[order], pearson**2 * h / (1 - h) / 3, rtol=1e-6)
    assert set(drawn["charts"]) == {"calibration", "diagnostics", "predicted"}


def test_a_penalized_family_has_its_rows_in_their_order(fit, drawn):
    X, y = table("poisson")
    ran = fit(X, y, "--loss", "poisson", "--l2", 0.1, "--diagnostics", "--plots", "png")
    assert ran.code == 0, ran.err
    assert drawn["parts"][0].rows.drawn(1.0).leverage is None


def test_huber_and_quantiles(fit, drawn, dlcli, tmp_path):
    X, y = table("gamma")
    ran = fit(X, y, "--loss", "huber", "--diagnostics", "--plots", "png")
    assert ran.code == 0, ran.err
    part = drawn["parts"][0]
    assert part.spread == ran.report["huber"]["scale"]
    rows, peer = part.rows.drawn(part.spread), sm.OLS(y, sm.add_constant(X)).fit()
    np.testing.assert_allclose(rows.leverage[np.argsort(rows.number)], peer.get_influence().hat_matrix_diag, rtol=1e-9)
    assert set(drawn.pop("charts")) == {"diagnostics", "predicted"}
    ran = fit(X, y, "--loss", "quantile:0.8", "--diagnostics", "--plots", "png")
    assert ran.code == 0, ran.err
    assert drawn["quantile"] == 0.8
    assert set(drawn["charts"]) == {"calibration", "predicted"}
    assert dlcli("eval", "run", "t.csv", "--charts", "pictures").code == 0
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["calibration.png", "predicted.png"]


def test_eval_draws_families(fit, dlcli, tmp_path):
    X, y = table("poisson")
    assert fit(X, y, "--loss", "poisson").code == 0
    ran = dlcli("eval", "run", "t.csv", "--charts", "pictures", "--check", "d2>0")
    assert ran.code == 0, ran.err
    names = ["calibration.png", "diagnostics.png", "predicted.png"]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == names
