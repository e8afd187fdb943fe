"""Splits by groups and times, beside scikit-learn's GroupKFold and TimeSeriesSplit."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, TimeSeriesSplit

from dlcli.errors import DlcliError
from dlcli.linear.data.split import VALIDATION, Split
from dlcli.linear.splits.groups import check_groups, parts_by_chance, parts_of
from dlcli.linear.splits.tally import MISSING, Tally, keys_of, scattered
from dlcli.linear.splits.times import blocks_of, ends_of

SIZES = st.lists(st.integers(1, 40), min_size=2, max_size=30)


def keys(count):
    return np.sort(keys_of(pl.Series([f"group {i}" for i in range(count)])))


@given(SIZES, st.integers(2, 6), st.integers(0, 5))
def test_folds_of_groups_are_as_large_as_scikit_learns(sizes, folds, seed):
    if len(sizes) < folds:
        return
    counts = np.array(sizes)
    parts = parts_of(keys(len(sizes)), counts, Split(0, folds, seed))
    rows = np.repeat(np.arange(len(sizes)), counts)
    expected = [len(test) for _, test in GroupKFold(folds).split(rows, groups=rows)]
    assert sorted(np.bincount(parts, counts, minlength=folds).astype(int)) == sorted(expected)


@given(SIZES, st.floats(0.01, 0.95), st.sampled_from([0, 2, 3]), st.integers(0, 5))
def test_groups_are_held_out_nearly_to_their_share(sizes, fraction, folds, seed):
    counts = np.array(sizes)
    if len(sizes) < folds + 1:
        return
    parts = parts_of(keys(len(sizes)), counts, Split(fraction, folds, seed))
    held = counts[parts == VALIDATION].sum()
    assert 0 < held < counts.sum()
    # No group that was left would bring it nearer, unless it were the last one.
    wanted, left = fraction * counts.sum(), counts[parts != VALIDATION]
    if len(left) > 1 and np.count_nonzero(parts == VALIDATION) > 1:
        assert all(abs(held + size - wanted) >= abs(held - wanted) for size in left)


def test_another_seed_holds_out_other_groups_and_the_same_one_the_same():
    counts = np.ones(50, dtype=int)
    first, again, other = (parts_of(keys(50), counts, Split(0.3, 3, seed)) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert (first == VALIDATION).sum() == 15


def test_groups_that_are_too_many_are_dealt_out_evenly_by_their_keys():
    many = keys(20_000)
    parts = parts_by_chance(many, Split(0.2, 4, 3))
    assert abs((parts == VALIDATION).mean() - 0.2) < 0.015
    assert np.ptp(np.bincount(parts[parts >= 0], minlength=4)) < 400
    assert (parts_by_chance(many[:10], Split(0.2, 4, 3)) == parts[:10]).all()


@pytest.mark.parametrize(("count", "split"), [(1, Split(0.2, 0, 0)), (3, Split(0, 4, 0)), (3, Split(0.2, 3, 0))])
def test_too_few_groups_are_refused(count, split):
    with pytest.raises(DlcliError, match="--group shop"):
        check_groups("shop", count, split)


@given(st.integers(2, 8), st.integers(0, 60), st.randoms())
def test_folds_of_times_are_scikit_learns(folds, more, random):
    rows = folds + 1 + more
    times = np.arange(rows) * 0.37 - 5
    order = list(range(rows))
    random.shuffle(order)
    split = Split(0, folds, 0)
    parts = blocks_of(times[order], ends_of(times, np.ones(rows, int), split, "date"), split)
    for fold, (train, test) in enumerate(TimeSeriesSplit(folds).split(times), start=1):
        assert sorted(times[order][parts == fold]) == times[test].tolist()
        assert sorted(times[order][parts < fold]) == times[train].tolist()


@given(st.lists(st.integers(0, 9), min_size=4, max_size=80), st.sampled_from([0, 2, 3]), st.floats(0.05, 0.9))
def test_no_time_is_in_two_parts_and_later_parts_are_later(values, folds, fraction):
    times = np.array(values, dtype=float)
    different, counts = np.unique(times, return_counts=True)
    split = Split(fraction, folds, 0)
    if len(different) < folds + 2:
        with pytest.raises(DlcliError, match=r"different times|same time"):
            ends_of(different, counts, split, "date")
        return
    parts = blocks_of(times, ends_of(different, counts, split, "date"), split)
    order = [*range(folds + 1), VALIDATION]
    assert set(parts.tolist()) == set(order)
    for earlier, later in pairwise(order):
        assert times[parts == earlier].max() < times[parts == later].min()


def test_a_tally_counts_whatever_the_pieces_and_more_times_than_it_holds_nearly():
    random = np.random.default_rng(0)
    values = random.integers(0, 50, 10_000).astype(float)
    exact = Tally(np.float64, 100, coarse=True)
    for piece in np.array_split(values, 7):
        exact.add(piece)
    found, counts = exact.found()
    expected = np.unique(values, return_counts=True)
    assert (found == expected[0]).all()
    assert (counts == expected[1]).all()
    coarse = Tally(np.float64, 1000, coarse=True)
    for piece in np.array_split(random.permutation(50_000).astype(float), 9):
        coarse.add(piece)
    found, counts = coarse.found()
    assert len(found) <= 1000
    assert counts.sum() == 50_000
    assert np.abs(np.cumsum(counts) - (found + 1)).max() < 200
    many = Tally(np.uint64, 10, coarse=False)
    many.add(np.arange(50, dtype=np.uint64))
    many.found()
    assert many.many


def test_keys_are_the_same_in_any_order_and_none_where_a_group_is_missing():
    texts = pl.Series(["a", None, "b", "a", "ä"])
    made = keys_of(texts)
    assert made[0] == made[3]
    assert made[1] == MISSING
    assert len(set(made.tolist())) == 4
    assert (keys_of(texts.reverse())[::-1] == made).all()
    assert int(made[0]) == 0x2F42665B399EF840  # or eval would measure on other rows than training held out
    numbers = scattered(np.arange(1, 100_001, dtype=np.uint64), 0, 1)
    assert abs(numbers.mean() - 0.5) < 0.005
    assert abs(np.quantile(numbers, 0.1) - 0.1) < 0.005
