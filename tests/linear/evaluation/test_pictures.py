"""What goes into pictures of classes: curves of fewer points, bins of probability."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dlcli.linear.evaluation.classes import ClassSums
from dlcli.linear.evaluation.pictures import About, ClassPart, coarser, draw_classes, equal_bins
from dlcli.linear.evaluation.ranking import Scores
from dlcli.linear.objectives.loss import log_softmax


def test_a_curve_of_fewer_points_is_the_same_curve():
    random = np.random.default_rng(0)
    truth = random.random(20_000) < 0.02
    scores = Scores(1)
    values = random.normal(2 * truth, 1)
    scores.add(values[:, None], truth[:, None])
    whole = scores.ranking(0)
    few = coarser(whole, 200)
    assert len(few.values) <= 200
    assert few.positive.sum() == truth.sum()
    assert few.auc() == pytest.approx(roc_auc_score(truth, values), abs=2e-3)
    known = set(zip(*(rates.tolist() for rates in whole.roc()), strict=True))
    assert set(zip(*(rates.tolist() for rates in few.roc()), strict=True)) <= known, "every point is one of the curve"
    assert coarser(few, 200) is few


def test_bins_of_probability_hold_about_as_many_rows():
    probability = np.linspace(0.001, 0.2, 500)
    true, untrue = np.tile([0.0, 1.0], 250), np.tile([1.0, 0.0], 250)
    mean, rows, hits = equal_bins(probability, true, untrue, 10)
    assert rows.tolist() == [50] * 10
    assert hits.tolist() == [25] * 10
    np.testing.assert_allclose(mean, probability.reshape(10, 50).mean(axis=1))
    mean, rows, hits = equal_bins(np.array([0.1, 0.9]), np.array([1.0, 99]), np.array([99.0, 1]), 10)
    assert (mean.tolist(), rows.tolist(), hits.tolist()) == ([0.1, 0.9], [100, 100], [1, 99])


@pytest.mark.parametrize("classes", [2, 3, 101])
def test_each_kind_of_classes_has_its_pictures(classes):
    random = np.random.default_rng(classes)
    truth = random.integers(0, classes, 400)
    sums = ClassSums(classes, "max-f1" if classes == 2 else None)
    sums.add(log_softmax(random.normal(0, 1, (400, classes)) + np.eye(classes)[truth]), truth)
    names = tuple(f"class {c}" for c in range(classes))
    drawn = {}
    part = ClassPart("of new.csv", sums.measured(), selected=classes == 2)
    draw_classes([part], About("kind", names), drawn.__setitem__)
    assert list(drawn) == ["ranking", "calibration", *(["confusion"] if classes <= 100 else [])]
    legend = [text.get_text() for text in drawn["ranking"].figure.legends[0].get_texts()]
    assert any("selected on these rows" in text for text in legend) == (classes == 2)
    rows = sum(patch.get_data().values.sum() for patch in drawn["calibration"].figure.axes[1].patches)
    assert rows == 400


def test_rows_of_one_class_have_no_curves():
    sums = ClassSums(2)
    sums.add(np.log([[0.3, 0.7], [0.6, 0.4]]), np.array([0, 0]))
    drawn = {}
    draw_classes([ClassPart("of new.csv", sums.measured())], About("kind", ("no", "yes")), drawn.__setitem__)
    assert list(drawn) == ["calibration", "confusion"]
