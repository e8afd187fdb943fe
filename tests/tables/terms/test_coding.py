"""Coding of levels: no column repeats others, and none is missing."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dlcli.tables.terms.coding import coded

LEVELS = {"a": 2, "b": 3, "c": 2}
NUMBERS = ("x", "z")
TERMS = [t for size in (1, 2, 3) for t in itertools.combinations((*LEVELS, *NUMBERS), size)]
# Every combination of levels, with numbers that are in no relation.
GRID = np.array(list(itertools.product(*(range(count) for count in LEVELS.values()), range(9))))
CODES = dict(zip(LEVELS, GRID.T, strict=False))
DRAWN = dict(zip(NUMBERS, np.random.default_rng(0).normal(size=(2, len(GRID))), strict=True))


def columns(product):
    """The columns (n, k) of a product of factors, each with its first level or without it."""
    made = np.ones((len(GRID), 1))
    for name, reduced in product:
        block = np.eye(LEVELS[name])[CODES[name]][:, int(reduced) :] if name in LEVELS else DRAWN[name][:, None]
        made = (made[:, :, None] * block[:, None, :]).reshape(len(GRID), -1)
    return made


@given(st.lists(st.sampled_from(TERMS), min_size=1, max_size=6, unique=True), st.booleans())
def test_columns_are_independent_and_span_all_that_the_terms_do(terms, intercept):
    terms = sorted(terms, key=len)
    one = [np.ones((len(GRID), 1))] * intercept
    products = [product for term in coded(terms, LEVELS, intercept=intercept) for product in term]
    X = np.hstack([*one, *(columns(product) for product in products)])
    whole = np.hstack([*one, *(columns([(name, False) for name in term]) for term in terms)])
    assert np.linalg.matrix_rank(X) == X.shape[1]
    assert np.linalg.matrix_rank(np.hstack([X, whole])) == X.shape[1]


def test_a_term_that_others_span_has_no_columns():
    assert coded([("a", "b"), ("a",)], LEVELS, intercept=True)[1] == []
