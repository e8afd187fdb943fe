"""Families with a link: their derivatives, their deviances, and which there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.values.loss import LossText, parse_loss
from dlcli.errors import DlcliError
from dlcli.linear.losses.families import check_targets, family_of, response
from dlcli.linear.objectives.loss import is_kind, loss_of

metrics = pytest.importorskip("sklearn.metrics")
KINDS = [
    "poisson", "gamma", "negative-binomial:0.7", "tweedie:0.0/log", "tweedie:1.5", "tweedie:2.5", "poisson/identity",
    "gamma/identity", "gamma/inverse", "negative-binomial:2.0/identity", "tweedie:1.5/identity", "tweedie:3.0/inverse",
]  # fmt: skip


@given(kind=st.sampled_from(KINDS), y=st.floats(0.1, 30), s=st.floats(0.2, 4))
def test_derivatives_are_those_of_the_loss(kind, y, s):
    family, h = family_of(kind), 1e-4 * s
    at = np.array([s - h, s, s + h])
    loss, slope, bend = family.terms(at, np.full(3, y), True)
    size = max(abs(loss[1]), abs(bend[1]), 1.0)
    np.testing.assert_allclose((loss[2] - loss[0]) / (2 * h), slope[1], rtol=1e-5, atol=1e-4 * size)
    np.testing.assert_allclose((slope[2] - slope[0]) / (2 * h), bend[1], rtol=1e-5, atol=1e-4 * size)
    # What is expected of the second one is what it is where the target is the mean.
    mean = family.mean(at[1:2])
    np.testing.assert_allclose(family.terms(at[1:2], mean, True)[2], family.weights(at[1:2]), rtol=1e-9)
    np.testing.assert_allclose(family.terms(at[1:2], mean, False)[1], 0, atol=1e-12 * size)
    np.testing.assert_allclose(family.scores(mean), at[1:2], rtol=1e-12)


@pytest.mark.parametrize(("kind", "power"), [("poisson", 1), ("gamma", 2), ("tweedie:1.5", 1.5), ("tweedie:3.0", 3)])
def test_deviances_are_scikit_learns(kind, power):
    random = np.random.default_rng(0)
    y, mean = random.gamma(2, size=50) * (random.random(50) < 0.7 if power < 2 else 1), random.gamma(2, size=50)
    family = family_of(kind)
    unit = 2 * (family.terms(family.scores(mean), y, False)[0] - family.saturated(y))
    np.testing.assert_allclose(unit.mean(), metrics.mean_tweedie_deviance(y, mean, power=power), rtol=1e-12)


def test_scores_at_the_ends_of_float64_have_finite_slopes():
    for kind in ("poisson", "negative-binomial:0.5"):
        slopes = family_of(kind).terms(np.array([-800.0, -30.0, 30.0]), np.array([0.0, 3.0, 3.0]), True)
        assert all(np.isfinite(part).all() for part in slopes)
    with np.errstate(over="ignore", invalid="ignore"):
        loss, slope, _ = family_of("negative-binomial:0.5").terms(np.array([900.0]), np.array([3.0]), True)
    np.testing.assert_allclose((loss, slope), ([(3 + 2) * (900 + np.log(0.5)) - 2700], [2.0]), rtol=1e-12)
    assert np.isinf(family_of("poisson/identity").terms(np.array([-1.0]), np.array([2.0]), True)[0]).all()


def test_kinds_are_texts_and_back():
    assert [loss_of(kind).kind for kind in KINDS] == KINDS
    assert all(is_kind(kind) for kind in [*KINDS, "mse", "logistic", "softmax"])
    wrong = ["", "poison", "poisson:1", "tweedie", "tweedie:0.5", "gamma/cube", "negative-binomial", "mse:1", "mse/log"]
    assert not any(is_kind(kind) for kind in [*wrong, 3])
    np.testing.assert_allclose(response("gamma/inverse", np.array([4.0])), 0.25)
    np.testing.assert_allclose(response("mse", np.array([4.0])), 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("poison", "expected one of auto, mse, cross-entropy, poisson, gamma, negative-binomial[:ALPHA], tweedie:P"),
        ("poisson:2", "poisson takes no number"), ("tweedie", "expected tweedie:P, with P 0, 1, or a number from 1"),
        ("tweedie:0.5", "no distribution has one between"), ("tweedie:nan", "expected tweedie:P"),
        ("negative-binomial:0", "with ALPHA a number above 0"), ("negative-binomial:x", "with ALPHA a number above 0"),
    ],
)  # fmt: skip
def test_losses_that_there_are_not(text, words):
    with pytest.raises(ValueError, match=r"expected|takes") as error:
        parse_loss(text)
    assert words in str(error.value)
    assert parse_loss("negative-binomial:2") == LossText("negative-binomial", 2.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss": "mse", "link": "log"}, "--link log goes with --loss poisson, gamma"),
        ({"loss": "poisson", "link": "inverse"}, "use log or identity"),
        ({"loss": "poisson", "optimizer": "exact"}, "use --optimizer newton"),
    ],
)
def test_links_and_optimizers_that_a_loss_has_not(options, words):
    with pytest.raises(DlcliError) as error:
        FitLinearConfig.build(options)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("kind", "y", "words"),
    [
        ("poisson", [1, -2.0, -1], "the target holds -2 and 1 more such values, expected 0 or more"),
        ("gamma", [1, 0.0], "use --loss tweedie:1.5"), ("tweedie:2.5", [1, -1.0], "above 0"),
        ("negative-binomial", [0, 1.5], "expected counts"), ("tweedie:1.5", [-1e-9], "expected 0 or more"),
    ],
)  # fmt: skip
def test_targets_that_a_family_has_not(kind, y, words):
    with pytest.raises(DlcliError) as error:
        check_targets(family_of(kind), np.array(y))
    assert words in str(error.value) + " " + (error.value.hint or "")
    check_targets(family_of("tweedie:0.0"), np.array([-1.0]))
