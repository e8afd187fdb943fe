"""What sums of answers of yes and no, and of counts, tell."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dlcli.federated.linear.bins import BINS, area_of, bin_of
from dlcli.federated.linear.indicators import largest, reached


def test_the_largest_of_some_numbers_is_known_to_a_factor_of_two():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values = 10.0 ** rng.uniform(-6, 6, 5)
        assert values.max() / 2 < largest(np.sum([reached(v) for v in values], axis=0)) <= values.max()
    assert largest(reached(0.0) + reached(-3.0)) == 0.0


@pytest.mark.parametrize("whole", [True, False])
def test_areas_from_bins_are_those_of_scikit_learn(whole):
    rng = np.random.default_rng(1)
    truth = rng.random(5000) < 0.3
    odds = rng.normal(size=5000) * 3 + 2 * truth
    order = odds if whole else -np.logaddexp(0, -odds)
    places = bin_of(order, whole=whole)
    counts = np.stack([np.bincount(places[truth == t], minlength=BINS) for t in (False, True)]).astype(float)
    assert area_of(counts) == pytest.approx(roc_auc_score(truth, odds), abs=2e-4)
