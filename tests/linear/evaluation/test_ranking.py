"""Areas under curves against scikit-learn, where scores are kept and where they are counted in bins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score, roc_curve

from dlcli.linear.evaluation.ranking import ALL_BITS, MOST_BITS, Scores, _bins, _edges, shortest_between


def ranked(scores, truth, most=10**9, parts=3):
    sums = Scores(1, most)
    for part in np.array_split(np.arange(len(scores)), parts):
        sums.add(scores[part, None], truth[part, None])
    return sums.ranking(0)


@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=60))
def test_areas_and_curves_with_ties(pairs):
    truth, scores = np.array([t for t, _ in pairs]), np.array([float(s) for _, s in pairs])
    ours = ranked(scores, truth)
    if truth.all() or not truth.any():
        assert np.isnan([ours.auc(), ours.average_precision()]).all()
        return
    assert ours.auc() == pytest.approx(roc_auc_score(truth, scores), abs=1e-14)
    assert ours.average_precision() == pytest.approx(average_precision_score(truth, scores), abs=1e-14)
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(ours.roc(), (false, true), atol=1e-15)
    precision, recall, values = precision_recall_curve(truth, scores)
    np.testing.assert_allclose(ours.values, values[::-1])
    np.testing.assert_allclose(ours.precision_recall(), (recall[-2::-1], precision[-2::-1]), atol=1e-15)
    each = [f1_score(truth, scores >= value, zero_division=0) for value in ours.values]
    assert each[ours.best_f1()] == pytest.approx(max(each))


def test_scores_in_bins_are_as_good():
    random = np.random.default_rng(0)
    truth = random.random(5000) < 0.1
    scores = np.where(truth, 2.0, 0.0) + random.normal(0, 1, 5000) - 1
    binned, exact = ranked(scores, truth, most=1000), ranked(scores, truth)
    assert (binned.exact, exact.exact) == (False, True)
    assert binned.positive.sum() == truth.sum()
    assert binned.auc() == pytest.approx(exact.auc(), abs=1e-4)
    assert binned.average_precision() == pytest.approx(exact.average_precision(), abs=1e-3)
    sums = [Scores(1, most) for most in (10**6, 10)]
    for one in sums:
        one.add(np.abs(scores)[:, None], truth[:, None])
    assert sums[0].median() == np.median(np.abs(scores))
    assert sums[1].median() == pytest.approx(np.median(np.abs(scores)), rel=1e-3)


def test_bins_are_in_the_order_of_their_scores_and_begin_below_them():
    scores = np.sort(np.array([-1e300, -1e30, -7.0, -1e-9, -0.0, 0.0, 1e-40, 0.3, 1.0, 4e7, 1e300, -np.inf, np.inf]))
    bins = _bins(scores, MOST_BITS)
    assert (np.diff(bins) >= 0).all()
    assert len(set(bins[scores == 0])) == 1
    finite = np.abs(scores) < 1e38
    edges = _edges(bins, MOST_BITS)[finite]
    assert (edges <= scores[finite]).all()
    assert (np.abs(edges - scores[finite]) <= np.abs(scores[finite]) * 2**-11 + 1e-38).all()


def test_many_classes_share_the_memory_of_bins():
    assert Scores(1)._bits == MOST_BITS
    for rankings in (3, 100, 1000):
        assert rankings << Scores(rankings)._bits <= 1 << ALL_BITS


@given(st.floats(0, 1), st.floats(0, 1))
def test_thresholds_of_few_digits_tell_the_same_rows_apart(a, b):
    low, high = sorted((a, b))
    assert (low < shortest_between(low, high) <= high) or low == high == shortest_between(low, high)
